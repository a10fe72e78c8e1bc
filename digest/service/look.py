"""What the service does when it looks around: collects, drafts, publishes, skips, as `duties.py` decides."""

import asyncio
from datetime import datetime, timedelta

import structlog

from digest.alerts import Alerts
from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import Act, Duty, Plan, duties
from digest.model import Issue, IssueState, Slot
from digest.publish import collect, draft, freeze, rehearse
from digest.publish.report import report
from digest.store import articles, issues, stats

log = structlog.get_logger()

COLLECT_EVERY = timedelta(minutes=15)
RETRY_FEED = timedelta(minutes=5)
"""How often a feed that failed before a slot is tried again."""
STALE_FEED = timedelta(hours=2)
"""A last good fetch that is younger than this may stand in for one that fails at the slot."""
PURGE_EVERY = timedelta(days=1)


class Look:
    """One look after the other. `stopping` keeps it from beginning anything new."""

    def __init__(self, desk: Desk, alerts: Alerts) -> None:
        self._desk, self._alerts = desk, alerts
        self._collected_at: datetime | None = None
        self._fresh_at: datetime | None = None
        self._failed: dict[str, str] = {}
        self._purged_at: datetime | None = None
        self._rehearsed: set[tuple[str, str]] = set()
        self.stopping = False

    async def once(self) -> None:
        """Do what is to be done now, newsletter by newsletter."""
        now = self._desk.clock()
        if self._collected_at is None or now - self._collected_at >= COLLECT_EVERY:
            await self._collect(conditional=True)
        for newsletter in self._desk.settings.newsletter:
            for duty in await asyncio.to_thread(self._duties, newsletter, now):
                if not self.stopping:
                    await self._do(newsletter, duty)
        if self._purged_at is None or now - self._purged_at >= PURGE_EVERY:
            self._purged_at = now
            await asyncio.to_thread(self._purge, now)

    def _duties(self, newsletter: Newsletter, now: datetime) -> list[Duty]:
        with self._desk.store.write() as session:
            seen_at = articles.see_newsletter(
                session, newsletter.name, newsletter.schedule, newsletter.timezone, now
            )
            known = issues.listing(session, newsletter=newsletter.name)
        plan = Plan(
            schedule=self._desk.schedule(newsletter),
            draft_before=newsletter.draft_before,
            grace=newsletter.grace,
            needs_approval=newsletter.approval == "required",
        )
        return duties(plan, known, seen_at=seen_at, now=now)

    async def _do(self, newsletter: Newsletter, duty: Duty) -> None:
        now = self._desk.clock()
        name = f"{newsletter.name} {duty.slot.name}"
        if duty.act is Act.DRAFT:
            made = await asyncio.to_thread(draft, self._desk, newsletter, duty.slot)
            if made.changed:
                text = (
                    f"Edited or trashed after approval: {'; '.join(made.changed)}. Please approve it again."
                )
                await self._alerts.alert(f"changed:{name}", f"{name} needs another approval", text, now)
        elif duty.act is Act.AWAIT:
            await asyncio.to_thread(draft, self._desk, newsletter, duty.slot)
            text = f"{name} is due and waits for approval: digest issues approve {duty.slot.name}"
            await self._alerts.alert(f"await:{name}", f"{name} waits for approval", text, now)
        elif duty.act is Act.SKIP:
            await self._skip(newsletter, duty.slot, duty.reason)
            text = f"{name} was skipped: {duty.reason}. Its articles go into the next issue."
            await self._alerts.alert(f"skip:{name}", f"{name} was skipped", text, now)
        elif duty.act is Act.RESUME:
            await asyncio.to_thread(self._resume, newsletter, duty.slot)
        else:
            await self._publish(newsletter, duty.slot)

    async def _publish(self, newsletter: Newsletter, slot: Slot) -> None:
        """Freeze a due issue. A feed that is down delays it; too few articles skip it."""
        name = f"{newsletter.name} {slot.name}"
        if self._desk.settings.is_rehearsal and (newsletter.name, slot.name) in self._rehearsed:
            return
        if not await self._fresh(newsletter):
            return
        made = await asyncio.to_thread(draft, self._desk, newsletter, slot)
        if made.changed and newsletter.approval == "required":
            return
        if made.rendering is None:
            count = len(made.selection.articles)
            reason = f"{count} new articles, fewer than min_articles = {newsletter.min_articles}"
            skipped = await self._skip(newsletter, slot, reason)
            if skipped is not None:
                await self._alerts.report(*report(self._desk, skipped), self._desk.clock())
            return
        if self._desk.settings.is_rehearsal:
            self._rehearsed.add((newsletter.name, slot.name))
            outbox, count = await asyncio.to_thread(
                rehearse, self._desk, newsletter, slot.name, made.rendering
            )
            log.warning("issue.rehearsed", slot=slot.name, messages=count, outbox=str(outbox))
            return
        frozen = await freeze(self._desk, newsletter, made.issue)
        if frozen.state is IssueState.HELD:
            await self._alerts.alert(
                f"held:{name}", f"{name} is held", f"{frozen.reason}.", self._desk.clock()
            )
        else:
            self._alerts.over(f"held:{name}")

    async def _fresh(self, newsletter: Newsletter) -> bool:
        """Fetch before freezing; False where a feed is down and its last good fetch is too old."""
        now = self._desk.clock()
        recent = self._fresh_at is not None and now - self._fresh_at < RETRY_FEED
        if not recent:
            await self._collect(conditional=False)
            self._fresh_at = now
        down = {url: why for url, why in self._failed.items() if url in newsletter.feeds}
        if not down:
            return True
        with self._desk.store.read() as session:
            good = {feed.url: feed.good_at for feed in articles.feeds(session)}
        stale = [url for url in down if (at := good.get(url)) is None or now - at >= STALE_FEED]
        text = "\n".join(down.values())
        title = (
            f"{newsletter.name}: {'waiting for a feed' if stale else 'sent from an older fetch of a feed'}"
        )
        await self._alerts.alert(f"stale:{newsletter.name}:{bool(stale)}", title, text, now)
        return not stale

    async def _collect(self, *, conditional: bool) -> None:
        now = self._desk.clock()
        self._collected_at = now
        collected = await collect(self._desk, conditional=conditional)
        self._failed = {one.url: one.error for one in collected if one.error}
        with self._desk.store.read() as session:
            statuses = articles.feeds(session)
        for status in statuses:
            key = f"feed:{status.url}"
            if status.url not in self._failed:
                self._alerts.over(key)
            elif status.good_at is None or now - status.good_at >= STALE_FEED or status.gone:
                await self._alerts.alert(key, f"The feed {status.url} is down", status.last_error, now)

    async def _skip(self, newsletter: Newsletter, slot: Slot, reason: str) -> Issue | None:
        return await asyncio.to_thread(self._skip_now, newsletter, slot, reason)

    def _skip_now(self, newsletter: Newsletter, slot: Slot, reason: str) -> Issue | None:
        now = self._desk.clock()
        waiting = (IssueState.DRAFT, IssueState.APPROVED, IssueState.HELD)
        with self._desk.store.write() as session:
            issue = issues.open_draft(session, newsletter.name, slot, now)
            return issues.move(
                session, issue, IssueState.SKIPPED, now, allowed=waiting, reason=reason, finished_at=now
            )

    def _resume(self, newsletter: Newsletter, slot: Slot) -> None:
        with self._desk.store.write() as session:
            issue = issues.find(session, newsletter.name, slot.name)
            if issue is not None:
                issues.resume(session, issue, self._desk.clock())

    def _purge(self, now: datetime) -> None:
        privacy = self._desk.settings.privacy
        with self._desk.store.write() as session:
            stats.purge(
                session,
                keep_ip_days=privacy.keep_ip_days,
                keep_deliveries_days=privacy.keep_deliveries_days,
                now=now,
            )
