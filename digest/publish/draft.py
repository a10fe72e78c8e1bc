"""Drafts: selects an issue's articles and renders it, once. A draft follows the feed until it is approved."""

import secrets
from dataclasses import dataclass
from datetime import date, datetime

import structlog

from digest.config import Newsletter
from digest.desk import Desk
from digest.issue import Selection, select
from digest.model import Issue, IssueState, LedgerArticle, Rendering, Slot
from digest.render import Edition, render
from digest.store import articles, issues

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An issue with what it holds. `rendering` is None where there are too few articles."""

    issue: Issue
    selection: Selection
    rendering: Rendering | None
    changed: tuple[str, ...] = ()
    """Titles that were edited or trashed after approval, which took the approval back."""


def edition(
    desk: Desk, newsletter: Newsletter, day: date, chosen: tuple[LedgerArticle, ...], *, sample: bool = False
) -> Edition:
    """Give what the templates need, from the configuration and an issue's articles."""
    site, theme = desk.settings.site, desk.settings.theme
    return Edition(
        site_name=site.name,
        site_url=site.url,
        language=site.language,
        postal_address=site.postal_address,
        contact=site.contact,
        newsletter_name=newsletter.name,
        newsletter_title=newsletter.title,
        subject_template=newsletter.subject,
        template=newsletter.template,
        day=day,
        articles=chosen,
        logo_url=theme.logo,
        accent=theme.accent,
        site_templates=desk.settings.templates_folder,
        link_params=desk.settings.mail.link_params,
        sample=sample,
    )


def _render(desk: Desk, newsletter: Newsletter, slot: str, chosen: tuple[LedgerArticle, ...]) -> Rendering:
    day = datetime.fromisoformat(slot).date()
    return render(edition(desk, newsletter, day, chosen), nonce=secrets.token_hex(8))


def select_for(desk: Desk, newsletter: Newsletter, *, but_issue: int = 0) -> Selection:
    """Select what the next issue of a newsletter would hold. Changes nothing."""
    with desk.store.read() as session:
        candidates = articles.candidates(session, newsletter.name, newsletter.feeds, but_issue=but_issue)
        mailed = articles.mailed(session, newsletter.name, desk.clock(), but_issue=but_issue)
    return select(candidates, max_articles=newsletter.max_articles, mailed=mailed)


def draft(desk: Desk, newsletter: Newsletter, slot: Slot) -> Draft:
    """Make or renew the draft of a slot; give an issue that is past drafting as it stands.

    An approved issue whose article was edited or trashed since becomes a draft again. Raises RenderError.
    """
    now = desk.clock()
    changed: tuple[str, ...] = ()
    with desk.store.write() as session:
        issue = issues.open_draft(session, newsletter.name, slot, now)
        if issue.state is IssueState.APPROVED and (titles := issues.overtaken(session, issue.id)):
            reason = f"edited or trashed after approval: {', '.join(titles)}"
            again = issues.move(
                session,
                issue,
                IssueState.DRAFT,
                now,
                allowed=(IssueState.APPROVED,),
                reason=reason,
                approved_at=None,
            )
            issue, changed = again or issue, tuple(titles)
    if issue.state is not IssueState.DRAFT:
        return Draft(issue=issue, selection=Selection(decided=()), rendering=_stored(desk, issue))
    selection = select_for(desk, newsletter, but_issue=issue.id)
    enough = len(selection.articles) >= newsletter.min_articles
    rendering = _render(desk, newsletter, slot.name, selection.articles) if enough else None
    with desk.store.write() as session:
        if issues.get(session, issue.id).state is IssueState.DRAFT:
            issues.save_decisions(session, issue.id, selection)
            if rendering is not None:
                issues.save_rendering(session, issue.id, rendering, now)
    return Draft(issue=issue, selection=selection, rendering=rendering, changed=changed)


def sample(desk: Desk, newsletter: Newsletter, day: date) -> Rendering | None:
    """Render the newest articles, mailed or not, marked as a sample; None where the ledger has none."""
    with desk.store.read() as session:
        newest = articles.recent(session, newsletter.feeds, newsletter.max_articles)
    if not newest:
        return None
    return render(edition(desk, newsletter, day, tuple(newest), sample=True), nonce=secrets.token_hex(8))


def _stored(desk: Desk, issue: Issue) -> Rendering | None:
    with desk.store.read() as session:
        return issues.latest_rendering(session, issue.id)
