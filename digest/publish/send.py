"""Sends: hands frozen issues to the engine. What was sent before goes on where it stopped."""

import asyncio
import secrets
from collections.abc import Callable, Sequence
from datetime import timedelta

import structlog

from digest.config import Newsletter
from digest.delivery.courier import ConnectError, Relay, connect
from digest.desk import Desk
from digest.engine.composer import Composer, composer, envelopes
from digest.engine.job import Job
from digest.engine.sender import Progress, Sender
from digest.engine.verdict import Policy
from digest.errors import IssueError, RelayError
from digest.model import Issue, IssueState, Recipient, Rendering
from digest.store import installation, issues, locks

log = structlog.get_logger()


def sender(
    desk: Desk,
    *,
    patience: timedelta | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
) -> Sender:
    """Give a sender for the configured relays. Call it in the event loop that will run it."""
    return Sender(
        desk.store,
        desk.relays,
        limits=desk.limits,
        policy=Policy(
            expire_after=desk.settings.delivery.expire_after, on_unknown=desk.settings.delivery.on_unknown
        ),
        patience=patience,
        on_progress=on_progress,
        clock=desk.clock,
    )


def job(desk: Desk, issue: Issue) -> Job:
    """Make an issue ready for the sender, and bring it from frozen to sending."""
    newsletter = desk.settings.newsletter_named(issue.newsletter)
    now = desk.clock()
    with desk.store.write() as session:
        # Its bytes and their revision have to be of one moment: the ledger lets no other revision be sent.
        issue = locks.issue(session, issue.id)
        rendering = issues.latest_rendering(session, issue.id)
        key = installation.permanent_key(session)
        if issue.state is IssueState.FROZEN:
            moved = issues.move(
                session,
                issue,
                IssueState.SENDING,
                now,
                allowed=(IssueState.FROZEN,),
                started_at=issue.started_at or now,
            )
            issue = moved or issues.get(session, issue.id)
    if rendering is None or issue.state is not IssueState.SENDING:
        raise IssueError(f"{issues.name(issue)} is {issue.state.value} and cannot be sent.")
    composers = {
        relay.name: issue_composer(desk, newsletter, issue, rendering, relay, permanent_key=key)
        for relay in desk.relays
    }
    return Job(
        issue=issue,
        sender=desk.settings.envelope,
        envelope=envelopes(desk.settings, issue.id, key),
        composers=composers,
        signs=bool(desk.signing),
    )


async def send(
    desk: Desk,
    chosen: Sequence[Issue],
    *,
    patience: timedelta | None = None,
    on_progress: Callable[[Progress], None] = lambda _: None,
    on_start: Callable[[Sender], object] = lambda _: None,
) -> list[Issue]:
    """Send what is due of these issues; give them as they then stand.

    The caller holds the sender's role. `on_start` gets the sender, to stop it. Raises RelayError after
    `patience`.
    """
    running = sender(desk, patience=patience, on_progress=on_progress)
    on_start(running)
    jobs = [await asyncio.to_thread(job, desk, issue) for issue in chosen]
    for one in jobs:
        log.info("issue.sending", issue=one.issue.id, slot=one.issue.slot, audience=one.issue.audience)
    await running.run(jobs)
    return await asyncio.to_thread(_left, desk, chosen)


def _left(desk: Desk, chosen: Sequence[Issue]) -> list[Issue]:
    """Give issues as a run has left them, and log it."""
    with desk.store.read() as session:
        ended = [issues.get(session, issue.id) for issue in chosen]
        for issue in ended:
            counted = issues.counts(session, issue.id)
            log.info("issue.left", issue=issue.id, slot=issue.slot, state=issue.state.value, **vars(counted))
    return ended


def issue_composer(
    desk: Desk,
    newsletter: Newsletter,
    issue: Issue,
    rendering: Rendering,
    relay: Relay,
    *,
    permanent_key: bytes,
) -> Composer:
    """Give what makes an issue's messages for a relay."""
    return composer(
        desk.settings,
        newsletter,
        slot=issue.slot,
        issue_id=issue.id,
        rendering=rendering,
        keys=desk.keys,
        permanent_key=permanent_key,
        signing=desk.signing,
        extra=relay.headers,
        unsigned=relay.unsigned,
    )


def inert_composer(desk: Desk, newsletter: Newsletter, slot: str, rendering: Rendering) -> Composer:
    """Give what makes messages that are no issue's: links that do nothing, Message-IDs of their own."""
    return composer(
        desk.settings,
        newsletter,
        slot=slot,
        issue_id=0,
        rendering=rendering,
        keys=desk.keys,
        signing=desk.signing,
        extra=desk.relay.headers,
        unsigned=desk.relay.unsigned,
        permanent_key=secrets.token_bytes(32),
        inert=True,
    )


async def send_test(
    desk: Desk, newsletter: Newsletter, slot: str, rendering: Rendering, addresses: Sequence[str]
) -> None:
    """Mail a rendering to a few addresses, with links that do nothing and Message-IDs of their own.

    Raises RelayError with the relay's own words where it refuses.
    """
    compose = inert_composer(desk, newsletter, slot, rendering)
    try:
        wire = await connect(desk.relay)
    except ConnectError as error:
        raise RelayError(
            f"The relay {desk.relay} cannot be used ({error.reply.phase.value}: {error.reply}): "
            "`digest doctor relay` says more."
        ) from error
    try:
        for number, address in enumerate(addresses, 1):
            recipient = Recipient(id=number, email=address, since=desk.clock())
            message = compose(recipient, desk.clock())
            reply = await wire.transact(desk.settings.envelope, address, message)
            if not reply.is_positive:
                raise RelayError(f"The relay {desk.relay} did not take the test for {address}: {reply}.")
    finally:
        await wire.quit()
