"""Rehearses: writes every message into a Maildir, and consumes neither slot nor articles."""

import mailbox
from collections.abc import Callable, Iterable
from pathlib import Path

from digest.config import Newsletter
from digest.desk import Desk
from digest.errors import DigestError
from digest.model import Recipient, Rendering
from digest.publish.send import inert_composer
from digest.store import ledger


def audience(desk: Desk, newsletter: Newsletter) -> Iterable[Recipient]:
    """Stream whom an issue would reach now."""
    with desk.store.read() as session:
        yield from ledger.recipients(session, newsletter.name, desk.clock())


def rehearse(
    desk: Desk,
    newsletter: Newsletter,
    slot: str,
    rendering: Rendering,
    *,
    recipients: Iterable[Recipient] | None = None,
    on_progress: Callable[[int], None] = lambda _: None,
) -> tuple[Path, int]:
    """Write each reader's message into the outbox; give the folder and how many there are.

    Raises DigestError where it cannot be written.
    """
    compose = inert_composer(desk, newsletter, slot, rendering)
    outbox, written = desk.settings.outbox, 0
    try:
        box = mailbox.Maildir(outbox, create=True)
        for recipient in audience(desk, newsletter) if recipients is None else recipients:
            box.add(compose(recipient, desk.clock()))
            written += 1
            on_progress(written)
    except OSError as error:
        raise DigestError(
            f"The outbox at {outbox} cannot be written ({error.strerror or error}; message {written + 1}): "
            "give this user the folder, or free some space. Nobody was mailed."
        ) from error
    return outbox, written
