import json
from pathlib import Path

import pytest
from cli_site import NOW, READERS, SLOT, Site

from digest.issue import Selection
from digest.model import Decided, Decision, DeliveryState, IssueState, Slot
from digest.store import articles, extras, issues, ledger, subscribers
from digest.store.bounces import Evidence
from digest.store.tick import Result, Turn, tick

SHOWN = {
    *("newsletter", "slot", "state", "subject", "articles", "audience"),
    *("pending", "submitting", "accepted", "refused", "expired", "unknown", "withdrawn", "doubtful"),
    *("started_at", "finished_at", "id", "reason", "held_from", "due_at", "created_at", "frozen_at"),
}
TWO = ("[mail]", '[[newsletter]]\nname = "weekly"\nschedule = "0 9 * * 1"\n[mail]')


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path).begin()
    made.readers(*READERS)
    return made


@pytest.fixture
def sent(site: Site) -> Site:
    site.settle(site.frozen(), DeliveryState.ACCEPTED, DeliveryState.REFUSED, DeliveryState.EXPIRED)
    return site


def state(site: Site, slot: str = SLOT) -> str:
    return str(json.loads(site.digest("issues", "show", slot, "--json").out)["state"])


def test_before_the_first_issue_the_list_says_how_one_comes(site: Site) -> None:
    assert "`digest preview`" in site.digest("issues", "list").out
    assert json.loads(site.digest("issues", "list", "--json").out) == []
    assert site.digest("issues", "show").code == 1


def test_show_gives_a_script_everything(sent: Site) -> None:
    told = json.loads(sent.digest("issues", "show", SLOT, "--json").out)
    assert told.keys() >= SHOWN
    assert (told["newsletter"], told["slot"], told["state"]) == ("daily", SLOT, "sent")
    assert (told["audience"], told["accepted"], told["refused"], told["expired"]) == (3, 1, 1, 1)
    assert (told["subject"], told["held_from"], told["finished_at"]) == (
        "The ferry was late",
        None,
        "2026-11-24T12:00:00Z",
    )


def test_show_is_pleasant_to_read(sent: Site) -> None:
    lines = sent.digest("issues", "show").out.splitlines()
    assert lines[:2] == [f"daily {SLOT} is sent", "The ferry was late"]
    assert ["due       2026-11-24 02:00 EST" in lines, "accepted  1" in lines] == [True, True]
    assert "`digest issues undelivered" in lines[-1]


def test_show_lists_what_was_decided_about_each_article(site: Site) -> None:
    site.digest("collect")
    site.draft()
    with site.write() as session:
        newest = articles.recent(session, ["sample:"], 1)[0]
        chosen = Selection(decided=(Decided(article=newest, decision=Decision.INCLUDED, reason="new"),))
        issues.save_decisions(session, 1, chosen)
    assert f"included  new     {newest.title}" in site.digest("issues", "show").out


def test_a_date_names_the_only_issue_of_its_day(sent: Site) -> None:
    assert state(sent, SLOT[:10]) == "sent"


def test_a_date_means_its_issue_whatever_extras_went_out_on_it(sent: Site) -> None:
    with sent.write() as session:
        minute = Slot(name="2026-11-24T09:12", instant=NOW)
        extras.open_extra(session, "daily", "correction", [minute], NOW)
    told = [
        json.loads(sent.digest("issues", "show", name, "--json").out) for name in (SLOT[:10], "correction")
    ]
    assert [one["extra"] for one in told] == [None, "correction"]
    assert [line.split()[2] for line in sent.digest("issues", "list").out.splitlines()] == [
        *("extra", "correction", "–")
    ]
    assert "2026-11-24T09:12 (correction)" in sent.digest("stats").out


def test_an_unknown_slot_is_misuse_and_the_known_are_named(sent: Site) -> None:
    said = sent.digest("issues", "show", "2026-11-25T07:00")
    assert said.code == 2
    assert f"daily {SLOT}" in said.err


def test_a_slot_of_two_newsletters_has_to_be_told_apart(site: Site) -> None:
    site.configure(TWO)
    site.draft()
    site.draft(newsletter="weekly")
    said = site.digest("issues", "show", SLOT)
    assert said.code == 2
    assert "name the newsletter with --newsletter" in said.err
    assert "weekly" in site.digest("issues", "show", SLOT, "--newsletter", "weekly").out


def test_the_list_shows_the_latest_first(sent: Site) -> None:
    sent.draft("2026-11-25T07:00")
    said = sent.digest("issues", "list")
    assert said.out.splitlines()[0].split()[:3] == ["newsletter", "slot", "state"]
    assert [line.split()[1:3] for line in said.out.splitlines()[1:]] == [
        ["2026-11-25T07:00", "draft"],
        [SLOT, "sent"],
    ]
    assert len(json.loads(sent.digest("issues", "list", "--limit", "1", "--json").out)) == 1


def test_approving_needs_no_slot_where_one_issue_waits(site: Site) -> None:
    site.draft()
    assert site.digest("issues", "approve").code == 0
    assert state(site) == "approved"
    again = site.digest("issues", "approve", SLOT)
    assert (again.code, "is approved and cannot be approved" in again.err) == (1, True)


def test_two_drafts_have_to_be_told_apart(site: Site) -> None:
    site.draft()
    site.draft("2026-11-25T07:00")
    said = site.digest("issues", "approve")
    assert said.code == 2
    assert "2 issues are draft; name the slot" in said.err


def test_hold_and_resume_bring_an_issue_back_to_where_it_was(site: Site) -> None:
    site.frozen()
    held = site.digest("issues", "hold", "--reason", "the mayor has resigned")
    assert held.code == 0
    assert "`digest issues resume" in held.out
    told = json.loads(site.digest("issues", "show", "--json").out)
    assert (told["state"], told["held_from"], told["reason"]) == ("held", "frozen", "the mayor has resigned")
    assert site.digest("issues", "resume").code == 0
    assert state(site) == "frozen"


def test_resuming_counts_as_having_looked_at_the_audience(site: Site) -> None:
    site.draft()
    site.digest("issues", "hold")
    site.digest("issues", "resume")
    with site.write() as session:
        assert issues.get(session, 1).audience_confirmed


def test_what_is_not_held_cannot_be_resumed(sent: Site) -> None:
    said = sent.digest("issues", "resume")
    assert said.code == 1
    assert said.err.startswith("digest: No issue is held; the latest are ")


def test_cancelling_asks_and_without_a_terminal_wants_yes(site: Site) -> None:
    site.frozen()
    said = site.digest("issues", "cancel")
    assert said.code == 2
    assert "say --yes" in said.err
    assert state(site) == "frozen"
    assert "3 will not get it" in site.digest("issues", "cancel", "--yes").out
    assert state(site) == "cancelled"


def test_retry_brings_deliveries_back_and_says_who_sends_them(sent: Site) -> None:
    assert sent.digest("issues", "retry").code == 2
    said = sent.digest("issues", "retry", SLOT, "--refused", "--expired")
    assert said.code == 0
    assert said.out == (
        f"2 deliveries are pending again: `digest send --slot {SLOT}` or the service sends them.\n"
    )
    assert state(sent) == "sending"
    assert "has no such deliveries" in sent.digest("issues", "retry", "--unknown").out


def test_undelivered_tells_who_and_why(sent: Site) -> None:
    said = sent.digest("issues", "undelivered")
    assert said.code == 0
    assert [line.split()[:2] for line in said.out.splitlines()] == [
        ["ben@mail.example", "refused"],
        ["eva@mail.example", "expired"],
    ]
    assert all(line.endswith("550 5.1.1 no such user") for line in said.out.splitlines())
    assert "2 deliveries" in said.err


def test_undelivered_gives_a_script_one_object_a_line(sent: Site) -> None:
    told = [json.loads(line) for line in sent.digest("issues", "undelivered", "--json").out.splitlines()]
    assert told[0] == {
        "email": "ben@mail.example",
        "state": "refused",
        "code": 550,
        "kind": "dead address",
        "reply": "550 5.1.1 no such user",
        "when": "2027-01-15T08:00:00Z",
        "next_at": None,
    }


def test_who_may_have_got_it_twice_is_told_by_name(site: Site) -> None:
    issue = site.frozen()
    assert "gone to nobody twice" in site.digest("issues", "undelivered", "--doubtful").out
    with site.write() as session:
        for _ in range(2):
            batch = ledger.take(session, issue, 0, ask=False, now=NOW)
            rows = ledger.rows(session, batch, ledger.epoch(NOW))[:1]
            issues.move(session, issue, IssueState.SENDING, NOW, allowed=(IssueState.FROZEN,))
            tick(session, issue.id, [Turn(batch=batch, claim=rows)], NOW)
        results = [Result(subscriber_id=rows[0].recipient.id, state=DeliveryState.ACCEPTED, code=250)]
        tick(session, issue.id, [Turn(batch=batch, results=results)], NOW)
    said = site.digest("issues", "undelivered", "--doubtful")
    assert [line.split()[:2] for line in said.out.splitlines()] == [["rosa@mail.example", "accepted"]]
    assert f"1 reader of daily {SLOT} may have got it twice" in said.err
    (told,) = site.digest("issues", "undelivered", "--doubtful", "--json").out.splitlines()
    assert json.loads(told)["email"] == "rosa@mail.example"
    assert "--doubtful` tells who may have got it twice" in site.digest("issues", "show").out


def test_a_relays_escape_sequences_are_shown_as_what_they_are(site: Site) -> None:
    site.settle(site.frozen(), DeliveryState.REFUSED, reply="550 \x1b]0;owned\x07")
    out = site.digest("issues", "undelivered").out
    assert "550 �]0;owned�" in out


def test_where_nobody_was_missed_it_says_so(site: Site) -> None:
    site.frozen()
    assert "has failed for nobody; 3 are still to be sent" in site.digest("issues", "undelivered").out


def test_articles_are_listed_with_their_standing(site: Site) -> None:
    assert "`digest collect`" in site.digest("articles", "list").out
    site.digest("collect")
    told = json.loads(site.digest("articles", "list", "--json", "--limit", "2").out)
    assert [one["standing"] for one in told] == [{"daily": "waiting"}] * 2
    assert "waiting" in site.digest("articles", "list").out


def test_an_articles_story_is_told(site: Site) -> None:
    site.digest("collect")
    assert "eligible" in site.digest("articles", "why", "1").out
    assert json.loads(site.digest("articles", "why", "1", "--json").out)["id"] == 1
    assert site.digest("articles", "why", "99").code == 2


def test_stats_count_what_readers_did_by_themselves(sent: Site) -> None:
    with sent.write() as session:
        evidence = Evidence(reason="asked by phone")
        subscribers.suppress(session, "ben@mail.example", evidence, issues.get(session, 1).due_at)
    told = json.loads(sent.digest("stats", "--json").out)
    assert told["subscribers"] == {"pending": 0, "active": 2, "unsubscribed": 0, "suppressed": 1}
    assert (told["issues"][0]["state"], told["issues"][0]["accepted"]) == ("sent", 1)
    assert len(told["days"]) == 30
    assert "active readers" in sent.digest("stats").out
    assert sent.digest("stats", "--newsletter", "weekly").code == 2
