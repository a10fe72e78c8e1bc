"""From an issue by way of a real Postfix, and what that returns, to whose address is suppressed."""

import contextlib
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from feed_site import Story, feed_site
from installed import Site, free_port
from postfix import Door, Postfix, answers, running

from digest.model import SubscriberState
from digest.store.database import Store
from digest.store.returned_tables import RETURNED, RETURNED_ABOUT
from digest.store.schema import open_store
from digest.store.tables import SUBSCRIBER

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="Postfix starts as root alone"),
]

SECONDS = 60
READERS = 40
UNKNOWN, FULL, BLOCKED = {3, 11, 19, 40}, {5, 8}, {7, 9}
"""Readers whose mailbox is not there, is full, or whose host does not want our mail."""
BOUNCES, RETURNS = "bounces@ledger.example", "returns@ledger.example"
"""What comes to the one goes into a Maildir, what comes to the other by LMTP."""
LMTP = free_port()


def reader(number: int) -> str:
    return f"reader{number}@mail{number % 7}.example"


SAID = (
    {reader(number): "550 5.1.1 User unknown" for number in UNKNOWN}
    | {reader(number): "552 5.2.2 Mailbox full" for number in FULL}
    | {reader(number): "554 5.7.1 Blocked by our policy" for number in BLOCKED}
)
DOORS = {
    # Ours: it takes everything, and hands it on.
    "relay": Door(smtpd={"smtpd_reject_unlisted_recipient": "no"}),
    # The readers': it refuses some, and forgets the mail of the others.
    "mx": Door(
        smtpd={
            "myhostname": "mx.example",
            "smtpd_recipient_restrictions": f"check_recipient_access {answers(SAID)}",
            "content_filter": "discard:",
        }
    ),
}


def settings(ports: Mapping[str, int]) -> Mapping[str, str]:
    """As docs/bounces.md has it for the mailbox of bounces; the readers are at another host."""
    domains = ", ".join(f"mail{number}.example" for number in range(7))
    return {
        "recipient_delimiter": "+",
        "virtual_mailbox_domains": f"ledger.example, {domains}",
        "virtual_mailbox_maps": f"{answers({BOUNCES: 'bounces/'})}, regexp:{{ {{/@mail/ all/}} }}",
        "transport_maps": (
            f"{answers({RETURNS: f'lmtp:inet:127.0.0.1:{LMTP}'})}, "
            f"regexp:{{ {{/@mail[0-9]/ smtp:[127.0.0.1]:{ports['mx']}}} }}"
        ),
        # Quick, where the program begins to listen after the first mail has come back.
        "minimal_backoff_time": "1s",
        "queue_run_delay": "1s",
    }


@pytest.fixture(scope="module")
def postfix() -> Iterator[Postfix]:
    with running(DOORS, settings) as postfix:
        yield postfix


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + SECONDS
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


def count(store: Store, what: sa.FromClause, *where: sa.ColumnElement[bool]) -> int:
    with store.read() as session:
        query = sa.select(sa.func.count()).select_from(what).where(*where)
        return int(session.connection().execute(query).scalar_one())


def those(store: Store, *where: sa.ColumnElement[bool]) -> set[int]:
    with store.read() as session:
        return set(session.connection().execute(sa.select(SUBSCRIBER.c.id).where(*where)).scalars())


def check(store: Store, proof: str) -> None:
    """See that everything comes back, and does what it should."""
    until(lambda: count(store, RETURNED) == len(SAID))
    assert those(store, SUBSCRIBER.c.state == SubscriberState.SUPPRESSED) == UNKNOWN
    everybody = set(range(1, READERS + 1))
    assert those(store, SUBSCRIBER.c.state == SubscriberState.ACTIVE) == everybody - UNKNOWN
    assert those(store, SUBSCRIBER.c.soft_bounces > 0) == FULL
    assert count(store, RETURNED_ABOUT, RETURNED_ABOUT.c.proof == proof) == len(SAID)


WAYS = {
    "a Maildir": {"ADDRESS": BOUNCES, "MAILDIR": "{box}", "EVERY": "1s"},
    "LMTP": {"ADDRESS": RETURNS, "LMTP": f"127.0.0.1:{LMTP}"},
}


@pytest.mark.parametrize(
    ("way", "envelope"), [("a Maildir", "verp"), ("a Maildir", BOUNCES), ("LMTP", "verp")]
)
def test_the_right_readers_are_suppressed_and_the_others_untouched(
    postfix: Postfix, tmp_path: Path, way: str, envelope: str
) -> None:
    box = postfix.box("bounces")
    with feed_site() as feed:
        feed.stories.append(Story(slug="the-tide", published_at=datetime.now(UTC)))
        database = "sqlite:///subscribers.db"
        site = Site(tmp_path, feed=feed.feed_url, smtp=postfix.port("relay"), database=database)
        site.environ["DIGEST_MAIL__ENVELOPE"] = envelope
        site.environ |= {f"DIGEST_BOUNCES__{key}": value.format(box=box) for key, value in WAYS[way].items()}
        assert list(site.install(READERS)) == [reader(number) for number in range(1, READERS + 1)]
        site.run("send", "--yes")
        assert site.json("issues", "show")["accepted"] == READERS
        with site.start("run") as service:
            try:
                with contextlib.closing(open_store(f"sqlite:///{tmp_path / 'subscribers.db'}")) as store:
                    check(store, "verp" if envelope == "verp" else "message-id")
                until(lambda: not list(box.glob("new/*")))
            finally:
                service.send_signal(signal.SIGTERM)
            _, told = service.communicate(timeout=SECONDS)
    assert service.returncode == 0, told
    assert not (box / ".digest-unread").exists()
    assert not (tmp_path / "digest-unread").exists()
