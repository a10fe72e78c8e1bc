"""Holds issues while too much comes back about their newsletter: before freezing, and while they are sent."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import structlog
from sqlmodel import Session

from digest.desk import Desk
from digest.model import Issue, IssueState
from digest.publish.question import Obstacle
from digest.rates import RATES
from digest.store import issues, locks, rates, watch
from digest.store.known import Known
from digest.store.rates import Came, Standing

log = structlog.get_logger()

SENT_NOW = (IssueState.FROZEN, IssueState.SENDING)


@dataclass(frozen=True, kw_only=True)
class Reception:
    """How a newsletter's latest issues were received."""

    newsletter: str
    found: tuple[Standing, ...]
    """About which too much came back, the worst first."""
    holding: Standing | None
    """Why nothing more of it is to be sent."""


def receptions(
    session: Session, recent: Sequence[Issue], back: Came, now: datetime, known: Known
) -> Iterator[Reception]:
    """Give how the newsletters of these issues were received. `known` is kept for the next time."""
    found = rates.standings(session, back, now, known)
    for name in sorted({issue.newsletter for issue in recent}):
        mine = [issue for issue in recent if issue.newsletter == name]
        theirs = [one for one in found if one.issue.newsletter == name]
        holding = rates.holding(session, mine, theirs, now, known)
        yield Reception(newsletter=name, found=tuple(theirs), holding=holding)


def obstacle(desk: Desk, issue: Issue) -> Obstacle | None:
    """Say whether what came back about a newsletter keeps its next issue from being frozen."""
    now = desk.clock()
    with desk.store.read() as session:
        if watch.noted(session, issue.id, issues.RATES_CONFIRMED):
            return None
        recent = rates.recent(session, now, issue.newsletter)
        back = rates.came(session, recent, now, desk.known)
        received = list(receptions(session, recent, back, now, desk.known))
    # It is of one newsletter; none where nothing has been sent yet.
    holding = received[0].holding if received else None
    return Obstacle(code=RATES, reason=_reason(holding)) if holding else None


def hold(desk: Desk, reception: Reception) -> None:
    """Hold what is being sent of a newsletter, but for what an operator has sent all the same."""
    if reception.holding is None:
        return
    reason, now = _reason(reception.holding), desk.clock()
    with desk.store.read() as session:
        mine = [one for one in issues.unfinished(session) if one.newsletter == reception.newsletter]
    for one in mine:
        if one.state not in SENT_NOW:
            continue
        with desk.store.write() as session:
            issue = locks.issue(session, one.id)
            if issue.state in SENT_NOW and not watch.noted(session, issue.id, issues.RATES_CONFIRMED):
                log.warning("issue.held", issue=issue.id, slot=issue.slot, reason=reason)
                issues.hold(session, issue, RATES, reason, now)


def _reason(standing: Standing) -> str:
    return f"too much came back about {standing}"
