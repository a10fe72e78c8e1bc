"""What the service does when it looks around: collects, drafts, publishes, skips, as `duties.py` decides."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

import structlog

from digest.alerts import CALM, Alerts, among
from digest.config import Newsletter
from digest.desk import Desk
from digest.duties import Act, Duty, Plan, duties, waits_for_check
from digest.errors import IssueError
from digest.model import Issue, IssueState, Slot
from digest.publish import Draft, draft, freeze, rehearse
from digest.publish.report import report, reported
from digest.service.collecting import PATIENCE, Collecting
from digest.service.feeds import has_passed
from digest.service.flood import tell_of_flood
from digest.store import articles, issues, limits, locks, readermail, returned, signups, stats, watch

log = structlog.get_logger()

PURGE_EVERY = timedelta(days=1)


class Look:
    """One look after the other. `stopping` keeps it from beginning anything new.

    `wake` is called when there is a reason for another; `patience` is what one feed may hold a look up, in
    seconds.
    """

    def __init__(
        self, desk: Desk, alerts: Alerts, *, wake: Callable[[], None], patience: float = PATIENCE
    ) -> None:
        self._desk, self._alerts = desk, alerts
        self._collecting = Collecting(desk, alerts, wake=wake, patience=patience)
        self._drafted: dict[tuple[str, str], int] = {}
        self._purged_at: datetime | None = None
        self.stopping = False

    async def once(self) -> None:
        """Do what is to be done now, newsletter by newsletter. Trouble with one does not keep the others."""
        clock = self._desk.clock
        await self._collecting.routine()
        for newsletter in self._desk.settings.newsletter:
            async with self._alerts.guard(newsletter.name, clock):
                found = await asyncio.to_thread(self._duties, newsletter)
                await self._skip_all(newsletter, [duty for duty in found if duty.act is Act.SKIP])
                for duty in found:
                    async with self._alerts.guard(f"{newsletter.name} {duty.slot.name}", clock):
                        if not self.stopping:
                            await self._do(newsletter, duty)
                await self._let_go(newsletter, found)
        async with self._alerts.guard("the sign-ups", clock):
            await tell_of_flood(self._desk, self._alerts)
        if has_passed(self._purged_at, PURGE_EVERY, clock()) and not self.stopping:
            self._purged_at = clock()
            async with self._alerts.guard("the purge", clock):
                await asyncio.to_thread(self._purge)

    async def close(self) -> None:
        """End what looks have begun and did not wait for."""
        await self._collecting.close()

    async def _let_go(self, newsletter: Newsletter, found: Sequence[Duty]) -> None:
        """Tell which troubles of slots are over because nothing is to be done about those slots any more."""
        now, name = self._desk.clock(), newsletter.name
        awaited = {f"await:{name} {duty.slot.name}" for duty in found if duty.act is Act.AWAIT}
        await self._alerts.end(f"await:{name} ", now, but=among(awaited))
        open_now = tuple(f"trouble:{name} {duty.slot.name}:" for duty in found)
        await self._alerts.end(f"trouble:{name} ", now, but=lambda key: key.startswith(open_now), calm=CALM)
        if not any(duty.act in {Act.PUBLISH, Act.AWAIT} for duty in found):
            await self._collecting.let_go(newsletter)

    def _duties(self, newsletter: Newsletter) -> list[Duty]:
        now = self._desk.clock()
        with self._desk.store.write() as session:
            seen_at = articles.see_newsletter(
                session, newsletter.name, newsletter.schedule, newsletter.timezone, now
            )
            latest = issues.listing(session, newsletter=newsletter.name, scheduled=True)
            known = {issue.id: issue for issue in (*latest, *issues.unfinished(session))}
        plan = Plan(
            schedule=self._desk.schedule(newsletter),
            draft_before=newsletter.draft_before,
            grace=newsletter.grace,
            needs_approval=newsletter.approval == "required",
        )
        mine = [issue for issue in known.values() if issue.newsletter == newsletter.name]
        return duties(plan, mine, seen_at=seen_at, now=now)

    async def _do(self, newsletter: Newsletter, duty: Duty) -> None:
        try:
            if duty.act is Act.DRAFT:
                await self._draft_anew(newsletter, duty.slot)
            elif duty.act is Act.AWAIT:
                await self._await_approval(newsletter, duty.slot)
            elif duty.act is Act.RESUME:
                await asyncio.to_thread(self._resume, newsletter, duty.slot)
            elif duty.act is Act.PUBLISH:
                await self._publish(newsletter, duty.slot)
        except IssueError as error:
            # Somebody held, approved or sent it between the look and the act: the next look sees that.
            log.info("issue.overtaken", newsletter=newsletter.name, slot=duty.slot.name, reason=str(error))

    async def _draft_anew(self, newsletter: Newsletter, slot: Slot) -> None:
        """Draft once for each time that the feeds were asked: in between hardly anything changes."""
        key, ended = (newsletter.name, slot.name), self._collecting.ended
        if not ended or self._drafted.get(key) != ended:
            await self._draft(newsletter, slot)
            self._drafted = {known: at for known, at in self._drafted.items() if at == ended}
            self._drafted[key] = ended

    async def _draft(self, newsletter: Newsletter, slot: Slot) -> Draft:
        """Draft, and tell where that has taken their approval back."""
        made = await asyncio.to_thread(draft, self._desk, newsletter, slot)
        if made.changed:
            name, what = issues.name(made.issue), "Edited, marked, trashed or mailed since it was approved"
            wanted = newsletter.approval == "required"
            then = "Please approve it again." if wanted else "It goes out as it is now."
            text = f"{what}: {'; '.join(made.changed)}. {then}"
            await self._alerts.event(f"changed:{name}", f"{name} has changed", text, self._desk.clock())
        return made

    async def _await_approval(self, newsletter: Newsletter, slot: Slot) -> None:
        await self._draft_anew(newsletter, slot)
        if await asyncio.to_thread(self._is_empty, newsletter, slot):
            # There is nothing to approve. Whether that is so, the feeds are asked once more.
            await self._publish(newsletter, slot)
            return
        name = f"{newsletter.name} {slot.name}"
        text = f"{name} is due and waits for approval: digest issues approve {slot.name}"
        title = f"{name} waits for approval"
        await self._alerts.alert(f"await:{name}", title, text, self._desk.clock())

    def _is_empty(self, newsletter: Newsletter, slot: Slot) -> bool:
        with self._desk.store.read() as session:
            issue = issues.find(session, newsletter.name, slot.name)
            return issue is not None and issues.latest_rendering(session, issue.id) is None

    async def _publish(self, newsletter: Newsletter, slot: Slot) -> None:
        """Freeze a due issue. A feed that is down delays it; too few articles skip it."""
        rehearsal = self._desk.settings.is_rehearsal
        if rehearsal and await asyncio.to_thread(self._rehearsed, newsletter, slot):
            return
        if not await self._collecting.fresh(newsletter, slot):
            return
        made = await self._draft(newsletter, slot)
        if made.rendering is None:
            count = len(made.selection.articles)
            reason = f"{count} new articles, fewer than min_articles = {newsletter.min_articles}"
            skipped = await asyncio.to_thread(self._skip, newsletter, slot, reason)
            if skipped is not None:
                told = await asyncio.to_thread(report, self._desk, skipped)
                mark = reported(self._desk, skipped)
                await self._alerts.report(*told, self._desk.clock(), mark=mark)
        elif made.issue.state is IssueState.DRAFT and newsletter.approval == "required":
            # Its approval was taken back a moment ago, or it was never given.
            return
        elif rehearsal:
            await asyncio.to_thread(self._rehearse, newsletter, made)
        else:
            await freeze(self._desk, newsletter, made.issue)

    def _rehearsed(self, newsletter: Newsletter, slot: Slot) -> bool:
        with self._desk.store.read() as session:
            issue = issues.find(session, newsletter.name, slot.name)
            return issue is not None and watch.noted(session, issue.id, watch.REHEARSED)

    def _rehearse(self, newsletter: Newsletter, made: Draft) -> None:
        assert made.rendering is not None
        with self._desk.store.write() as session:
            # First, so that a rehearsal which breaks off does not begin again at every look.
            issues.note(session, made.issue, watch.REHEARSED, self._desk.clock())
        outbox, count = rehearse(self._desk, newsletter, made.issue.slot, made.rendering)
        log.warning("issue.rehearsed", slot=made.issue.slot, messages=count, outbox=str(outbox))

    async def _skip_all(self, newsletter: Newsletter, due: Sequence[Duty]) -> None:
        """Skip what cannot go out any more, and tell it once, however many slots it was."""
        lines = []
        for duty in due:
            if self._desk.settings.is_rehearsal and await asyncio.to_thread(
                self._rehearsed, newsletter, duty.slot
            ):
                await asyncio.to_thread(self._skip, newsletter, duty.slot, "it was a rehearsal")
            elif await asyncio.to_thread(self._skip, newsletter, duty.slot, duty.reason):
                for key in (
                    f"await:{newsletter.name} {duty.slot.name}",
                    f"held:{newsletter.name} {duty.slot.name}",
                ):
                    await self._alerts.over(key, self._desk.clock(), quietly=True)
                lines.append(f"{newsletter.name} {duty.slot.name} was skipped: {duty.reason}.")
        if lines:
            last = f"{newsletter.name} {due[-1].slot.name}"
            title = f"{last} was skipped" if len(lines) == 1 else f"{len(lines)} issues were skipped"
            text = "\n".join([*lines, "Their articles go into the next issue."])
            await self._alerts.event(f"skip:{last}", title, text, self._desk.clock())

    def _skip(self, newsletter: Newsletter, slot: Slot, reason: str) -> Issue | None:
        """Skip an issue that nobody but a check holds; None where it has gone its way since the look."""
        now = self._desk.clock()
        with self._desk.store.write() as session:
            issue = locks.issue(session, issues.open_draft(session, newsletter.name, slot, now).id)
            if issue.state not in issues.UNFROZEN and not waits_for_check(issue):
                return None
            return issues.move(
                session,
                issue,
                IssueState.SKIPPED,
                now,
                allowed=(issue.state,),
                reason=reason,
                held_from=None,
                held_at=None,
                hold_code="",
                finished_at=now,
            )

    def _resume(self, newsletter: Newsletter, slot: Slot) -> None:
        with self._desk.store.write() as session:
            issue = issues.find(session, newsletter.name, slot.name)
            if issue is not None and issue.hold_code == "quota":
                issues.resume(session, issue, self._desk.clock())

    def _purge(self) -> None:
        privacy = self._desk.settings.privacy
        with self._desk.store.write() as session:
            stats.purge(
                session,
                keep_ip_days=privacy.keep_ip_days,
                keep_deliveries_days=privacy.keep_deliveries_days,
                now=self._desk.clock(),
            )
            signups.purge(session, self._desk.clock())
            readermail.purge(session, self._desk.clock())
            limits.purge(session, self._desk.clock())
            returned.purge(session, keep_days=self._desk.settings.bounces.keep_days, now=self._desk.clock())
