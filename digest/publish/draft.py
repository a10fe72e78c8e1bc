"""Drafts: selects an issue's articles and renders it, once. A draft follows the feed until it is approved."""

import json
import secrets
from dataclasses import dataclass
from datetime import date, datetime

from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import waits_for_check
from digest.issue import Selection, select
from digest.model import Issue, IssueState, LedgerArticle, Rendering, Slot
from digest.publish.question import hold_or_lift
from digest.render import Edition, render
from digest.store import articles, drafts, issues, locks, marks


@dataclass(frozen=True, kw_only=True)
class Draft:
    """An issue with what it holds. `rendering` is None where there are too few articles."""

    issue: Issue
    selection: Selection
    rendering: Rendering | None
    changed: tuple[str, ...] = ()
    """Titles that were edited, trashed, mailed or marked after approval, which took the approval back."""


def edition(
    desk: Desk,
    newsletter: Newsletter,
    day: date,
    chosen: tuple[LedgerArticle, ...],
    *,
    subject: str = "",
    template: str = "",
    intro: str = "",
    preheader: str = "",
    sample: bool = False,
    issue: str = "",
) -> Edition:
    """Give what the templates need, from the configuration and an issue's articles.

    `subject` is taken as it is and `template` is a name; without them the newsletter's own. `issue` is the
    slot, or an extra's name, under which it will be in the archive; empty: nowhere.
    """
    site, theme = desk.settings.site, desk.settings.theme
    return Edition(
        site_name=site.name,
        site_url=site.url,
        language=site.language,
        postal_address=site.postal_address,
        contact=site.contact,
        newsletter_name=newsletter.name,
        newsletter_title=newsletter.title,
        subject_template=verbatim(subject) if subject else newsletter.subject,
        template=template or newsletter.template,
        day=day,
        articles=chosen,
        intro=intro,
        preheader=preheader,
        logo_url=theme.logo,
        accent=theme.accent,
        site_templates=desk.settings.templates_folder,
        link_params=desk.settings.mail.link_params,
        archive_url=desk.settings.archive_url(newsletter.name, issue) if issue else "",
        sample=sample,
    )


def verbatim(text: str) -> str:
    """Give the source of a template that says this text, whatever braces are in it."""
    return "{{ " + json.dumps(text, ensure_ascii=False) + " }}"


def select_for(desk: Desk, newsletter: Newsletter, *, but_issue: int = 0) -> Selection:
    """Select what the next issue of a newsletter would hold. Changes nothing."""
    name, feeds = newsletter.name, newsletter.feeds
    with desk.store.read() as session:
        candidates = articles.candidates(session, name, feeds, but_issue=but_issue)
        # Thousands of them: not asked for where there is nothing to compare.
        known = articles.known(session, name, but_issue=but_issue) if candidates else ()
        vanished = articles.gone(session, name, feeds, but_issue=but_issue)
        wished, held = marks.marks(session, name), marks.held(session, name)
    return select(
        candidates,
        max_articles=newsletter.max_articles,
        known=known,
        marks=wished,
        held=held,
        vanished=vanished,
        include=newsletter.include,
        exclude=newsletter.exclude,
    )


def draft(desk: Desk, newsletter: Newsletter, slot: Slot) -> Draft:
    """Make or renew the draft of a slot; give an issue that is past drafting as it stands.

    An approved issue whose articles were edited, trashed, mailed by another issue or marked by an editor
    since becomes a draft again. A draft that a check holds is renewed too, and held while an editor is asked
    about articles. The same articles give the same bytes. Raises RenderError.
    """
    issue, changed = _opened(desk, newsletter, slot)
    if _at_bottom(issue) is not IssueState.DRAFT:
        return _as_it_stands(desk, hold_or_lift(desk, newsletter, issue))
    selection = select_for(desk, newsletter, but_issue=issue.id)
    rendering = None
    if len(selection.articles) >= newsletter.min_articles:
        before = _stored(desk, issue)
        day = datetime.fromisoformat(slot.name).date()
        nonce = before.nonce if before else secrets.token_hex(8)
        rendering = render(edition(desk, newsletter, day, selection.articles, issue=slot.name), nonce=nonce)
    with desk.store.write() as session:
        issue = locks.issue(session, issue.id)
        if renewed := _at_bottom(issue) is IssueState.DRAFT:
            issues.save_decisions(session, issue.id, selection)
            if rendering is None:
                drafts.forget_rendering(session, issue.id)
            else:
                issues.save_rendering(session, issue.id, rendering, desk.clock())
    if not renewed:
        return _as_it_stands(desk, issue)
    issue = hold_or_lift(desk, newsletter, issue)
    return Draft(issue=issue, selection=selection, rendering=rendering, changed=changed)


def _opened(desk: Desk, newsletter: Newsletter, slot: Slot) -> tuple[Issue, tuple[str, ...]]:
    """Give a slot's issue, and the titles that have just taken its approval back."""
    now = desk.clock()
    with desk.store.write() as session:
        issue = issues.open_draft(session, newsletter.name, slot, now)
        if _at_bottom(issue) is not IssueState.APPROVED:
            return issue, ()
        titles = drafts.overtaken(session, issue, newsletter.feeds)
        again = titles and issues.move(
            session,
            issue,
            IssueState.DRAFT,
            now,
            allowed=(issue.state,),
            reason=f"edited, trashed, mailed or marked after approval: {', '.join(titles)}",
            approved_at=None,
            held_from=None,
            held_at=None,
            hold_code="",
        )
    return (again, tuple(titles)) if again else (issue, ())


def _at_bottom(issue: Issue) -> IssueState | None:
    """Give an issue's state, or the one in which a check holds it; none for an extra: no feed fills it."""
    if issue.extra is not None:
        return None
    return issue.held_from if waits_for_check(issue) else issue.state


def _as_it_stands(desk: Desk, issue: Issue) -> Draft:
    return Draft(issue=issue, selection=Selection(decided=()), rendering=_stored(desk, issue))


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
