"""What `digest send` does instead of sending, or before it: shows, mails a test, rehearses."""

from dataclasses import dataclass

from digest.cli import output
from digest.cli.progress import progress
from digest.config import SAMPLE_FEED, Newsletter
from digest.desk import Desk
from digest.errors import DigestError
from digest.model import Recipient, Rendering
from digest.publish import rehearse, send_test
from digest.store import ledger


@dataclass(frozen=True, kw_only=True)
class Made:
    """An issue that could go out. `name` is what it is called, `articles` what is said of its stories."""

    newsletter: Newsletter
    slot: str
    name: str
    rendering: Rendering
    articles: object


def show(desk: Desk, made: Made) -> None:
    """Show what would be sent, to how many, by which relay."""
    with desk.store.read() as session:
        audience = ledger.audience(session, made.newsletter.name, desk.clock())
    output.facts(
        (
            ("Issue", made.name),
            ("Subject", made.rendering.subject),
            ("Articles", made.articles),
            ("Audience", audience),
            ("Relay", "none: a rehearsal" if desk.settings.is_rehearsal else str(desk.relay)),
        )
    )


async def mail_test(desk: Desk, made: Made, addresses: tuple[str, ...]) -> None:
    """Mail a test to a few addresses; without a relay it is written into the outbox."""
    if desk.settings.is_rehearsal:
        recipients = [
            Recipient(id=number, email=address, since=desk.clock())
            for number, address in enumerate(addresses, 1)
        ]
        outbox, _ = rehearse(desk, made.newsletter, made.slot, made.rendering, recipients=recipients)
        output.say(f"There is no relay, so the test is in {outbox}. Nobody was mailed.")
        return
    await send_test(desk, made.newsletter, made.slot, made.rendering, addresses)
    output.say(f"A test is on its way to {', '.join(addresses)}. Its links do nothing; no slot was used.")


def rehearsal(desk: Desk, made: Made) -> None:
    """Write everybody's message into the outbox. The sample site has a made-up reader where there is none."""
    show(desk, made)
    newsletter = made.newsletter
    with desk.store.read() as session:
        audience = ledger.audience(session, newsletter.name, desk.clock())
    recipients = None
    if audience == 0:
        if newsletter.feeds != (SAMPLE_FEED,):
            raise DigestError(
                f"Nobody is subscribed to {newsletter.name}: `digest subscribers add` or "
                "`digest subscribers import` brings readers."
            )
        recipients, audience = [Recipient(id=1, email="reader@example.com", since=desk.clock())], 1
        output.tell("Nobody is subscribed yet: rehearsing with one made-up reader.")
    with progress("write", total=audience) as bar:
        outbox, written = rehearse(
            desk, newsletter, made.slot, made.rendering, recipients=recipients, on_progress=bar
        )
    output.say(f"{output.counted(written, 'message')} written to {outbox}: [smtp] host is empty.")
    output.say("Nobody was mailed.")
