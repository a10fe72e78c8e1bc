"""An operator's hands on a running send: held, mended, resumed, corrected. All as processes of their own."""

import json
import os
import pty
import re
import select
import signal
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from feed_site import FeedSite, Story, feed_site
from installed import DIGEST, Site
from press import ON_SQLITE
from smtp_server import Bad, Received, SmtpServer, serving

COUNTS = ("pending", "submitting", "accepted", "refused", "expired", "unknown", "withdrawn")
READERS = 300


@pytest.fixture
def feed() -> Iterator[FeedSite]:
    """A feed of one story, whose headline is wrong."""
    with feed_site() as site:
        published_at = datetime.now(UTC) - timedelta(minutes=10)
        site.stories.append(Story(slug="ferry", published_at=published_at, title="The ferry was late"))
        yield site


def until(relay: SmtpServer, count: int) -> None:
    """Wait until the relay has taken so many messages."""
    end = time.monotonic() + 60
    while len(relay.received) < count:
        assert time.monotonic() < end, f"only {len(relay.received)} messages came"
        time.sleep(0.002)


def subject(message: Received) -> str:
    return str(message_from_bytes(message.data, policy=policy.default)["Subject"])


def adds_up(issue: dict[str, int]) -> bool:
    return issue["audience"] == sum(issue[name] for name in COUNTS)


def test_a_hold_stops_a_running_send_and_the_amended_rest_goes_out_once(
    tmp_path: Path, feed: FeedSite, database: str
) -> None:
    with serving(SmtpServer(pause=0.1)) as relay:
        site = Site(tmp_path, feed=feed.feed_url, smtp=relay.port, database=database, connections=4)
        addresses = site.install(READERS)
        with site.start("send", "--yes") as sending:
            until(relay, 30)
            site.here("issues", "hold", "--reason", "wrong headline")
            _, told = sending.communicate(timeout=30)
            had_it = len(relay.received)
        assert sending.returncode == 1
        assert "is held: wrong headline" in told
        assert had_it < READERS
        feed.stories[0].title = "The ferry was on time"
        assert (
            "-The ferry was late\n+The ferry was on time" in site.here("issues", "amend", "--refetch").stdout
        )
        assert len(relay.received) == had_it
        site.here("issues", "resume")
        relay.pause = 0
        site.run("send", "--yes")
        assert Counter(relay.recipients) == Counter(addresses)
        by_subject = Counter(subject(message) for message in relay.received)
        assert by_subject == {"The ferry was late": had_it, "The ferry was on time": READERS - had_it}
        issue = site.json("issues", "show")
    assert adds_up(issue)
    assert (issue["state"], issue["revision"], issue["subject"]) == ("sent", 2, "The ferry was on time")
    assert issue["accepted_by_revision"] == {"1": had_it, "2": READERS - had_it}
    assert issue["doubtful"] == 0


@pytest.mark.torture
@ON_SQLITE
def test_the_service_takes_an_amended_issue_up_again(tmp_path: Path, feed: FeedSite, database: str) -> None:
    with serving(SmtpServer(pause=0.1)) as relay:
        site = Site(tmp_path, feed=feed.feed_url, smtp=relay.port, database=database, connections=4)
        addresses = site.install(READERS)
        with site.start("send", "--yes") as sending:
            until(relay, 10)
            sending.send_signal(signal.SIGTERM)
            sending.communicate(timeout=30)
        with site.start("run") as service:
            until(relay, 60)
            # All within the moment that a running sender takes to look around: it must send no old word.
            site.run("issues", "hold")
            had_it = len(relay.received)
            site.run("issues", "amend", "--subject", "The ferry was on time")
            relay.pause = 0
            site.run("issues", "resume")
            until(relay, READERS)
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=40)
        assert service.returncode == 0
        assert Counter(relay.recipients) == Counter(addresses)
        by_subject = Counter(subject(message) for message in relay.received)
        assert set(by_subject) == {"The ferry was late", "The ferry was on time"}
        assert by_subject["The ferry was late"] <= had_it + 4
        issue = site.json("issues", "show")
    assert list(issue["accepted_by_revision"].values()) == list(by_subject.values())


@pytest.mark.torture
@ON_SQLITE
def test_a_correction_goes_out_beside_the_service_and_only_once(
    tmp_path: Path, feed: FeedSite, database: str
) -> None:
    words = ("--extra", "correction", "--subject", "Correction: the ferry", "--body", "words.txt")
    with serving(SmtpServer()) as relay:
        site = Site(tmp_path, feed=feed.feed_url, smtp=relay.port, database=database)
        addresses = site.install(20)
        (tmp_path / "words.txt").write_text(
            "It was on time: https://ledger.example/ferry\n", encoding="utf-8"
        )
        assert "Nobody was mailed" in site.run("send", *words, "--dry-run").stdout
        site.run("send", *words, "--to", "editor@ledger.example")
        assert relay.recipients == ["editor@ledger.example"]
        assert site.json("issues", "list") == []
        relay.received.clear()
        with site.start("run") as service:
            assert service.stdout is not None
            assert "Reader pages" in service.stdout.readline()
            assert "begins with this in a moment" in site.run("send", *words).stdout
            until(relay, 20)
            service.send_signal(signal.SIGTERM)
            service.communicate(timeout=40)
        assert Counter(relay.recipients) == Counter(addresses)
        assert {subject(message) for message in relay.received} == {"Correction: the ferry"}
        assert "Nobody was mailed again" in site.run("send", *words).stdout
        assert "Nobody was mailed again" in site.run("send", "--extra", "correction").stdout
        extra = site.json("issues", "show", "correction")
        assert (extra["extra"], extra["state"], extra["accepted"], extra["articles"]) == (
            *("correction", "sent", 20),
            0,
        )
        # The schedule's own issue is another matter, and has its articles.
        site.run("send", "--yes")
        assert Counter(relay.recipients) == Counter([*addresses] * 2)
        assert subject(relay.received[-1]) == "The ferry was late"
        site.run("send", "--extra", "two", "--subject", "Two", "--body", "words.txt", "--yes")
    assert Counter(relay.recipients) == Counter([*addresses] * 3)


@pytest.mark.torture
def test_an_extra_waits_for_an_editor_where_one_is_wanted(tmp_path: Path, feed: FeedSite) -> None:
    words = ("--extra", "correction", "--subject", "Correction", "--body", "words.txt")
    with serving(SmtpServer()) as relay:
        site = Site(
            tmp_path, feed=feed.feed_url, smtp=relay.port, database="sqlite:///subscribers.db", connections=2
        )
        config = (tmp_path / "config.toml").read_text(encoding="utf-8")
        wanted = config.replace('schedule = "0 7 * * *"', 'schedule = "0 7 * * *"\napproval = "required"')
        (tmp_path / "config.toml").write_text(wanted, encoding="utf-8")
        addresses = site.install(3)
        (tmp_path / "words.txt").write_text("It was on time.", encoding="utf-8")
        assert "waits for an editor: `digest issues approve" in site.run("send", *words, exits=1).stderr
        site.here("issues", "approve", "correction")
        assert "words are fixed" in site.run("send", *words, exits=1).stderr
        assert relay.received == []
        site.run("send", "--extra", "correction")
        assert sorted(relay.recipients) == sorted(addresses)


def on_terminal(site: Site, *arguments: str) -> str:
    """Run the command on a terminal of 120 columns to its end; give what that showed, without its colours."""
    ours, theirs = pty.openpty()
    environ = {**site.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    with subprocess.Popen(
        [DIGEST, *arguments], cwd=site.folder, env=environ, stdin=theirs, stdout=theirs, stderr=theirs
    ) as process:
        os.close(theirs)
        shown = b""
        while select.select([ours], [], [], 60)[0]:
            try:
                shown += os.read(ours, 65536)
            except OSError:
                # What Linux says when the other side is closed.
                break
    os.close(ours)
    assert process.returncode == 0, shown
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", shown.decode())


def test_a_terminal_shows_what_was_accepted_how_fast_and_how_long_it_will_take(
    tmp_path: Path, feed: FeedSite
) -> None:
    with serving(SmtpServer(pause=0.1)) as relay:
        site = Site(
            tmp_path, feed=feed.feed_url, smtp=relay.port, database="sqlite:///subscribers.db", connections=2
        )
        site.install(60)
        shown = on_terminal(site, "send", "--yes")
    assert re.search(r"send .* \d+/60 +\d+ accepted +\d+/s +0:00:0\d", shown)


@pytest.mark.torture
@ON_SQLITE
def test_another_process_tells_the_rate_and_can_wait_for_the_end(
    tmp_path: Path, feed: FeedSite, database: str
) -> None:
    with serving(SmtpServer(pause=0.25)) as relay:
        site = Site(tmp_path, feed=feed.feed_url, smtp=relay.port, database=database, connections=2)
        site.install(100)
        with site.start("send", "--yes") as sending:
            until(relay, 40)
            told = site.json("issues", "show")
            assert told["state"] == "sending"
            assert told["rate"] > 1
            assert told["seconds_left"] >= 1
            ended = json.loads(site.run("issues", "show", "--watch", "--json").stdout)
            assert (ended["state"], ended["accepted"], ended["rate"]) == ("sent", 100, None)
            sending.communicate(timeout=30)


@pytest.mark.torture
@ON_SQLITE
def test_who_did_not_get_it_is_told_and_tried_again(tmp_path: Path, feed: FeedSite, database: str) -> None:
    lost = Bad(at="rcpt", how="550 5.7.1 not today", to="reader2@mail2.example", times=[1])
    swallowed = Bad(at="dot", how="close", to="reader3@mail3.example", times=[1])
    later = Bad(at="rcpt", how="451 4.7.1 come back later", to="reader4@mail4.example")
    with serving(SmtpServer(lost, swallowed, later)) as relay:
        site = Site(tmp_path, feed=feed.feed_url, smtp=relay.port, database=database, connections=1)
        config = (tmp_path / "config.toml").read_text(encoding="utf-8")
        asks = config + '\n[delivery]\non_unknown = "ask"\n'
        (tmp_path / "config.toml").write_text(asks, encoding="utf-8")
        addresses = site.install(12)
        site.run("send", "--yes")
        listed = site.here("issues", "undelivered", "--json").stdout.splitlines()
        told = {row["email"]: row for row in map(json.loads, listed)}
        assert {email: row["state"] for email, row in told.items()} == {
            "reader2@mail2.example": "refused",
            "reader3@mail3.example": "unknown",
            "reader4@mail4.example": "pending",
        }
        assert told["reader2@mail2.example"]["reply"] == "550 5.7.1 not today"
        assert told["reader4@mail4.example"]["next_at"]
        assert "--refused --unknown` tries again" in site.here("issues", "undelivered").stderr
        assert (
            "2 deliveries are pending again" in site.here("issues", "retry", "--refused", "--unknown").stdout
        )
        relay.bad.clear()
        site.run("send", "--yes")
        issue = site.json("issues", "show")
        assert (issue["accepted"], issue["pending"], issue["refused"], issue["unknown"]) == (11, 1, 0, 0)
        assert set(relay.recipients) == set(addresses) - {"reader4@mail4.example"}
    assert adds_up(issue)


@pytest.mark.torture
@ON_SQLITE
def test_who_waits_for_deferred_readers_sees_what_is_tried_again_and_a_hold(
    tmp_path: Path, feed: FeedSite, database: str
) -> None:
    lost = Bad(at="rcpt", how="550 5.7.1 not today", to="reader2@mail2.example", times=[1])
    later = Bad(at="rcpt", how="451 4.7.1 come back later", to="reader4@mail4.example")
    with serving(SmtpServer(lost, later)) as relay:
        site = Site(tmp_path, feed=feed.feed_url, smtp=relay.port, database=database, connections=1)
        site.install(12)
        with site.start("send", "--yes", "--wait") as sending:
            until(relay, 10)
            # The deferred one is due in five minutes.
            site.here("issues", "retry", "--refused")
            until(relay, 11)
            site.run("issues", "hold", "--reason", "wrong headline")
            _, told = sending.communicate(timeout=20)
        assert sending.returncode == 1
        assert "is held: wrong headline" in told
        issue = site.json("issues", "show")
        assert (issue["accepted"], issue["pending"]) == (11, 1)


@pytest.mark.torture
@ON_SQLITE
def test_who_waits_for_deferred_readers_can_be_stopped(tmp_path: Path, feed: FeedSite, database: str) -> None:
    later = Bad(at="rcpt", how="451 4.7.1 come back later", to="reader4@mail4.example")
    with serving(SmtpServer(later)) as relay:
        site = Site(tmp_path, feed=feed.feed_url, smtp=relay.port, database=database, connections=1)
        site.install(5)
        with site.start("send", "--yes", "--wait") as sending:
            until(relay, 4)
            sending.send_signal(signal.SIGTERM)
            _, told = sending.communicate(timeout=20)
        assert sending.returncode == 1
        assert "Stopped; 1 delivery is open" in told
