"""Mail addresses as the settings hold them: checked, and with the domain as A-label (RFC 5890)."""

import re
from dataclasses import dataclass
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, PlainSerializer, WithJsonSchema

from digest.address import normalise
from digest.errors import AddressError

MAILBOX = re.compile(r'(?:(?P<quoted>"(?:[^"\\]|\\.)*")|(?P<plain>[^"<>]*))\s*<(?P<address>[^<>]*)>')
# RFC 5322, section 3.2.3: these stand in a display name only between quotes.
SPECIALS = re.compile(r"[()<>\[\]:;@\\,]")


@dataclass(frozen=True, kw_only=True)
class Mailbox:
    """An address with the name that is shown beside it; the domain is an A-label (RFC 5890)."""

    name: str
    address: str

    def __str__(self) -> str:
        """Give `Name <address>`, the name in quotes where RFC 5322 wants them."""
        if not self.name:
            return self.address
        escaped = self.name.replace("\\", "\\\\").replace('"', '\\"')
        name = f'"{escaped}"' if SPECIALS.search(self.name) or '"' in self.name else self.name
        return f"{name} <{self.address}>"


def line(text: str) -> str:
    """Read one line of text: it ends up in headers, where a line break would begin another one."""
    if not text.isprintable():
        raise ValueError("must be one line, without control characters")
    return text.strip()


def address(text: str) -> str:
    """Read one address and give its domain as A-label (RFC 5890), its local part in ASCII."""
    try:
        found = normalise(line(text))
    except AddressError as exc:
        raise ValueError(str(exc).rstrip(".")) from exc
    # These addresses stand in headers of every message, whether or not the relay offers SMTPUTF8 (RFC 6531).
    if not found.isascii():
        raise ValueError("must be ASCII before the @-sign")
    return found


def mailbox(value: object) -> Mailbox:
    """Read `Name <address>` or an address alone (RFC 5322, section 3.4): exactly one."""
    if isinstance(value, Mailbox):
        return value
    if not isinstance(value, str):
        raise ValueError('must be text: "Name <address>"')  # noqa: TRY004 - pydantic collects ValueErrors
    text = line(value)
    match = MAILBOX.fullmatch(text)
    if match is None:
        return Mailbox(name="", address=address(text))
    if match["quoted"] is not None:
        name = re.sub(r"\\(.)", r"\1", match["quoted"][1:-1])
    else:
        name = match["plain"].strip()
        if SPECIALS.search(name):
            raise ValueError(
                "must be one address; a name with a comma or the like goes in quotes: '\"A, B\" <a@b>'"
            )
    return Mailbox(name=name.strip(), address=address(match["address"]))


Line = Annotated[str, AfterValidator(line)]
Address = Annotated[str, AfterValidator(address)]
Sender = Annotated[
    Mailbox,
    BeforeValidator(mailbox),
    PlainSerializer(str, return_type=str),
    WithJsonSchema({"type": "string"}),
]
