"""Bad input to the whole line gets one clear sentence, the right exit code, and loses nothing."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from feed_site import Answer, FeedSite, Story, feed_site
from installed import Site, free_port
from smtp_server import Bad, SmtpServer, serving

PAGE = b"<!DOCTYPE html><html><head><title>Soon</title></head><body>Coming soon</body></html>"


@pytest.fixture
def feed() -> Iterator[FeedSite]:
    """A publisher's site with one story."""
    with feed_site() as publisher:
        publisher.stories.append(Story(slug="ice", published_at=datetime.now(UTC)))
        yield publisher


@pytest.fixture
def relay() -> Iterator[SmtpServer]:
    with serving(SmtpServer()) as server:
        yield server


def installed(folder: Path, feed: FeedSite, relay: int, **settings: bool) -> Site:
    """A site on SQLite with one reader."""
    site = Site(folder, feed=feed.feed_url, smtp=relay, database="sqlite:///subscribers.db", **settings)
    site.install(1)
    return site


def told(text: str) -> str:
    """Give the one sentence on standard error."""
    lines = [line for line in text.splitlines() if line.startswith("digest: ")]
    assert len(lines) == 1, text
    assert "Traceback" not in text
    return lines[0]


def test_a_feed_that_is_a_page_is_an_error_and_mails_nobody(
    tmp_path: Path, feed: FeedSite, relay: SmtpServer
) -> None:
    feed.answers["/feed"] = Answer(body=PAGE, headers={"Content-Type": "text/html"})
    site = installed(tmp_path, feed, relay.port)
    collected = site.here("collect", exits=1)
    assert feed.feed_url in collected.stderr
    assert feed.feed_url in told(site.run("send", "--yes", exits=1).stderr)
    assert site.json("articles", "list") == []
    assert relay.received == []


def test_what_a_feed_gave_before_it_was_gone_is_sent(
    tmp_path: Path, feed: FeedSite, relay: SmtpServer
) -> None:
    site = installed(tmp_path, feed, relay.port)
    site.here("collect")
    feed.down(status=410)
    assert "gone for good" in site.run("send", "--yes").stderr
    assert len(relay.received) == 1


def test_an_empty_feed_is_no_error_and_mails_nobody(
    tmp_path: Path, feed: FeedSite, relay: SmtpServer
) -> None:
    feed.stories.clear()
    site = installed(tmp_path, feed, relay.port)
    site.here("collect")
    assert "nothing to send" in site.run("send", "--yes").stdout
    assert relay.received == []


def test_an_unknown_slot_is_misuse(tmp_path: Path, feed: FeedSite, relay: SmtpServer) -> None:
    site = installed(tmp_path, feed, relay.port)
    assert "07:00" in told(site.run("send", "--slot", "2026-11-24T08:30", "--yes", exits=2).stderr)


def test_a_second_sender_on_one_database_is_refused(tmp_path: Path, feed: FeedSite) -> None:
    with serving(SmtpServer(Bad(at="dot", how="hang"))) as relay:
        site = installed(tmp_path, feed, relay.port)
        with site.start("send", "--yes") as first:
            while not relay.received:
                assert first.poll() is None
                time.sleep(0.01)
            assert "Another process is sending" in told(site.run("send", "--yes", exits=1).stderr)
            assert first.poll() is None
            first.kill()
    assert len(relay.received) == 1


def test_dead_unsubscribe_links_hold_the_issue_until_they_live(
    tmp_path: Path, feed: FeedSite, relay: SmtpServer
) -> None:
    site = installed(tmp_path, feed, relay.port, verify=True)
    sentence = told(site.run("send", "--yes", exits=1).stderr)
    assert f"http://127.0.0.1:{site.web}/healthz" in sentence
    assert "digest serve" in sentence
    assert site.json("issues", "show")["state"] == "held"
    assert relay.received == []
    with site.start("serve") as pages:
        assert pages.stdout is not None
        assert "Reader pages" in pages.stdout.readline()
        site.run("send", "--yes")
        pages.terminate()
        pages.communicate(timeout=20)
    assert len(relay.received) == 1


def test_a_relay_that_is_down_loses_nobody(tmp_path: Path, feed: FeedSite) -> None:
    port = free_port()
    site = installed(tmp_path, feed, port)
    with site.start("send", "--yes") as sending, serving(SmtpServer(port=port)) as relay:
        _, err = sending.communicate(timeout=60)
    assert sending.returncode == 0, err
    assert relay.recipients == ["reader1@mail1.example"]


def test_an_outbox_that_cannot_be_written_is_told(tmp_path: Path, feed: FeedSite) -> None:
    site = installed(tmp_path, feed, 2525)
    site.environ["DIGEST_SMTP__HOST"] = ""
    (tmp_path / "outbox").write_text("in the way", encoding="utf-8")
    assert "outbox" in told(site.run("send", "--yes", exits=1).stderr)
    assert (tmp_path / "outbox").read_text(encoding="utf-8") == "in the way"


def test_a_folder_without_a_database_is_told(tmp_path: Path) -> None:
    site = Site(tmp_path, feed="http://127.0.0.1:9/", smtp=2525, database="sqlite:///subscribers.db")
    sentence = told(site.run("send", "--yes", exits=1).stderr)
    assert "digest init" in sentence
    assert not (tmp_path / "subscribers.db").exists()
