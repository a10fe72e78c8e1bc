"""Several relays and spared domains as an operator has them: a few lines of config.toml, and the command."""

from collections import Counter
from collections.abc import Iterator
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from installed import Site, free_port, sample_feed
from press import ON_SQLITE
from smtp_server import Received, SmtpServer, serving

RELAYS = """
[smtp.relays.second]
host = "127.0.0.1"
port = {port}
security = "none"
provider = "postmark"
connections = 3
weight = {weight}

[pace."Mail3.example"]
rate = 25
connections = 2
"""


@pytest.fixture
def feed() -> Iterator[str]:
    with sample_feed() as url:
        yield url


def read(message: Received) -> EmailMessage:
    return message_from_bytes(message.data, _class=EmailMessage, policy=policy.default)


def configure(site: Site, *, port: int, weight: int) -> None:
    with (site.folder / "config.toml").open("a", encoding="utf-8") as config:
        config.write(RELAYS.format(port=port, weight=weight))


def test_two_relays_send_an_issue_each_with_its_providers_headers(
    tmp_path: Path, feed: str, database: str
) -> None:
    with serving(SmtpServer(pause=0.002)) as first, serving(SmtpServer(pause=0.002)) as second:
        site = Site(tmp_path, feed=feed, smtp=first.port, database=database, connections=3)
        configure(site, port=second.port, weight=2)
        addresses = site.install(210)
        sent = site.run("send", "--yes")
        assert "210" in sent.stdout + sent.stderr
        issue = site.json("issues", "show")
    assert Counter(first.recipients + second.recipients) == Counter(addresses)
    assert (issue["state"], issue["accepted"]) == ("sent", 210)
    assert len(second.received) == pytest.approx(140, abs=30)
    for one in second.received:
        mail = read(one)
        assert (mail["X-PM-Message-Stream"], mail["X-PM-TrackOpens"]) == ("broadcast", "false")
    assert not any(name.startswith("X-PM") for one in first.received for name in read(one))
    # The Message-ID is the delivery's, whichever way it goes.
    assert len({one.message_id for one in first.received + second.received}) == 210
    # Thirty readers of one domain are spared; nobody else waits for that.
    last = [recipient for server in (first, second) for recipient in server.recipients[-5:]]
    assert sum(recipient.endswith("@mail3.example") for recipient in last) >= 5


@ON_SQLITE
def test_a_relay_that_stands_by_takes_an_issue_when_the_first_cannot_be_reached(
    tmp_path: Path, feed: str, database: str
) -> None:
    with serving(SmtpServer()) as second:
        site = Site(tmp_path, feed=feed, smtp=free_port(), database=database)
        configure(site, port=second.port, weight=0)
        addresses = site.install(30)
        site.run("send", "--yes")
        assert Counter(second.recipients) == Counter(addresses)
        assert site.json("issues", "show")["state"] == "sent"


def test_a_mistake_in_a_further_relays_section_is_told_with_its_place(tmp_path: Path, feed: str) -> None:
    site = Site(tmp_path, feed=feed, smtp=free_port(), database="sqlite:///subscribers.db")
    configure(site, port=70_000, weight=-1)
    told = site.run("config", "check", exits=2).stderr
    assert "smtp.relays.second.port" in told
    assert "smtp.relays.second.weight" in told
