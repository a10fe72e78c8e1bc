"""A mail that came back, taken apart as its readers need it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import chain

from digest.address import address_key
from digest.bounce import whom
from digest.bounce.parts import TEXT_CHARACTERS, Fields, Part, parts, split

OPENING = 4000
"""Characters of a text in which a bounce has said what it is."""
SENT_TO = ("delivered-to", "x-original-to", "envelope-to", "to")
RETURNED = (
    "message/rfc822",
    "text/rfc822-headers",
    "text/rfc822-header",
    "message/global",
    "message/global-headers",
    "text/rfc822",
)
STATUS_PARTS = ("message/delivery-status", "message/global-delivery-status")


@dataclass(frozen=True, kw_only=True)
class Mail:
    """One mail. `words` is its own text, up to what it returns.

    `ours` are keys of addresses that cannot have failed: the report's own, the returned message's sender.
    """

    headers: Fields
    parts: Sequence[Part]
    words: str
    original: Fields
    ours: frozenset[str]

    @property
    def opening(self) -> str:
        """Give what its text begins with, in lower case and on one line: sentences are broken anywhere."""
        return " ".join(self.words[:OPENING].lower().split())

    @property
    def subject(self) -> str:
        """Give the subject in lower case."""
        return self.headers.get("subject").lower()

    @property
    def sender(self) -> str:
        """Give the From in lower case."""
        return self.headers.get("from").lower()

    def of(self, kinds: Iterable[str]) -> list[Part]:
        """Give the parts of some content types."""
        return [part for part in self.parts if part.kind in kinds]


def taken_apart(message: bytes) -> Mail:
    """Take a mail apart; of one that a gateway has wrapped whole into an attachment, what is in it."""
    mail = _as_it_is(message)
    wrapped = mail.original.get("content-type").lower().startswith("multipart/report")
    if wrapped and not mail.of(STATUS_PARTS):
        return _as_it_is(next(iter(mail.of(RETURNED))).body)
    return mail


def _as_it_is(message: bytes) -> Mail:
    headers, body = split(message)
    found = parts(headers, body)
    returned = next((part for part in found if part.kind in RETURNED), None)
    original = split(returned.body)[0] if returned else Fields("")
    own = chain(
        *(headers.all(name) for name in (*SENT_TO, "from")),
        *(original.all(name) for name in ("from", "sender", "reply-to", "return-path", "errors-to")),
    )
    return Mail(
        headers=headers,
        parts=found,
        words=whom.before_the_returned(_text(found)),
        original=original,
        ours=frozenset(address_key(match["address"]) for text in own for match in whom.ANY.finditer(text)),
    )


def _text(found: Sequence[Part]) -> str:
    """Give what is written for people: the plain parts, or where there are none, the HTML."""
    for kind in ("text/plain", "text/html"):
        text = "\n".join(part.text[:TEXT_CHARACTERS] for part in found if part.kind == kind)
        if text.strip():
            return text[:TEXT_CHARACTERS]
    return ""
