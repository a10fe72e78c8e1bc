"""Sign-ups in the ledger: what proves a consent, and what is forgotten of those who never gave it."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from digest.address import suppression_key
from digest.model import Channel, SubscriberState
from digest.signup import UNCONFIRMED
from digest.store import readermail
from digest.store.departures import AGENT_CHARACTERS
from digest.store.installation import permanent_key
from digest.store.reader_tables import ReaderMailRow
from digest.store.subscribers import Visit
from digest.store.tables import SUBSCRIBER, EventRow

CONSENT = "sign-up form"
"""How the consent of one who signed up begins; the time of the form follows."""

ASKED = "signup.asked"
"""The event of a wish that is mailed about; what its `detail` says is proof."""

EVIDENCE = re.compile(r"mail=(?P<mail>\d+) text=(?P<text>\S*) form=(?P<form>.*)")


def proof(at: datetime, visit: Visit, form: str, text: str) -> dict[str, Any]:
    """Give what proves a consent, by the subscriber's columns; `at` is when the form was sent."""
    return {
        "consent": f"{CONSENT}, {at:%Y-%m-%d %H:%M:%S} UTC",
        "consent_ip": visit.ip,
        "consent_agent": visit.agent[:AGENT_CHARACTERS],
        "consent_form": form,
        "consent_text": text,
    }


def purge(session: Session, now: datetime) -> int:
    """Forget those who never confirmed; give how many they were."""
    late = now - UNCONFIRMED
    asked = sa.select(sa.literal(1)).where(
        col(ReaderMailRow.subscriber_id) == SUBSCRIBER.c.id,
        col(ReaderMailRow.kind) == readermail.CONFIRM,
        col(ReaderMailRow.created_at) > late,
        col(ReaderMailRow.sent_at).is_not(None) | col(ReaderMailRow.next_at).is_not(None),
    )
    found = sa.select(SUBSCRIBER.c.id).where(
        SUBSCRIBER.c.state == SubscriberState.PENDING,
        SUBSCRIBER.c.confirmed_at.is_(None),
        SUBSCRIBER.c.consent.startswith(CONSENT),
        SUBSCRIBER.c.created_at <= late,
        ~asked.exists(),
    )
    ids = list(session.connection().execute(found).scalars())
    forget(session, ids)
    if ids:
        session.add(event("signup.forgotten", now, detail=f"unconfirmed={len(ids)}"))
        session.flush()
    return len(ids)


def forget(session: Session, ids: Sequence[int]) -> None:
    """Remove some who never confirmed, and what was noted of their visits."""
    connection = session.connection()
    for one in ids:
        connection.execute(sa.delete(SUBSCRIBER).where(SUBSCRIBER.c.id == one))
        readermail.forget(session, one)
        events = sa.update(EventRow).where(col(EventRow.subscriber_id) == one)
        connection.execute(events.values(ip="", agent="", detail=""))


def suppression_hash(session: Session, email: str) -> str:
    """Give under which hash an address stands among the suppressions."""
    return suppression_key(email, permanent_key(session))


def event(
    kind: str,
    now: datetime,
    *,
    subscriber_id: int | None = None,
    newsletters: Sequence[str] = (),
    visit: Visit | None = None,
    detail: str = "",
) -> EventRow:
    """Give a line of the audit log; one that is about several newsletters names none."""
    return EventRow(
        at=now,
        kind=kind,
        subscriber_id=subscriber_id,
        newsletter=newsletters[0] if len(newsletters) == 1 else "",
        channel=Channel.PAGE,
        ip=visit.ip if visit else "",
        agent=visit.agent[:AGENT_CHARACTERS] if visit else "",
        detail=detail,
    )
