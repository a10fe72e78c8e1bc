"""A site whose `digest send` is run, killed, stopped and starved; and what ledger and relay say about it.

The command runs in a process of its own, forked from one in which the program is loaded already: it is the
real thing, without the second that every start of Python and its imports takes.
"""

import asyncio
import contextlib
import multiprocessing
import os
import resource
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import psutil
import sqlalchemy as sa
from feed_site import Story, feed_site
from installed import Site
from torture_relay import Relay

from digest.cli import main
from digest.config import load
from digest.desk import Desk
from digest.links import parse_keys
from digest.model import Counts, DeliveryState, Issue
from digest.publish import collect, draft, freeze
from digest.store import issues
from digest.store.database import Store
from digest.store.schema import open_store
from digest.store.tables import DELIVERY, SUBSCRIBER

CONNECTIONS = 10
SECONDS = 120
"""How long a process may need for what a test asks of it."""

_FORKS = multiprocessing.get_context("forkserver")
_FORKS.set_forkserver_preload(
    ["digest.cli.send", "digest.cli.run", "psycopg", "sqlalchemy.dialects.postgresql.psycopg"]
)


def _run(folder: Path, told: Path, environ: Mapping[str, str], what: Callable[..., None], *of: Any) -> None:
    os.chdir(folder)
    os.environ.update(environ)
    terminal = os.open(told, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    os.dup2(terminal, 1)
    os.dup2(terminal, 2)
    what(*of)


def digest(*arguments: str) -> None:
    """Be the command: for a process of its own."""
    sys.argv = ["digest", *arguments]
    main()


class Process:
    """A process in a site's folder. `environ` lies over the environment of whoever starts it."""

    _number = 0

    def __init__(self, folder: Path, environ: Mapping[str, str], what: Callable[..., None], *of: Any) -> None:
        Process._number += 1
        self._told = folder / f"told-{Process._number}.txt"
        arguments = (folder, self._told, environ, what, *of)
        self._process = _FORKS.Process(target=_run, args=arguments, daemon=True)
        self._process.start()
        assert self._process.pid is not None
        self.pid = self._process.pid

    def signal(self, number: int) -> None:
        """Send it a signal; from any thread."""
        os.kill(self.pid, number)

    def stopped(self) -> None:
        """Wait until a SIGSTOP has taken effect."""
        until(lambda: psutil.Process(self.pid).status() == psutil.STATUS_STOPPED)

    def limit_files(self, octets: int) -> None:
        """Let no file of its grow over so many octets: for it, the disk is full then."""
        resource.prlimit(self.pid, resource.RLIMIT_FSIZE, (octets, resource.RLIM_INFINITY))

    def ends(self) -> int:
        """Wait for its end; give its exit code, or the signal's number, negative."""
        self._process.join(SECONDS)
        assert self._process.exitcode is not None, "it does not end"
        return self._process.exitcode

    @property
    def told(self) -> str:
        """What it has written to the terminal, as one line: a sentence may be folded anywhere."""
        return " ".join(self._told.read_text(encoding="utf-8").split())


def until(true: Callable[[], object], seconds: float = 60) -> None:
    """Wait for something that another process brings about."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.002)


class Ledger:
    """What the ledger says of one issue, asked from another process than the one that sends it."""

    def __init__(self, store: Store, issue: Issue) -> None:
        self.store, self.issue = store, issue

    @property
    def counts(self) -> Counts:
        with self.store.read() as session:
            return issues.counts(session, self.issue.id)

    @property
    def state(self) -> str:
        with self.store.read() as session:
            return issues.get(session, self.issue.id).state.value

    @property
    def doubtful(self) -> set[str]:
        """The addresses that may have been mailed twice."""
        return self._addresses(DELIVERY.c.doubtful == 1)

    def within(self, *states: DeliveryState) -> set[str]:
        """The addresses whose deliveries are in one of these states."""
        return self._addresses(DELIVERY.c.state.in_([state.value for state in states]))

    @property
    def states(self) -> dict[int, DeliveryState]:
        """Each delivery's state, by the subscriber's id."""
        query = sa.select(DELIVERY.c.subscriber_id, DELIVERY.c.state)
        with self.store.read() as session:
            found = session.connection().execute(query.where(DELIVERY.c.issue_id == self.issue.id))
            return {row.subscriber_id: DeliveryState(row.state) for row in found}

    def _addresses(self, where: sa.ColumnElement[bool]) -> set[str]:
        joined = DELIVERY.join(SUBSCRIBER, SUBSCRIBER.c.id == DELIVERY.c.subscriber_id)
        query = sa.select(SUBSCRIBER.c.email).select_from(joined)
        with self.store.read() as session:
            found = session.connection().execute(query.where(DELIVERY.c.issue_id == self.issue.id, where))
            return set(found.scalars())

    @contextlib.contextmanager
    def audited(self, senders: int = 1) -> Iterator[None]:
        """While the context is open, look again and again whether the states add up to the audience.

        No more may be on the wire than there are connections, of so many senders.
        """
        over, wrong, looks = threading.Event(), list[str](), 0

        def look() -> None:
            nonlocal looks
            while not over.wait(0.05):
                counted = self.counts
                looks += 1
                if counted.total != self.issue.audience or counted.submitting > senders * CONNECTIONS:
                    wrong.append(str(counted))

        auditor = threading.Thread(target=look, name="auditor")
        auditor.start()
        try:
            yield
        finally:
            over.set()
            auditor.join()
        assert not wrong, f"{len(wrong)} of {looks} times, first {wrong[0]}"
        assert looks


class Scene:
    """A site with readers, a frozen issue, and a relay that takes it."""

    def __init__(self, site: Site, ledger: Ledger, relay: Relay, readers: Sequence[str]) -> None:
        self.site, self.ledger, self.relay, self.readers = site, ledger, relay, readers

    def start(self, what: Callable[..., None], *of: Any, **environ: str) -> Process:
        """Start a process; the environment's words are settings."""
        return Process(self.site.folder, {**self.site.environ, **environ}, what, *of)

    def send(self, **environ: str) -> Process:
        """Start `digest send`."""
        return self.start(digest, "send", "--slot", self.ledger.issue.slot, "--yes", **environ)

    def sends(self, **environ: str) -> None:
        """Send what is left, to the end."""
        sending = self.send(**environ)
        assert sending.ends() == 0, sending.told

    def send_until(self, random: Random, longest: int, number: int, **environ: str) -> Process:
        """Start `digest send`, and signal it at a random instant that is at most so many messages away."""
        sending = self.send(**environ)
        count = len(self.relay.taken) + random.randint(1, longest)
        # Half of them at the very message, before it is answered; the others anywhere between two commits.
        after = random.choice((0.0, random.uniform(0, 0.01)))
        self.relay.at(count, lambda: sending.signal(number), after=after)
        return sending


@contextlib.contextmanager
def scene(folder: Path, database: str, relay: Relay, *, readers: int) -> Iterator[Scene]:
    """Set it all up in a folder, up to where today's issue is frozen."""
    with feed_site() as feed:
        feed.stories.append(Story(slug="ferry-runs-again", published_at=datetime.now(UTC)))
        site = Site(folder, feed=feed.feed_url, smtp=relay.port, database=database, connections=CONNECTIONS)
        addresses = site.install(readers)
        with desk(folder) as opened:
            issue = asyncio.run(_frozen(opened))
            try:
                yield Scene(site, Ledger(opened.store, issue), relay, addresses)
            except BaseException:
                for told in sorted(folder.glob("told-*.txt")):
                    # pytest shows it with the failure: a wait that was in vain has its reason here.
                    print(f"{told.name}:\n{told.read_text(encoding='utf-8')}")  # noqa: T201 - as above
                raise


@contextlib.contextmanager
def desk(folder: Path) -> Iterator[Desk]:
    """Give a site's desk."""
    settings = load(folder / "config.toml", os.environ)
    keys = parse_keys((folder / "secret.key").read_text(encoding="utf-8"))
    with contextlib.closing(open_store(settings.database_url)) as store:
        yield Desk(settings=settings, store=store, keys=keys)


async def _frozen(desk: Desk) -> Issue:
    newsletter = desk.settings.newsletter[0]
    slot = desk.schedule(newsletter).today(desk.clock())
    assert slot is not None
    await collect(desk)
    return await freeze(desk, newsletter, draft(desk, newsletter, slot).issue)
