import json
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cli_site import NOW, READERS, SLOT, Site
from returned_scene import came_back

from digest.model import DeliveryState
from digest.store import bounces, subscribers
from digest.store.bounces import Effect, Evidence

RAW = b"From: MAILER-DAEMON@mail.example\r\n\r\n\x1b[31mUser unknown\xff\r\n"
FULL = Evidence(reason="mailbox full", text="452 4.2.2 full")
DEAD = Evidence(reason="no such address", text="550 5.1.1 User unknown")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Three readers of an issue: one's address is dead, one has complained, one's mailbox is full."""
    site = Site(tmp_path).begin()
    site.readers(*READERS)
    issue = site.frozen()
    site.settle(issue, *[DeliveryState.ACCEPTED] * 3)
    with site.write() as session:
        came_back(session, NOW, [1], issue_id=issue.id, effect="suppressed", raw=RAW)
        bounces.blame(session, 1, Effect.SUPPRESS, DEAD, NOW)
        came_back(session, NOW, [2], issue_id=issue.id, kind="complaint", reason="abuse")
        came_back(session, NOW, [3], issue_id=issue.id, verdict="soft", reason="mailbox full", effect="soft")
        bounces.blame(session, 3, Effect.SOFT, FULL, NOW)
        came_back(session, NOW, [None], proof="forged")
    return site


def test_the_list_tells_whose_it_was_why_and_what_it_has_caused(site: Site) -> None:
    lines = site.digest("bounces", "list").out.splitlines()
    assert [line.split(maxsplit=4)[-1] for line in lines[1:]] == [
        "hard bounce  mail.example: no such address",
        "soft bounce  eva@mail.example: mailbox full; counted",
        "complaint    ben@mail.example: abuse",
        "hard bounce  rosa@mail.example: no such address; suppressed",
    ]
    assert [line.split()[0] for line in lines] == ["id", "4", "3", "2", "1"]


def test_the_list_may_be_narrowed(site: Site) -> None:
    def ids(*options: str) -> list[int]:
        return [one["id"] for one in json.loads(site.digest("bounces", "list", "--json", *options).out)]

    assert ids() == [4, 3, 2, 1]
    assert ids("--kind", "complaint") == [2]
    assert ids("--verdict", "hard", "--issue", SLOT, "--newsletter", "daily") == [2, 1]
    assert ids("--since", "2026-11-24T07:00", "--limit", "2") == [4, 3]
    # At home it is five hours earlier.
    assert ids("--since", "2026-11-24T07:01") == []
    assert site.digest("bounces", "list", "--since", "yesterday").code == 2
    assert "Nothing like this" in site.digest("bounces", "list", "--verdict", "ours").out


def test_on_a_narrow_terminal_every_word_is_there(site: Site) -> None:
    said = site.digest("bounces", "list", env={"COLUMNS": "80"}).out
    assert "rosa@mail.example: no such address; suppressed" in " ".join(said.split())


def test_one_is_shown_with_how_it_is_known_whose_it_is(site: Site) -> None:
    said = site.digest("bounces", "show", "1").out
    for line in (
        "whose     rosa@mail.example",
        "known     by the address that it was sent to, which names the reader",
        f"issue     daily {SLOT}",
        "says      hard: no such address",
        "evidence  550 5.1.1 User unknown",
        "caused    the address is suppressed: never mailed again",
    ):
        assert line in said
    forged = site.digest("bounces", "show", "4").out
    assert "forged, so it changes nobody" in forged
    assert "caused    nothing" in forged


def test_a_text_that_is_kept_is_printed_as_it_came(site: Site) -> None:
    command = [sys.executable, "-c", "from digest.cli import main; main()", "bounces", "show", "1", "--raw"]
    assert subprocess.run(command, cwd=site.folder, capture_output=True, check=True).stdout == RAW
    told = json.loads(site.digest("bounces", "show", "1", "--raw", "--json").out)
    assert (told["id"], told["raw"]) == (1, RAW.decode(errors="replace"))
    gone = site.digest("bounces", "show", "2", "--raw")
    assert gone.code == 2
    assert "is not kept any more" in gone.err
    assert site.digest("bounces", "show", "99").code == 2


def test_why_tells_what_counts_against_an_address_and_what_can_be_done(site: Site) -> None:
    said = site.digest("bounces", "why", "Rosa@mail.example").out
    assert said.startswith("Rosa@mail.example is suppressed.")
    assert "suppressed  2026-11-24 07:00 EST, no such address" in said
    assert "hard bounce: 550 5.1.1 User unknown" in said
    assert "It is never mailed again" in said
    soft = site.digest("bounces", "why", READERS[2]).out
    assert "soft  1 bounce since 2026-11-24 07:00 EST" in soft
    assert "given up after 5 soft bounces over 14 days or more" in soft


def test_why_tells_what_a_relay_refused(site: Site) -> None:
    issue = site.frozen("2026-11-25T07:00")
    site.settle(issue, DeliveryState.ACCEPTED, DeliveryState.REFUSED, reply="550 5.7.1 not on our list")
    told = json.loads(site.digest("bounces", "why", READERS[1], "--json").out)
    assert (told["email"], told["state"], told["suppression"]) == (READERS[1], "active", None)
    assert [one["reply"] for one in told["refusals"]] == ["550 5.7.1 not on our list"]
    assert [one["kind"] for one in told["returned"]] == ["complaint"]


def test_why_knows_addresses_that_are_no_readers(site: Site) -> None:
    assert "can be added" in site.digest("bounces", "why", "new@mail.example").out
    with site.write() as session:
        subscribers.suppress(session, "gone@mail.example", Evidence(reason="asked by phone"), NOW)
    assert "asked by phone" in site.digest("bounces", "why", "gone@mail.example").out
    assert site.digest("bounces", "why", "nonsense").code == 2


def test_before_anything_has_come_back_the_list_says_how_it_does(tmp_path: Path) -> None:
    site = Site(tmp_path).begin()
    assert "docs/bounces.md" in site.digest("bounces", "list").out
    assert json.loads(site.digest("bounces", "list", "--json").out) == []


def test_an_issue_shows_what_came_back_with_the_shares_of_what_was_accepted(site: Site) -> None:
    lines = site.digest("issues", "show", SLOT).out.splitlines()
    assert "bounced     1 (33.33 % of the accepted)" in lines
    assert "complained  1 (33.33 % of the accepted)" in lines
    assert "soft        1" in lines
    told = json.loads(site.digest("issues", "show", SLOT, "--json").out)
    assert (told["bounced"], told["bounced_soft"], told["bounced_ours"], told["complained"]) == (1, 1, 0, 1)
    assert told["bounce_rate"] == told["complaint_rate"] == 1 / 3
    site.frozen("2026-11-25T07:00")
    waits = site.digest("issues", "show", "2026-11-25").out
    assert "bounced" not in waits


def test_stats_tell_what_came_back_by_issue_domain_and_reason(site: Site) -> None:
    with site.write() as session:
        came_back(session, datetime.now(UTC), [2, 3], issue_id=1, domain="today.example", reason="no host")
    rows = [line.split() for line in site.digest("stats", env={"COLUMNS": "80"}).out.splitlines()]
    assert ["daily", SLOT, "3", "(100.00", "%)", "1", "0", "1", "(33.33", "%)"] in rows
    assert ["today.example", "0", "2", "0", "0", "0"] in rows
    assert ["hard", "2", "no", "host"] in rows
    told = json.loads(site.digest("stats", "--json").out)
    assert (told["issues"][0]["bounced"], told["issues"][0]["complained"]) == (3, 1)
    assert {"what": "hard", "reason": "no host", "count": 2} in told["returns"]["reasons"]


def test_a_reader_is_shown_with_what_came_back(site: Site) -> None:
    said = site.digest("subscribers", "show", READERS[2]).out
    assert "soft bounce: 550 5.1.1 User unknown" in said
    told = json.loads(site.digest("subscribers", "show", READERS[0], "--json").out)
    assert [one["recipients"][0]["effect"] for one in told["returned"]] == ["suppressed"]
