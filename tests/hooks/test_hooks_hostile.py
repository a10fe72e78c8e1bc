"""Whatever a service posts, proved or not, is read as far as it goes."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from hook_posts import (
    NOW,
    SECRET,
    TOPIC,
    mailgun,
    mailgun_event,
    octets,
    ses_bounce,
    ses_complaint,
    sns,
    suppressed,
)
from hook_posts import postmark as postmark_record
from hook_posts import sendgrid as sendgrid_event
from hook_posts import sparkpost as sparkpost_event
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.bounce.report import UNKNOWN, Kind, Report
from digest.hooks import mailgun as from_mailgun
from digest.hooks import postmark, sendgrid, ses, sparkpost
from digest.hooks import sns as from_sns
from digest.hooks.event import Event, each
from digest.hooks.item import Item, UnreadableError

SAMPLES = [
    postmark_record("HardBounce", Content="", RecordType="SpamComplaint"),
    suppressed("ManualSuppression", "Recipient"),
    mailgun_event("failed", severity="permanent", reason="bounce"),
    sendgrid_event(
        "bounce", reason="550 5.1.1 no such user", type="blocked", bounce_classification="Content"
    ),
    sendgrid_event("dropped", response=""),
    sparkpost_event("bounce", bounce_class="90", fbtype="abuse"),
    ses_bounce("Permanent", "General", diagnosticCode="smtp; 550 no", status="5.0.0"),
    ses_complaint(complaintFeedbackType="abuse"),
    {"eventType": "Subscription", "subscription": {"newTopicPreferences": {"unsubscribeAll": True}}},
]


def named(value: object) -> Iterator[str]:
    """The names in a sample, at every depth."""
    for name, inner in value.items() if isinstance(value, dict) else ():
        yield name
        yield from named(inner)


def told(value: object) -> Iterator[str]:
    """The words in a sample."""
    if isinstance(value, str):
        yield value
    for inner in value.values() if isinstance(value, dict) else ():
        yield from told(inner)


NAMES = sorted({name for sample in SAMPLES for name in named(sample)} | {"bouncedRecipients", "emailAddress"})
WORDS = sorted({word for sample in SAMPLES for word in told(sample)})
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | st.sampled_from(WORDS),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(NAMES), inner, max_size=6),
    max_leaves=25,
)


def sound(events: tuple[Event, ...]) -> None:
    """The ledger and a terminal can have it, and what means nothing names nobody."""
    for event in events:
        assert len(event.key) < 300
        report = event.report
        texts = [event.key, report.reason, report.message_id, report.delivery, report.unsubscribe]
        texts += report.sent_to
        for one in report.recipients:
            texts += [one.address, one.evidence, one.status, one.reason]
        "".join(texts).encode()
        assert "\x00" not in "".join(texts)
        assert all(one.address for one in report.recipients)
        assert report.kind is not Kind.NONE or not report.recipients


@given(VALUES)
@settings(max_examples=150)
def test_no_json_of_any_form_raises(value: object) -> None:
    for module in (postmark, sendgrid, sparkpost):
        with suppress(UnreadableError):
            sound(module.read(octets(value)))
    item = value if isinstance(value, dict) else {"event": value}
    sound(ses.read(from_sns.read(octets(sns(item)), [TOPIC])))
    sound(from_mailgun.read(octets(mailgun(item)), SECRET, NOW).events)


def test_what_is_nested_too_deep_is_unreadable_and_keeps_back_no_other() -> None:
    deep: list[object] = []
    for _ in range(10_000):
        deep = [deep]
    told = [Item({"id": "deep", "pad": deep}), Item({"id": "sound"})]
    with pytest.raises(UnreadableError):
        told[0].raw()
    found = each("a", told, "id", lambda _: Report(kind=Kind.DELAY))
    assert [one.key for one in found] == ["a:sound"]


def test_an_event_that_we_fail_to_read_is_one_to_look_at() -> None:
    def read(told: Item) -> Report:
        if told.text("id") == "first":
            raise ZeroDivisionError
        return Report(kind=Kind.DELAY)

    first, second = each("a", [Item({"id": "first"}), Item({"id": "second"})], "id", read)
    assert (first.key, first.report, first.raw) == (
        "a:first",
        Report(kind=Kind.NONE, reason=UNKNOWN),
        b'{"id": "first"}',
    )
    assert second.report.kind is Kind.DELAY


def test_no_depth_of_a_batch_raises() -> None:
    posted = octets([sendgrid_event("bounce", pad=[0])])
    for depth in range(850, 1000):
        deep = b"[" * depth + b"]" * depth
        with suppress(UnreadableError):
            sound(sendgrid.read(posted.replace(b"[0]", deep)))
