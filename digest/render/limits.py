"""What a finished mail may not be: too long, or without what every message has to carry. Pure."""

import re

from digest.errors import RenderError
from digest.model import slot_placeholder
from digest.render.slots import is_whole

# Octets of HTML. Past 102 kB Gmail clips the end, unsubscribe link and all.
LIMIT = 90_000

# Octets of the same in quoted-printable, where an octet that is not ASCII takes three. Gmail does not say
# whether it counts before or after decoding, so a page in Cyrillic stays under both.
ENCODED_LIMIT = 102_000

_FORBIDDEN = re.compile(r"<(?:script|form|iframe|object|embed|link|base)\b", re.IGNORECASE)
_LOADED = re.compile(r"@(?:import|font-face)\b", re.IGNORECASE)
_STYLE = re.compile(r"<style\b.*?</style>", re.DOTALL | re.IGNORECASE)
_COMMENT = re.compile(r"<!--.*?-->", re.DOTALL)


def fits(html: str) -> bool:
    """Tell whether a mail client will show the whole page."""
    octets = html.encode()
    return len(octets) <= LIMIT and encoded_length(octets) <= ENCODED_LIMIT


def encoded_length(octets: bytes) -> int:
    """Estimate the length in quoted-printable (RFC 2045, section 6.7), its soft breaks included."""
    tripled = sum(octet > 126 or octet == 0x3D for octet in octets)  # noqa: PLR2004  beyond "~", and "="
    flat = len(octets) + 2 * tripled
    return flat + 3 * (flat // 73)


def check(*, part: str, body: str, nonce: str) -> None:
    """Raise RenderError unless a part carries what it has to; `part` is its template's name."""
    if not is_whole(body, nonce):
        raise RenderError(
            f"{part}: a reader slot was damaged, by a filter or a set block around it: print it alone"
        )
    if slot_placeholder(nonce, "unsubscribe_url") not in body:
        raise RenderError(
            f"{part}: there is no unsubscribe link: every mail shows one, {{{{ reader.unsubscribe_url }}}}"
        )
    if part.endswith(".html.j2") and (found := _blocked(_COMMENT.sub("", body))):
        raise RenderError(
            f"{part}: mail clients block {found!r}, or the whole mail with it: take it out of the template"
        )


def _blocked(html: str) -> str:
    """Give the first thing in a page that mail clients block; a story's own text is escaped and no markup."""
    if found := _FORBIDDEN.search(html):
        return found[0]
    loaded = (_LOADED.search(style[0]) for style in _STYLE.finditer(html))
    return next((found[0] for found in loaded if found), "")
