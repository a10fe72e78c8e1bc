"""The desk makes of the settings what the engine works with."""

from collections.abc import Callable
from pathlib import Path

import pytest
import trustme

from digest.config import load, template_text
from digest.delivery.domains import Limit
from digest.delivery.presets import PRESETS
from digest.desk import Desk
from digest.store.database import Store

Seat = Callable[..., Desk]

FURTHER = """
[smtp.relays.second]
host = "two.example"
port = 465
security = "tls"
username = "u"
password = "hunter2"
provider = "postmark"
connections = 4
rate = 0.5
weight = 0

[pace."gmail.com"]
rate = 20

[pace."bücher.example"]
connections = 2
"""


@pytest.fixture
def seat(tmp_path: Path) -> Seat:
    def make(text: str = "", **environ: str) -> Desk:
        environ = {"SMTP__HOST": "one.example"} | environ
        path = tmp_path / "config.toml"
        path.write_text(template_text() + text, encoding="utf-8")
        named = {"DIGEST_SMTP__HOST": "one.example"} | {
            f"DIGEST_{key}": text for key, text in environ.items()
        }
        return Desk(settings=load(path, named), store=Store("sqlite://"), keys=())

    return make


def test_the_relay_of_smtp_comes_first_under_the_name_main(seat: Seat) -> None:
    desk = seat(FURTHER, SMTP__TIMEOUT="9")
    assert [(relay.name, str(relay), relay.timeout) for relay in desk.relays] == [
        ("main", "one.example:587", 9),
        ("second", "two.example:465", 9),
    ]
    assert desk.relay == desk.relays[0]


def test_a_further_relay_has_what_its_section_says(seat: Seat) -> None:
    second = seat(FURTHER).relays[1]
    assert (second.security, second.username, second.password) == ("tls", "u", "hunter2")
    assert (second.connections, second.rate, second.weight) == (4, 0.5, 0)


def test_each_relay_has_the_headers_of_its_own_provider(seat: Seat) -> None:
    main, second = seat(FURTHER, SMTP__PROVIDER="ses").relays
    assert not main.headers
    assert (main.unsigned, main.rate) == (frozenset({"date", "message-id"}), 14)
    assert (second.headers, second.unsigned) == (PRESETS["postmark"].headers, frozenset())


def test_a_header_that_the_operator_sets_is_not_set_twice(seat: Seat) -> None:
    headers = '{"x-pm-message-stream": "news"}'
    relay = seat(SMTP__PROVIDER="postmark", MAIL__HEADERS=headers).relay
    assert "X-PM-Message-Stream" not in dict(relay.headers)
    assert "X-PM-TrackOpens" in dict(relay.headers)


def test_a_file_of_authorities_is_found_from_the_settings_folder(seat: Seat, tmp_path: Path) -> None:
    assert seat().relay.ca_file == ""
    trustme.CA().cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    assert seat(SMTP__CA_FILE="authority.pem").relay.ca_file == str(tmp_path / "authority.pem")


def test_domains_have_their_limits_as_on_the_wire(seat: Seat) -> None:
    assert seat().limits == {}
    assert seat(FURTHER).limits == {
        "gmail.com": Limit(rate=20),
        "xn--bcher-kva.example": Limit(connections=2),
    }
