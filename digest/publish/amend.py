"""Amends an issue that is held while it is sent: new words for those who still wait for it.

Makes the next revision and keeps it; nothing here sends. What was accepted before stays as it was.
"""

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import structlog

from digest.desk import Desk
from digest.errors import IssueError, RenderError
from digest.model import Issue, LedgerArticle, Rendering
from digest.publish.draft import edition
from digest.publish.letter import letter
from digest.publish.parts import from_edit
from digest.publish.send import inert_composer
from digest.render import limits, render
from digest.store import issues, revisions

log = structlog.get_logger()

_TITLE = re.compile(r"(<title>)(.*?)(</title>)", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class Amendment:
    """What an issue says, and what it is to say. `shown` are its articles where these were asked anew."""

    issue: Issue
    before: Rendering
    after: Rendering
    shown: tuple[LedgerArticle, ...] | None = None
    taken_out: tuple[str, ...] = ()
    """Titles of articles that the site has trashed since."""

    @property
    def about(self) -> list[str]:
        """What differs."""
        parts = (self.before.html, self.before.text), (self.after.html, self.after.text)
        subject = [revisions.SUBJECT] if self.before.subject != self.after.subject else []
        return subject + ([revisions.BODY] if _untitled(parts[0]) != _untitled(parts[1]) else [])


def standing(desk: Desk, issue: Issue) -> Amendment:
    """Give a held issue as it stands, with nothing amended. Raises IssueError where it cannot be."""
    with desk.store.read() as session:
        here = issues.get(session, issue.id)
        revisions.check_amendable(here)
        rendering = issues.latest_rendering(session, issue.id)
    if rendering is None:
        raise IssueError(f"{issues.name(issue)} has no bytes that could be amended.")
    return Amendment(issue=here, before=rendering, after=rendering)


def with_subject(amendment: Amendment, subject: str) -> Amendment:
    """Give it with another subject; the page's title goes with it where it was the same."""
    now = amendment.after

    def titled(match: re.Match[str]) -> str:
        is_subject = html.unescape(match[2]).strip() == now.subject
        return match[1] + (html.escape(subject, quote=False) if is_subject else match[2]) + match[3]

    return replace(amendment, after=replace(now, subject=subject, html=_TITLE.sub(titled, now.html, count=1)))


def from_articles(desk: Desk, amendment: Amendment, subject: str) -> Amendment:
    """Give it rendered anew: the same articles in their order, as the ledger has them now.

    Without a subject the newsletter's own is made again, unless an amendment has given one before. Raises
    IssueError where no article is left.
    """
    issue, before = amendment.issue, amendment.before
    with desk.store.read() as session:
        known = revisions.articles(session, issue.id)
        given = revisions.subject_was_given(session, issue.id)
    shown = tuple(article for article in known if not article.vanished and not article.protected)
    if not shown:
        raise IssueError(
            f"{issues.name(issue)} has no article that could be shown: use --html and --text, "
            f"or `digest issues cancel {issue.slot}`."
        )
    made = edition(
        desk,
        desk.settings.newsletter_named(issue.newsletter),
        datetime.fromisoformat(issue.slot).date(),
        shown,
        subject=subject or (before.subject if given else ""),
        issue=issue.slot,
    )
    return replace(
        amendment,
        after=render(made, nonce=before.nonce),
        shown=shown,
        taken_out=tuple(article.title for article in known if article not in shown),
    )


def from_words(desk: Desk, amendment: Amendment, subject: str, body: str) -> Amendment:
    """Give an extra with other words in its letter."""
    issue, before = amendment.issue, amendment.before
    made = letter(
        desk,
        desk.settings.newsletter_named(issue.newsletter),
        datetime.fromisoformat(issue.slot).date(),
        subject=subject or before.subject,
        body=body,
        nonce=before.nonce,
        issue=issue.extra or issue.slot,
    )
    return replace(amendment, after=made)


def from_parts(amendment: Amendment, page: str, text: str) -> Amendment:
    """Give it with both parts as an editor has written them. Raises RenderError for what no mail may be."""
    now = amendment.after
    made = replace(now, html=from_edit(page, now.nonce), text=from_edit(text, now.nonce).strip() + "\n")
    # The names tell which rules hold: those of a page are asked of the first alone.
    limits.check(part="the page, amended.html.j2", body=made.html, nonce=now.nonce)
    limits.check(part="the text, amended.txt.j2", body=made.text, nonce=now.nonce)
    if not limits.fits(made.html):
        raise RenderError(
            f"The page has {len(made.html.encode()):,} octets: past {limits.LIMIT:,} mail clients clip it."
        )
    return replace(amendment, after=made)


def amend(desk: Desk, amendment: Amendment) -> Issue:
    """Keep an amendment as the issue's next revision, and give the issue.

    Raises IssueError where the issue has gone its way since, RenderError for what cannot be sent.
    """
    issue = amendment.issue
    newsletter = desk.settings.newsletter_named(issue.newsletter)
    # What cannot be composed is told now, and not when the issue is resumed.
    inert_composer(desk, newsletter, issue.slot, amendment.after)
    with desk.store.write() as session:
        amended = revisions.amend(session, issue, amendment.after, amendment.about, desk.clock())
        if amendment.shown is not None:
            revisions.heed(session, amended, amendment.shown)
    log.info("issue.amended", issue=issue.id, slot=issue.slot, revision=amended.revision)
    return amended


def _untitled(parts: Sequence[str]) -> list[str]:
    return [_TITLE.sub("", part) for part in parts]
