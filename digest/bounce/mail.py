"""A mail that came back, taken apart as its readers need it."""

import re
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

# Where the header of a message begins that is returned within a text.
_HEADER = re.compile(
    r"^(return-path|delivered-to|received|from|date|message-id|to|subject|mime-version|dkim-signature):",
    re.IGNORECASE | re.MULTILINE,
)


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
    if wrapped and mail.of(RETURNED) and not mail.of(STATUS_PARTS):
        return _as_it_is(mail.of(RETURNED)[0].body)
    return mail


def _as_it_is(message: bytes) -> Mail:
    headers, body = split(message)
    found = parts(headers, body)
    returned = next((part for part in found if part.kind in RETURNED), None)
    text = _text(found)
    words = whom.before_the_returned(text)
    attached = split(returned.body)[0] if returned else None
    own = chain(
        *(headers.all(name) for name in (*SENT_TO, "from")),
        *(
            (attached or Fields("")).all(name)
            for name in ("from", "sender", "reply-to", "return-path", "errors-to")
        ),
    )
    return Mail(
        headers=headers,
        parts=found,
        words=words,
        original=attached or _in_text(text[len(words) :]),
        ours=frozenset(address_key(match["address"]) for text in own for match in whom.ANY.finditer(text)),
    )


def _in_text(rest: str) -> Fields:
    """Give the header of a message that is returned within the text, perhaps quoted."""
    plain = re.sub(r"^> ?", "", rest, flags=re.MULTILINE)
    begin = _HEADER.search(plain)
    return Fields(plain[begin.start() :].partition("\n\n")[0] if begin else "")


def _text(found: Sequence[Part]) -> str:
    """Give what is written for people: the plain parts, or where there are none, the HTML."""
    for kind in ("text/plain", "text/html"):
        text = "\n".join(part.text[:TEXT_CHARACTERS] for part in found if part.kind == kind)
        if text.strip():
            return text[:TEXT_CHARACTERS]
    return ""
