"""Says what the next issue would be: its slot, its bytes, what an editor should know. Changes nothing."""

import secrets
from dataclasses import dataclass
from datetime import datetime

from digest import publish
from digest.cli.output import counted
from digest.config import Newsletter
from digest.desk import Desk
from digest.errors import DigestError, UsageError
from digest.issue import Selection
from digest.model import Decision, Issue, IssueState, Rendering
from digest.render import render
from digest.store import extras, issues

SLOTS = 50
"""How far ahead the next slot without a finished issue is looked for."""


@dataclass(frozen=True, kw_only=True)
class Coming:
    """An issue as it would go out, and what an editor should know about it."""

    slot: str
    rendering: Rendering
    remark: str


def coming(desk: Desk, newsletter: Newsletter, slot: str = "") -> Coming:
    """Give a slot's issue, the next one's where none is named: its own bytes once it has been approved.

    Raises UsageError for a slot that does not exist, DigestError where there is no article at all.
    """
    name, issue = _slot(desk, newsletter, slot)
    if issue is not None and (issue.extra or IssueState.DRAFT not in (issue.state, issue.held_from)):
        with desk.store.read() as session:
            stored = issues.latest_rendering(session, issue.id)
        if stored is not None:
            return Coming(
                slot=name, rendering=stored, remark=f"It is {issue.state.value}: these are its bytes."
            )
    day = datetime.fromisoformat(name).date()
    selection = publish.select_for(desk, newsletter, but_issue=issue.id if issue else 0)
    if selection.articles:
        edition = publish.edition(desk, newsletter, day, selection.articles, issue=name)
        rendering = render(edition, nonce=secrets.token_hex(8))
        return Coming(slot=name, rendering=rendering, remark=_remark(newsletter, selection, rendering))
    sample = publish.sample(desk, newsletter, day)
    if sample is None:
        raise DigestError("The feeds have shown no article yet: `digest collect` tells what they say.")
    return Coming(
        slot=name,
        rendering=sample,
        remark="Nothing is new: this sample has the latest articles, mailed or not.",
    )


def _slot(desk: Desk, newsletter: Newsletter, text: str) -> tuple[str, Issue | None]:
    """Find the slot that is meant: the named one, else the first from today's on whose issue is not over."""
    schedule, now = desk.schedule(newsletter), desk.clock()
    with desk.store.read() as session:
        if text:
            issue = issues.find(session, newsletter.name, text) or extras.find(session, newsletter.name, text)
            name = issue.slot if issue else schedule.named(text, now).name
            return name, issue or issues.find(session, newsletter.name, name)
        today = schedule.today(now)
        for slot in ([today] if today else []) + schedule.upcoming(now, SLOTS):
            issue = issues.find(session, newsletter.name, slot.name)
            if issue is None or issue.state not in issues.FINAL:
                return slot.name, issue
    raise UsageError(f"The next {SLOTS} issues of {newsletter.name} are over already: name one with --slot.")


def _remark(newsletter: Newsletter, selection: Selection, rendering: Rendering) -> str:
    others = [
        decision for decision in Decision if decision is not Decision.INCLUDED and selection.count(decision)
    ]
    parts = [counted(len(selection.articles), "article")]
    parts += [f"{selection.count(decision)} {decision.value}" for decision in others]
    remark = ", ".join(parts) + "."
    if len(selection.articles) < newsletter.min_articles:
        remark += f" That is under min_articles ({newsletter.min_articles}): the issue would be skipped."
    if rendering.shortened:
        remark += (
            f" The last {rendering.shortened} are cut to their headlines, or mail clients would clip the end."
        )
    return remark
