"""Holds an issue while an editor has to say whether a suddenly new feed is news, and lets it go on after."""

from dataclasses import dataclass

import structlog

from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import QUESTION
from digest.model import Issue, IssueState
from digest.store import articles, issues, locks

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """Why an issue cannot be frozen now. `code` is kept with the hold."""

    code: str
    reason: str


def question(desk: Desk, newsletter: Newsletter, issue: Issue) -> Obstacle | None:
    """Give what an editor is asked before an issue may go out; an extra takes nothing from feeds."""
    if issue.extra is not None:
        return None
    with desk.store.read() as session:
        asked = articles.asked(session, newsletter.name, newsletter.feeds)
    if not asked:
        return None
    several = f" --newsletter {newsletter.name}" if len(desk.settings.newsletter) > 1 else ""
    many = "1 article looks" if len(asked) == 1 else f"{len(asked)} articles look"
    reason = (
        f"{many} like a re-imported archive, since its feed showed nothing that was known: "
        f"`digest articles accept --all{several}` mails what is in question, `--none` leaves it out"
    )
    return Obstacle(code=QUESTION, reason=reason)


def hold_or_lift(desk: Desk, newsletter: Newsletter, issue: Issue) -> Issue:
    """Hold a draft or an approved issue while there is a question; lift that hold once it is answered."""
    found = question(desk, newsletter, issue)
    if (found is not None) == _is_held_for_it(issue):
        return issue
    now = desk.clock()
    with desk.store.write() as session:
        issue = locks.issue(session, issue.id)
        if found is not None and issue.state in issues.UNFROZEN:
            log.warning("issue.held", issue=issue.id, slot=issue.slot, reason=found.reason)
            return issues.hold(session, issue, found.code, found.reason, now)
        if found is None and _is_held_for_it(issue):
            return issues.resume(session, issue, now)
    return issue


def _is_held_for_it(issue: Issue) -> bool:
    return issue.state is IssueState.HELD and issue.hold_code == QUESTION and issue.frozen_at is None
