"""Finds the addresses in a bounce's text that the mail did not reach. Names none rather than a wrong one."""

import re
from collections.abc import Collection, Iterator, Mapping
from itertools import islice

from digest.address import address_key, normalise
from digest.bounce import judge
from digest.bounce.signs import FAILURE, NOT_ABOUT, RETURNED
from digest.delivery.reply import words
from digest.errors import AddressError

RECIPIENTS = 30
"""Of one text. A message of ours has one."""
# A local part that ends in an equals sign is a field of a signature: header.i=@ledger.example.
_ANY = r"(?P<address>[^\s<>()\[\]{}\",;:\\@|]{1,64}(?<!=)@(?:[\w-]{1,63}\.){1,8}[\w-]{2,63})"
ANY = re.compile(_ANY)
# Where a failed recipient stands: at a line's start, behind bullets; or behind a word that says so.
LISTED = re.compile(
    r"^[ \t>*|-]{0,40}[\"'<\[(]{0,3}(?:smtp:|mailto:|c=\S{1,10};.{0,80}smtp=)?"
    + _ANY
    # A sentence that begins with an address is about something else.
    + r"(?=[>\"'\])]*(?:[ \t]*(?:$|[:;,<(\[=-]|\.\.)|[ \t]+on\b))",
    re.MULTILINE | re.IGNORECASE,
)
NAMED = re.compile(
    r"(?:(?:recipients?|addressee|userid|unknown user|undeliverable|address(?:ed)?)(?: address)?"
    r"(?:,|:| {1,3}to:?| is:?)?|error-for:|rcpt to:|\d attempts:|mailbox is full:"
    r"|(?:generated|expanded) from:?"
    r"|(?:message|mail|deliver\w*|e-?mail|relay)(?: of email)? (?:to|for)(?: this address)?:?"
    r"|violation for|local mailbox|message for|could not be delivered to:?)"
    r"[\s\"'<\[(*-]{1,12}(?:smtp:)?" + _ANY,
    re.IGNORECASE,
)
# An alias and where it leads: we have written to the one that stands last.
_EXPANDED = re.compile(
    _ANY + r"[^@]{0,300}?\b(?:generated|expanded) from:?[\s\"'<(]{1,6}" + _ANY.replace("address", "origin"),
    re.IGNORECASE,
)
_PREFIXES = re.compile(r"^(?:smtp=|rfc822=|mailto:|[*'`.=-]+)", re.IGNORECASE)
_NOBODYS = re.compile(r"(?:mailer-daemon|postmaster|double-?bounce|abuse|no-?reply|do-?not-?reply)@")


def mailbox(text: str, ours: Collection[str] = ()) -> str:
    """Give a text's address as a subscriber's is written; empty for none, a daemon's, or one of `ours`.

    `ours` are keys (`address_key`).
    """
    found = ANY.search(text)
    if not found:
        return ""
    try:
        address = normalise(_PREFIXES.sub("", found["address"]).rstrip(".'"))
    except AddressError:
        return ""
    key = address_key(address)
    return "" if key in ours or _NOBODYS.match(key) else address


def before_the_returned(text: str) -> str:
    """Give a report's own words: what stands before the message that it returns."""
    position = 0
    for line in text.split("\n"):
        if position and RETURNED.search(line[:300].lower()):
            return text[:position]
        position += len(line) + 1
    return text


def sections(text: str, ours: Collection[str]) -> dict[str, str]:
    """Give the failed recipients of a text in their order, each with what is said about it.

    That is what stands from its line to the next one's, and for the first what leads to it.
    """
    first: dict[str, int] = {}
    known: set[str] = set()
    origin = origins(text, ours)
    for start, named in sorted(_mentions(text, ours)) or _alone(text, ours):
        address = origin.get(address_key(named), named)
        if address_key(address) not in known and len(first) < RECIPIENTS:
            known.add(address_key(address))
            first[address] = text.rfind("\n", 0, start) + 1
    if not first:
        return {}
    begins = list(first.values())
    ends = [*begins[1:], len(text)]
    # Two addresses on one line are spoken of together.
    return {
        address: text[begin : next((end for end in ends[number:] if end > begin), len(text))]
        for number, (address, begin) in enumerate(first.items())
    }


def origins(text: str, ours: Collection[str]) -> dict[str, str]:
    """Give the addresses that we wrote to, by the key (`address_key`) of where each leads."""
    found = (
        (mailbox(match["address"]), mailbox(match["origin"], ours)) for match in _EXPANDED.finditer(text)
    )
    return {address_key(target): origin for target, origin in found if target and origin}


def about(said: Mapping[str, str], address: str, otherwise: str) -> str:
    """Give the section about an address, whatever its case."""
    key = address_key(address)
    return next((text for one, text in said.items() if address_key(one) == key), otherwise)


def _mentions(text: str, ours: Collection[str]) -> Iterator[tuple[int, str]]:
    for pattern in (LISTED, NAMED):
        for match in pattern.finditer(text):
            start = match.start("address")
            address = mailbox(match["address"], ours)
            if address and not NOT_ABOUT.search(_line(text, start)[: start - text.rfind("\n", 0, start)]):
                yield start, address


def _alone(text: str, ours: Collection[str]) -> list[tuple[int, str]]:
    """Give the one address in a sentence about a failure, wherever it stands in it; of several, none."""
    found = [
        (match.start(), address)
        for match in islice(ANY.finditer(text), RECIPIENTS)
        if (address := mailbox(match["address"], ours)) and _is_of_failure(_line(text, match.start()))
    ]
    return found if len({address_key(address) for _, address in found}) == 1 else []


def _is_of_failure(line: str) -> bool:
    said = words(line)
    return not NOT_ABOUT.search(line) and bool(FAILURE.search(said) or judge.of_words(line).is_sure)


def _line(text: str, position: int) -> str:
    """Give the line around a position, of which 300 characters matter, in lower case."""
    begin = max(text.rfind("\n", 0, position) + 1, position - 150)
    end = text.find("\n", position)
    return text[begin : min(end if end >= 0 else len(text), position + 150)].lower()
