"""The steps of which the demo's courses are made: readers come, an issue is queued, goes out, readers leave.

Every step is the product's own, over real sockets. Knows nothing of how it is shown.
"""

import asyncio
import contextlib
import time
from collections.abc import Iterator, Sequence
from datetime import timedelta

import httpx2

from digest.demo.report import Edition, Reader, Show, Step
from digest.demo.world import World
from digest.engine.sender import Progress
from digest.errors import DigestError
from digest.model import Counts, Issue, IssueState, Slot
from digest.publish import collect, draft, freeze, send
from digest.sample.readers import readers
from digest.store import issues, subscribers
from digest.store.database import analyze
from digest.store.subscribers import Newcomer

CHUNK = 500
"""Readers an import's transaction: the bar moves, and nobody waits long for the writer."""

PATIENCE = timedelta(seconds=20)
"""How long the catching relay may fail: it is on this machine."""


async def bring(world: World, count: int, show: Show) -> tuple[list[Reader], float]:
    """Bring in made-up readers; give them, and how many seconds it took."""
    people = [Reader(email=email, name=name) for email, name in readers(count)]
    show.heading("Readers")
    with timed(show, Step(title=f"Import {count:,} readers", total=count)) as imported:
        await asyncio.to_thread(_import, world, people, imported)
    return people, imported.seconds


@contextlib.contextmanager
def timed(show: Show, step: Step) -> Iterator[Step]:
    """Show a step while the context is open, and tell it how long that was."""
    began = time.perf_counter()
    with show.step(step):
        yield step
        step.seconds = time.perf_counter() - began


def _import(world: World, people: Sequence[Reader], step: Step) -> None:
    newsletter = world.newsletter.name
    for start in range(0, len(people), CHUNK):
        chunk = [
            Newcomer(email=reader.email, name=reader.name, newsletter=newsletter)
            for reader in people[start : start + CHUNK]
        ]
        with world.desk.store.write() as session:
            subscribers.add(session, chunk, world.desk.clock())
        step.on_reach(start + len(chunk))
    analyze(world.desk.store)
    step.note = "with their consent, into SQLite"


class Making:
    """One issue on its way along the line."""

    def __init__(self, world: World, show: Show, slot: Slot) -> None:
        self._world, self._show, self._slot = world, show, slot
        self._seconds: dict[str, float] = {}
        self._left = 0
        self._subject = ""
        self._stories: tuple[str, ...] = ()
        self._issue: Issue | None = None

    async def queue(self) -> None:
        """Collect, draft, freeze: from here on the issue's bytes and audience are fixed."""
        desk, newsletter = self._world.desk, self._world.newsletter
        with self.step("collect", "Collect the feed") as step:
            (collected,) = await collect(desk)
            if collected.arrived is None:
                raise DigestError(f"The sample site's feed did not come: {collected.error or 'unchanged.'}")
            step.note = f"{len(collected.arrived.new)} new articles over HTTP"
        with self.step("draft", "Draft the issue") as step:
            made = await asyncio.to_thread(draft, desk, newsletter, self._slot)
            if made.rendering is None:
                raise DigestError("The sample site's feed holds nothing to mail.")
            self._subject = made.rendering.subject
            self._stories = tuple(article.title for article in made.selection.articles)
            step.note = f"{len(self._stories)} stories: {self._subject}"
        with self.step("freeze", "Freeze it") as step:
            self._issue = await freeze(desk, newsletter, made.issue)
            if self._issue.state is not IssueState.FROZEN:
                raise DigestError(
                    f"The issue was not frozen but {self._issue.state.value}: {self._issue.reason}"
                )
            step.note = f"{self._issue.audience:,} queued; the reader pages answer"

    async def send(self) -> None:
        """Mail it to everybody who is still there."""
        desk = self._world.desk
        with self.step("send", "Send", self.issue.audience) as step:

            def show(progress: Progress) -> None:
                step.on_reach(progress.accepted + progress.settled)

            with desk.store.sender():
                (self._issue,) = await send(desk, [self.issue], patience=PATIENCE, on_progress=show)
            counts = self.counts
            step.note = f"{counts.accepted:,} accepted over SMTP"
            if counts.withdrawn:
                step.note += f", {counts.withdrawn} withdrawn"

    async def leave(self, who: Sequence[Reader], title: str) -> None:
        """Press the mail program's unsubscribe button in each reader's own message (RFC 8058)."""
        with self.step("leave", title) as step:
            received = await self._world.catcher.settled(len(who))
            async with httpx2.AsyncClient(trust_env=False) as client:
                for reader in who:
                    url = next((one.one_click_url for one in received if one.recipient == reader.email), "")
                    answer = await client.post(url, data={"List-Unsubscribe": "One-Click"}) if url else None
                    if answer is None or not answer.is_success:
                        why = f"answered {answer.status_code}" if answer else "is not in the message"
                        raise DigestError(f"{reader.name} cannot leave: the one-click link {why}.")
                    self._left += 1
            step.note = " and ".join(reader.name for reader in who)

    @property
    def issue(self) -> Issue:
        """The issue, once it is queued."""
        assert self._issue is not None
        return self._issue

    @property
    def counts(self) -> Counts:
        """Its deliveries' states, as the ledger has them now."""
        with self._world.desk.store.read() as session:
            return issues.counts(session, self.issue.id)

    def edition(self) -> Edition:
        """Give the issue as it went out."""
        return Edition(
            slot=self._slot,
            subject=self._subject,
            stories=self._stories,
            counts=self.counts,
            audience=self.issue.audience,
            left=self._left,
            seconds=self._seconds,
        )

    @contextlib.contextmanager
    def step(self, name: str, title: str, total: int = 0) -> Iterator[Step]:
        """Show a step of this issue; its name is that in `Edition.seconds`."""
        with timed(self._show, Step(title=title, total=total)) as step:
            yield step
        self._seconds[name] = step.seconds
