"""What is known about mail services: complete, well-formed, and never in the operator's way."""

import json

import pytest

from digest.config.editorial import HEADER_NAME, OWN_HEADERS
from digest.delivery.presets import PLAIN, PRESETS, Preset
from digest.headers import fold

EVERY = pytest.mark.parametrize("preset", PRESETS.values(), ids=PRESETS)


def test_the_known_services_are_these() -> None:
    assert set(PRESETS) == {"ses", "postmark", "mailgun", "sendgrid", "gmail", "postfix"}


@EVERY
def test_a_preset_can_be_sent_with(preset: Preset) -> None:
    assert preset.rate >= 0
    assert preset.connections >= 1
    assert preset.messages_per_connection >= 1


@EVERY
def test_a_presets_headers_are_headers_and_none_that_every_message_has(preset: Preset) -> None:
    for name, text in preset.headers:
        assert HEADER_NAME.fullmatch(name)
        assert not OWN_HEADERS.fullmatch(name)
        assert all(len(line) <= 78 for line in fold(name, text).splitlines())


@EVERY
def test_what_a_service_rewrites_is_named_in_lower_case(preset: Preset) -> None:
    assert all(name == name.lower() for name in preset.unsigned)


def test_each_service_but_a_postfix_of_ones_own_has_its_way_with_the_envelope() -> None:
    told = {name: preset.envelope for name, preset in PRESETS.items()}
    assert [name for name, text in told.items() if not text] == ["postfix"]
    assert all(text.endswith(".") and ". " not in text for text in told.values() if text)


def test_ses_rewrites_what_a_signature_must_leave_out() -> None:
    assert PRESETS["ses"].unsigned == {"date", "message-id"}


@pytest.mark.parametrize(
    ("name", "header", "text"),
    [
        ("postmark", "X-PM-TrackOpens", "false"),
        ("postmark", "X-PM-TrackLinks", "None"),
        ("mailgun", "X-Mailgun-Track", "no"),
        ("mailgun", "X-Mailgun-Track-Clicks", "no"),
        ("mailgun", "X-Mailgun-Track-Opens", "no"),
    ],
)
def test_a_services_tracking_is_switched_off(name: str, header: str, text: str) -> None:
    assert dict(PRESETS[name].headers)[header] == text


def test_sendgrids_tracking_is_switched_off() -> None:
    filters = json.loads(dict(PRESETS["sendgrid"].headers)["X-SMTPAPI"])["filters"]
    assert {"clicktrack", "opentrack"} <= set(filters)
    assert {setting["settings"]["enable"] for setting in filters.values()} == {0}


def test_the_operators_own_header_stands_in_for_a_presets_whatever_its_case() -> None:
    beside = PRESETS["postmark"].headers_beside({"x-pm-message-stream": "news", "X-Other": "1"})
    assert [name for name, _ in beside] == ["X-PM-TrackOpens", "X-PM-TrackLinks", "X-PM-KeepID"]


def test_a_relay_that_nothing_is_known_about_gets_nothing_added() -> None:
    assert (PLAIN.rate, PLAIN.headers, PLAIN.unsigned) == (0, (), frozenset())
