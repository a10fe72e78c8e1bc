"""Reports: what an issue came to, in the words of a mail to the operator."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from sqlmodel import Session

from digest.desk import Desk
from digest.model import Counts, Decision, DeliveryState, Issue, IssueState
from digest.rates import percent
from digest.spans import spelled
from digest.store import endings, issues, revisions, watch
from digest.store.endings import Ending
from digest.store.received import Received, by_issue

MOST_LINES = 10
"""Of reasons, and of articles: a report is read at a glance."""

REPLY_CHARACTERS = 100
"""Of a relay's words: then they go on about their help pages."""

# Whom a reply is about: `digest issues undelivered` names them, a mail does not.
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@]+>?:? ?")

_HEADINGS = {
    DeliveryState.REFUSED: "Refused",
    DeliveryState.EXPIRED: "Expired: tried for as long as [delivery] expire_after says",
    DeliveryState.UNKNOWN: "Unknown: the relay may have taken them",
    DeliveryState.WITHDRAWN: "Withdrawn",
}


@dataclass(frozen=True, kw_only=True)
class Told:
    """What a report tells of, read in one transaction."""

    subject: str
    counts: Counts
    left: int
    left_before: tuple[str, int] | None
    """The slot of the issue before, and how many have left by its links."""
    back_before: tuple[str, int, Received] | None
    """Its slot, how many were accepted, and what has come back of it since: bounces come late."""
    revisions: dict[int, int]
    endings: Sequence[Ending]
    carried: Sequence[str]


def counts(desk: Desk, issue: Issue) -> Counts:
    """Count an issue's deliveries."""
    with desk.store.read() as session:
        return issues.counts(session, issue.id)


def report(desk: Desk, issue: Issue) -> tuple[str, str]:
    """Give the subject and text of an issue's report."""
    told = _told(desk, issue)
    name = issues.name(issue)
    if issue.state is not IssueState.SENT:
        lines = [f"{name} is {issue.state.value}: {issue.reason or 'no reason given'}."]
        lines += _carried(told.carried)
        return f"{name}: {issue.state.value}", "\n".join(lines) + "\n"
    lines = [*_figures(issue, told), *_reasons(told.endings), *_carried(told.carried)]
    if any(ending.state is not DeliveryState.WITHDRAWN for ending in told.endings):
        lines += ["", f"Who did not get it: digest issues undelivered {issue.slot}"]
    return f"{name}: {told.counts.accepted:,} of {issue.audience:,} accepted", "\n".join(lines) + "\n"


def reported(desk: Desk, issue: Issue) -> Callable[[Session], None]:
    """Give what notes that a report was made, in the transaction in which it is kept: one of each end."""

    def mark(session: Session) -> None:
        issues.note(session, issue, watch.REPORTED, desk.clock())

    return mark


def _told(desk: Desk, issue: Issue) -> Told:
    with desk.store.read() as session:
        rendering = issues.latest_rendering(session, issue.id)
        before = issues.before(session, issue)
        return Told(
            subject=rendering.subject if rendering else "",
            counts=issues.counts(session, issue.id),
            left=issues.left(session, issue.id),
            left_before=(before.slot, issues.left(session, before.id)) if before else None,
            back_before=_back(session, before) if before else None,
            revisions=revisions.accepted(session, issue.id) if issue.revision > 1 else {},
            endings=endings.endings(session, issue.id),
            carried=[
                article.title
                for article, link in issues.decisions(session, issue.id)
                if link.decision is Decision.CARRIED
            ],
        )


def _back(session: Session, issue: Issue) -> tuple[str, int, Received]:
    accepted = issues.counts(session, issue.id).accepted
    return issue.slot, accepted, by_issue(session, [issue.id])[issue.id]


def _figures(issue: Issue, told: Told) -> Iterator[str]:
    counted = told.counts
    yield f"Subject     {told.subject}"
    yield f"Audience    {issue.audience:,}"
    yield f"Accepted    {counted.accepted:,}"
    for name in ("refused", "expired", "unknown", "withdrawn"):
        if number := getattr(counted, name):
            yield f"{name.capitalize():<12}{number:,}"
    if counted.doubtful:
        yield f"Doubtful    {counted.doubtful:,} may have been mailed twice"
    yield f"Left        {told.left:,}"
    if told.left_before:
        yield f"            {told.left_before[1]:,} by the issue before, {told.left_before[0]}"
    if told.back_before:
        yield from _came_back(*told.back_before)
    for revision, count in told.revisions.items():
        yield f"Revision {revision}  {count:,} accepted"
    if issue.started_at and issue.finished_at:
        yield f"Took        {spelled(issue.finished_at - issue.started_at)}"


def _came_back(slot: str, accepted: int, back: Received) -> Iterator[str]:
    """Tell what came back of an issue, in shares of what was accepted."""
    for name, count in (("Bounced", back.hard), ("Complained", back.complained)):
        if count and accepted:
            yield f"{name:<12}{count:,} of the issue before, {slot} ({percent(count / accepted)})"


def _reasons(found: Sequence[Ending]) -> Iterator[str]:
    for state, heading in _HEADINGS.items():
        mine = [ending for ending in found if ending.state is state]
        if mine:
            yield from ("", heading)
        for ending in mine[:MOST_LINES]:
            yield f"  {ending.count:,} × {ending.kind or 'no reply'}{_reply(ending.reply)}"
        if rest := mine[MOST_LINES:]:
            yield f"  {sum(ending.count for ending in rest):,} for {len(rest)} other reasons"


def _reply(reply: str) -> str:
    short = nameless(reply)
    return f" ({short})" if short else ""


def nameless(reply: str) -> str:
    """Give a relay's words on one line, shortened, without the address that they are about."""
    words = " ".join(_ADDRESS.sub("", reply).split())
    return words if len(words) <= REPLY_CHARACTERS else words[: REPLY_CHARACTERS - 1] + "…"


def _carried(titles: Sequence[str]) -> Iterator[str]:
    if titles:
        yield from ("", "Carried over to the next issue")
    for title in titles[:MOST_LINES]:
        yield f"  {title}"
    if len(titles) > MOST_LINES:
        yield f"  and {len(titles) - MOST_LINES} more"
