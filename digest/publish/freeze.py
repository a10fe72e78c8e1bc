"""Freezes: fixes an issue's bytes and audience in one transaction, or holds it and says why."""

import asyncio
from collections.abc import Sequence

import httpx2
import structlog

from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import waits_for_check
from digest.feed.fetch import client
from digest.model import Issue, IssueState
from digest.publish import rates
from digest.publish.question import Obstacle, question
from digest.store import installation, issues, ledger

log = structlog.get_logger()

VERIFY_SECONDS = 10
"""How long the reader pages may take to answer for themselves."""

PAUSES = (0.2, 0.5)
"""Seconds between tries: pages that start together with the service, or a proxy that reloads, need one."""

HALVED = 2
"""An audience this many times smaller than the last issue's is more likely a mistake than news."""


async def freeze(desk: Desk, newsletter: Newsletter, issue: Issue) -> Issue:
    """Freeze a draft or an approved issue; hold it where a check fails. Gives it as it then stands.

    An issue that such a check held before is looked at again. Raises IssueError where somebody was faster.
    """
    found = await obstacle(desk, newsletter, issue)
    return await asyncio.to_thread(_decide, desk, issue, found)


async def obstacle(desk: Desk, newsletter: Newsletter, issue: Issue) -> Obstacle | None:
    """Say what keeps an issue from being frozen; None where nothing does."""
    found = await asyncio.to_thread(_ledgers_obstacle, desk, newsletter, issue)
    if found is None and desk.settings.web.verify and not desk.settings.is_rehearsal:
        # What is held already is looked at again soon enough.
        pauses = () if issue.state is IssueState.HELD else PAUSES
        problem = await _public_url_problem(desk, pauses)
        found = Obstacle(code="public_url", reason=problem) if problem else None
    return found


def _ledgers_obstacle(desk: Desk, newsletter: Newsletter, issue: Issue) -> Obstacle | None:
    return (
        question(desk, newsletter, issue)
        or _audience_obstacle(desk, newsletter, issue)
        or rates.obstacle(desk, issue)
    )


def _audience_obstacle(desk: Desk, newsletter: Newsletter, issue: Issue) -> Obstacle | None:
    with desk.store.read() as session:
        audience = ledger.audience(session, newsletter.name, desk.clock())
        last = issues.before(session, issue)
    if audience == 0:
        remedy = "add readers with `digest subscribers add` or `import`"
        return Obstacle(code="audience", reason=f"nobody is subscribed to {newsletter.name}: {remedy}")
    if last is not None and audience * HALVED < last.audience and not issue.audience_confirmed:
        reason = (
            f"the audience has shrunk from {last.audience} to {audience} since {last.slot}: "
            f"if that is right, `digest issues resume {issue.slot}`"
        )
        return Obstacle(code="audience", reason=reason)
    return None


async def _public_url_problem(desk: Desk, pauses: Sequence[float]) -> str:
    """Ask the reader pages who they are: an issue with dead unsubscribe links must not go out."""
    url = f"{desk.settings.web.public_url}/healthz"
    mine = await asyncio.to_thread(_uid, desk)
    wrong = await _who_answers(desk, url, mine)
    for pause in pauses:
        if wrong:
            await asyncio.sleep(pause)
            wrong = await _who_answers(desk, url, mine)
    remedy = (
        "let `digest run` or `digest serve` answer there, correct [web] public_url, or set verify = false"
    )
    return wrong and f"unsubscribe links would be dead: {url} {wrong}: {remedy}"


async def _who_answers(desk: Desk, url: str, mine: str) -> str:
    """Say what is wrong with the answer of the reader pages; empty where they are ours."""
    try:
        async with asyncio.timeout(VERIFY_SECONDS), client(desk.settings.site.url, url) as http:
            answer = await http.get(url)
    except (httpx2.HTTPError, httpx2.InvalidURL, OSError, TimeoutError) as error:
        return f"does not answer ({str(error) or type(error).__name__})"
    try:
        said = answer.json() if answer.is_success else None
    except ValueError:
        said = None
    ours = isinstance(said, dict) and said.get("installation") == mine
    return "" if ours else f"is not this installation (it answers {answer.status_code})"


def _uid(desk: Desk) -> str:
    with desk.store.read() as session:
        return installation.uid(session)


def _decide(desk: Desk, issue: Issue, found: Obstacle | None) -> Issue:
    now = desk.clock()
    with desk.store.write() as session:
        if issue.state is IssueState.HELD:
            if not waits_for_check(issue) or (found is not None and found.code == issue.hold_code):
                return issue
            issue = issues.resume(session, issue, now)
        if found is not None:
            log.warning("issue.held", issue=issue.id, slot=issue.slot, reason=found.reason)
            return issues.hold(session, issue, found.code, found.reason, now)
        frozen = ledger.freeze(session, issue, now)
    log.info(
        "issue.frozen",
        issue=frozen.id,
        newsletter=frozen.newsletter,
        slot=frozen.slot,
        audience=frozen.audience,
    )
    return frozen
