import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_site import READERS, SLOT, Site

from digest.model import Channel
from digest.store import preferences, subscribers
from digest.store.bounces import Evidence
from digest.store.subscribers import Visit


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Three readers of an issue: one leaves by its link and says why, one by one click, one complains."""
    site = Site(tmp_path).begin()
    site.readers(*READERS, "late@mail.example")
    issue, now = site.frozen(), datetime.now(UTC)
    page = Visit(channel=Channel.PAGE, issue_id=issue.id)
    with site.write() as session:
        for _ in range(3):
            subscribers.viewed(session, 1, "daily", page, now)
        subscribers.viewed(session, 2, "daily", page, now)
        subscribers.leave(session, 1, ["daily"], page, now)
        for reason in ("other", "too-often"):
            preferences.note(session, "subscriber.reason", 1, page, now, newsletter="daily", detail=reason)
        for reader in (2, 4):
            click = Visit(channel=Channel.ONE_CLICK, issue_id=issue.id)
            subscribers.leave(session, reader, ["daily"], click, now)
        complaint = Evidence(reason="complaint", issue_id=issue.id, channel=Channel.COMPLAINT)
        subscribers.suppress(session, READERS[2], complaint, now)
    return site


def test_stats_tell_who_left_from_which_issue_by_which_way_and_why(site: Site) -> None:
    said = site.digest("stats").out
    rows = [line.split() for line in said.splitlines() if SLOT in line and line.split()[-1].isdigit()]
    assert rows[:3] == [
        ["daily", SLOT, "one-click", "–", "2"],
        ["–", SLOT, "complaint", "–", "1"],
        ["daily", SLOT, "page", "too-often", "1"],
    ]
    assert ", 4 left" in said


def test_looks_are_told_apart_from_leaving(site: Site) -> None:
    said = site.digest("stats").out
    assert "unsubscribe pages only looked at: 4 times, of 2 readers, by people and by scanners" in said


def test_a_script_reads_the_same(site: Site) -> None:
    told = json.loads(site.digest("stats", "--json").out)
    assert told["looks"] == {"times": 4, "readers": 2}
    assert told["leavings"][0] == {
        "newsletter": "daily",
        "slot": SLOT,
        "extra": "",
        "channel": "one-click",
        "reason": "",
        "readers": 2,
    }
    assert [(one["channel"], one["reason"], one["readers"]) for one in told["leavings"][1:]] == [
        ("complaint", "", 1),
        ("page", "too-often", 1),
    ]


def test_where_nobody_left_nothing_is_said_of_it(tmp_path: Path) -> None:
    site = Site(tmp_path).begin()
    said = site.digest("stats").out
    assert "looked at" not in said
    assert "because" not in said
