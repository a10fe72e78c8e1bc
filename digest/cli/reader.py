"""Finds the reader whom a command is about: by an address, or by a link that an angry one has pasted."""

from typing import Annotated

import typer

from digest import links
from digest.address import normalise
from digest.cli.output import tell
from digest.desk import Desk
from digest.errors import AddressError, DigestError, TokenError, UsageError
from digest.links import LinkKind
from digest.model import Subscriber
from digest.store import subscribers

AsJson = Annotated[bool, typer.Option("--json", help="For a script.")]

PLACES = ("/u/", "/p/", "/c/")
"""Where the pages of links are: to leave, to choose, to confirm."""


def address(text: str) -> str:
    """Read an address from the command line. Raises UsageError, since a mistyped one is misuse."""
    try:
        return normalise(text)
    except AddressError as error:
        raise UsageError(str(error)) from error


def known(desk: Desk, text: str) -> Subscriber:
    """Give the subscriber of an address. Raises DigestError where there is none."""
    email = address(text)
    with desk.store.read() as session:
        found = subscribers.find(session, email)
    if found is None:
        raise DigestError(f"No subscriber has the address {email}.")
    return found


def meant(desk: Desk, text: str) -> Subscriber:
    """Give the subscriber of an address or of a link. Raises TokenError for one that was not made here."""
    is_link = any(place in text for place in PLACES) or "@" not in text
    return _of_link(desk, text.strip().strip("<>")) if is_link else known(desk, text)


def _of_link(desk: Desk, text: str) -> Subscriber:
    """Find whom a link was mailed to."""
    token = text.partition("?")[0].partition("#")[0].rstrip("/").rpartition("/")[2]
    try:
        link = links.read(token, desk.keys)
    except TokenError as error:
        if any(place in text for place in PLACES):
            raise
        raise UsageError(f"{text!r} is neither an address nor the unsubscribe link of a mail.") from error
    if link.kind is LinkKind.INERT:
        raise DigestError("This link is from a test or a rehearsal: it belongs to nobody.")
    with desk.store.read() as session:
        found = subscribers.get(session, link.subscriber_id)
    if found is None:
        raise DigestError("The reader of this link has been erased.")
    if found.address_version != link.address_version:
        tell("This link was mailed to an earlier address of this reader.")
    return found
