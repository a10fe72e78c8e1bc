"""Finds the last issue for a new reader, and makes that reader's own message of it."""

from datetime import datetime

import sqlalchemy as sa
from sqlmodel import Session

from digest.delivery.courier import Relay
from digest.desk import Desk
from digest.model import Issue, IssueState, Recipient, Rendering, Subscriber
from digest.publish.send import issue_composer
from digest.store import installation, issues
from digest.store.readermail import ReaderMail
from digest.store.tables import DELIVERY


def last_issue(
    desk: Desk, mail: ReaderMail, reader: Subscriber, relay: Relay, now: datetime
) -> tuple[Issue, bytes] | None:
    """Give the last issue that went out, and a reader's message of it; its links are good as anybody's.

    None where there is none, where the reader has left again, or was among its audience: nobody gets an
    issue twice.
    """
    names = [name for name in mail.newsletters if name in reader.newsletters]
    if not names:
        return None
    newsletter = desk.settings.newsletter_named(names[0])
    with desk.store.read() as session:
        found = _last(session, newsletter.name, reader.id)
        key = installation.permanent_key(session)
    if found is None:
        return None
    issue, rendering = found
    compose = issue_composer(desk, newsletter, issue, rendering, relay, permanent_key=key)
    recipient = Recipient(
        id=reader.id,
        email=mail.email,
        name=reader.name,
        address_version=reader.address_version,
        since=reader.confirmed_at,
    )
    return issue, compose(recipient, now)


def _last(session: Session, newsletter: str, reader_id: int) -> tuple[Issue, Rendering] | None:
    listed = issues.listing(session, newsletter=newsletter, scheduled=True)
    sent = [issue for issue in listed if issue.state is IssueState.SENT and issue.reached]
    if not sent:
        return None
    issue = max(sent, key=lambda one: one.due_at)
    had = sa.select(DELIVERY.c.state).where(
        DELIVERY.c.issue_id == issue.id, DELIVERY.c.subscriber_id == reader_id
    )
    rendering = issues.latest_rendering(session, issue.id)
    if rendering is None or session.connection().execute(had).first() is not None:
        return None
    return issue, rendering
