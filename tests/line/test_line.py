"""The whole line as an operator has it: the command, a feed over HTTP, a relay over SMTP, links over HTTP."""

import contextlib
import re
import signal
import time
from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path

import httpx2
import pytest
from installed import Site, sample_feed
from plain import PLAIN
from smtp_server import Received, SmtpServer, serving

from digest.links import Link, LinkKind, parse_keys, unsubscribe_url
from digest.store import subscribers
from digest.store.schema import open_store

COUNTS = ("pending", "submitting", "accepted", "refused", "expired", "unknown", "withdrawn")


@pytest.fixture
def feed() -> Iterator[str]:
    with sample_feed() as url:
        yield url


@contextlib.contextmanager
def pages(site: Site) -> Iterator[httpx2.Client]:
    """`digest serve` beside whatever else runs."""
    with (
        site.start("serve") as server,
        httpx2.Client(base_url=f"http://127.0.0.1:{site.web}", verify=PLAIN) as client,
    ):
        for _ in range(100):
            with contextlib.suppress(httpx2.TransportError):
                if client.get("/healthz").is_success:
                    break
            time.sleep(0.1)
        try:
            yield client
        finally:
            server.send_signal(signal.SIGTERM)
            server.communicate(timeout=20)
        assert server.returncode == 0


def one_click(message: Received) -> str:
    """Give the path of a message's one-click link."""
    headers = message_from_bytes(message.data, policy=policy.default)
    assert headers["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    found = re.fullmatch(r"<http://[^/]+(/[^>]+)>", headers["List-Unsubscribe"])
    assert found
    return found[1]


def adds_up(issue: dict[str, int]) -> bool:
    return issue["audience"] == sum(issue[name] for name in COUNTS)


def until(relay: SmtpServer, count: int) -> None:
    """Wait until the relay has taken so many messages."""
    end = time.monotonic() + 30
    while len(relay.received) < count:
        assert time.monotonic() < end, f"only {len(relay.received)} messages came"
        time.sleep(0.002)


def test_fifty_readers_are_mailed_once_and_a_second_send_mails_nobody(
    tmp_path: Path, feed: str, database: str
) -> None:
    with serving(SmtpServer()) as relay:
        site = Site(tmp_path, feed=feed, smtp=relay.port, database=database)
        site.here("init")
        addresses = [f"reader{number}@mail.example" for number in range(50)]
        (tmp_path / "readers.csv").write_text("email\n" + "\n".join(addresses) + "\n", encoding="utf-8")
        site.run("subscribers", "import", "readers.csv", "--confirmed")
        site.run("send", "--yes")
        assert sorted(relay.recipients) == sorted(addresses)
        again = site.run("send", "--yes")
        assert "Nobody was mailed again" in again.stdout
        assert len(relay.received) == 50
        issue = site.json("issues", "show")
    assert adds_up(issue)
    assert (issue["state"], issue["audience"], issue["accepted"]) == ("sent", 50, 50)
    assert issue["articles"] > 0
    assert issue["subject"]


def link_of(site: Site, address: str) -> str:
    """Give the path of a reader's one-click link in the first issue, as the mail has it."""
    keys = parse_keys((site.folder / "secret.key").read_text(encoding="utf-8"))
    with contextlib.closing(open_store(site.database)) as store, store.read() as session:
        reader = subscribers.find(session, address)
    assert reader is not None
    link = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=reader.id, issue_id=1)
    return unsubscribe_url("", link, keys)


def test_one_click_takes_a_reader_out_of_an_issue_in_mid_send(
    tmp_path: Path, feed: str, database: str
) -> None:
    with serving(SmtpServer(pause=0.2)) as relay:
        site = Site(tmp_path, feed=feed, smtp=relay.port, database=database, connections=2)
        addresses = site.install(60)
        leaver, stays = addresses[-1], addresses[-2]
        form = {"List-Unsubscribe": "One-Click"}
        with pages(site) as client, site.start("send", "--yes") as sending:
            until(relay, 3)
            assert link_of(site, relay.recipients[0]) == one_click(relay.received[0])
            for method in ("GET", "HEAD"):
                assert client.request(method, link_of(site, stays)).status_code == 200
            urlencoded = httpx2.Request("POST", "http://x/", data=form)
            multipart = httpx2.Request(
                "POST", "http://x/", files={name: (None, text) for name, text in form.items()}
            )
            for body in (multipart, urlencoded):
                answer = client.post(
                    link_of(site, leaver),
                    content=body.read(),
                    headers={"Content-Type": body.headers["Content-Type"]},
                )
                assert answer.status_code == 200
                assert "set-cookie" not in answer.headers
            relay.pause = 0
            sending.communicate(timeout=60)
        assert sorted(relay.recipients) == sorted(addresses[:-1])
        reader = site.json("subscribers", "show", leaver)
        assert (reader["state"], reader["left_channel"]) == ("unsubscribed", "one-click")
        assert reader["left_issue"]
        assert site.json("subscribers", "show", stays)["state"] == "active"
        issue = site.json("issues", "show")
    assert adds_up(issue)
    assert (issue["accepted"], issue["withdrawn"]) == (59, 1)
