"""A recipient's message as the settings want it: headers, links that work or do not, dates in words."""

from datetime import UTC, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from digest import links
from digest.config import Settings, load
from digest.engine.composer import composer, headers
from digest.links import LinkKind
from digest.message import read_message_id
from digest.model import Recipient, Rendering, slot_placeholder

NOW = datetime(2026, 11, 24, 7, 0, 3, tzinfo=UTC)
NONCE, KEY = "0123456789abcdef", b"k" * 32
KEYS = links.parse_keys(links.new_key())
CONFIG = """
[site]
name = "The Harbour Ledger"
url = "https://www.ledger.example/blog"
feeds = ["https://www.ledger.example/feed"]
language = "de"
timezone = "Europe/Berlin"
postal_address = "1 Quay, Harbour"
contact = "office@ledger.example"

[[newsletter]]
name = "daily"
title = "Every day"
schedule = "0 7 * * *"

[mail]
from = "News <news@ledger.example>"
headers = {X-Set = "one"}

[web]
public_url = "https://news.ledger.example"
"""
ADA = Recipient(id=7, email="ada@mail.example", name="Ada", since=datetime(2025, 12, 31, 23, 30, tzinfo=UTC))


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    path = tmp_path / "config.toml"
    path.write_text(CONFIG, encoding="utf-8")
    return load(path, {})


def rendering(text: str = "") -> Rendering:
    leave = slot_placeholder(NONCE, "unsubscribe_url")
    since = slot_placeholder(NONCE, "since")
    return Rendering(
        subject="The ferry was late",
        preheader="",
        html=f'<p>News</p><a href="{leave}">leave</a> {since}',
        text=text or f"News\n\n{leave}\n\nsince {since}.\n",
        nonce=NONCE,
    )


def composed(settings: Settings, recipient: Recipient = ADA, *, inert: bool = False) -> EmailMessage:
    compose = composer(
        settings,
        settings.newsletter[0],
        slot="2026-11-24T07:00",
        issue_id=3,
        rendering=rendering(),
        keys=KEYS,
        permanent_key=KEY,
        inert=inert,
    )
    message = message_from_bytes(compose(recipient, NOW), policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def text_of(message: EmailMessage) -> str:
    part = message.get_body(("plain",))
    assert part is not None
    return str(part.get_content())


def test_the_headers_follow_the_configuration(settings: Settings) -> None:
    told = headers(settings, settings.newsletter[0], "2026-11-24T07:00")
    assert (told.sender_name, told.sender_address) == ("News", "news@ledger.example")
    assert (told.list_id, told.list_name) == ("daily.www.ledger.example", "Every day")
    # Gmail: four fields, the same for all recipients, the sender's own last.
    assert told.feedback_id == "20261124:daily:digest:ledger-example"
    assert told.extra == (("X-Set", "one"),)


def test_a_message_names_its_delivery_and_carries_a_link_that_works(settings: Settings) -> None:
    message = composed(settings)
    assert message["To"] == "ada@mail.example"
    assert read_message_id(message["Message-ID"], KEY) == (3, 7)
    assert message["X-Set"] == "one"
    address = message["List-Unsubscribe"].partition(">")[0].strip("<")
    assert address.startswith("https://news.ledger.example/")
    link = links.read(address.rpartition("/")[2], KEYS)
    assert (link.kind, link.subscriber_id, link.issue_id) == (LinkKind.UNSUBSCRIBE, 7, 3)
    assert address in text_of(message)


def test_the_day_of_joining_is_the_sites_and_in_its_language(settings: Settings) -> None:
    # In Berlin the year had begun.
    assert "since 1. Januar 2026." in text_of(composed(settings))


def test_where_the_day_of_joining_is_not_known_none_is_told(settings: Settings) -> None:
    nobody = Recipient(id=8, email="bo@mail.example")
    assert "since ." in text_of(composed(settings, nobody))


def test_the_links_of_a_test_do_nothing(settings: Settings) -> None:
    message = composed(settings, inert=True)
    address = message["List-Unsubscribe"].partition(">")[0].strip("<")
    assert links.read(address.rpartition("/")[2], KEYS).kind is LinkKind.INERT
