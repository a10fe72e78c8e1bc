import csv
import io
import json
import re
import stat
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from cli_site import NOW, READERS, SLOT, Site

from digest.links import Link, LinkKind, sign, unsubscribe_url
from digest.model import Channel, DeliveryState
from digest.store import newaddress, preferences, subscribers
from digest.store.subscribers import Visit

SHOWN = {
    *("email", "state", "newsletters", "created_at", "confirmed_at"),
    *("left_at", "left_issue", "left_channel"),
}
ROSA = "rosa@mail.example"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path).begin()


def shown(site: Site, who: str = ROSA) -> dict[str, Any]:
    told = json.loads(site.digest("subscribers", "show", who, "--json").out)
    assert isinstance(told, dict)
    return told


def test_an_added_reader_is_active_at_once(site: Site) -> None:
    said = site.digest("subscribers", "add", "Rosa@MAIL.example", "--name", " Rosa  M ")
    assert (said.code, said.out) == (0, "Rosa@mail.example is subscribed to daily.\n")
    told = shown(site)
    assert told.keys() >= SHOWN
    assert (told["state"], told["name"], told["consent"]) == ("active", "Rosa M", "operator")
    assert (told["newsletters"], told["left_at"]) == (["daily"], None)


def test_adding_twice_says_so(site: Site) -> None:
    site.digest("subscribers", "add", ROSA)
    assert "already" in site.digest("subscribers", "add", ROSA).out
    assert "up to date" in site.digest("subscribers", "add", ROSA, "--name", "Rosa").out


@pytest.mark.parametrize(
    "text",
    ["rosa@mail.example\r\nRCPT TO:<x@y.example>", "rosa", "a@b@c.example", "", "rosa@mail.example\r\n.x"],
    ids=["CR LF and a command", "no @-sign", "two @-signs", "nothing", "CR LF"],
)
def test_what_is_no_address_is_misuse_and_changes_nothing(site: Site, text: str) -> None:
    for command in (("add",), ("unsubscribe",), ("suppress", "--reason", "x"), ("erase", "--yes")):
        said = site.digest("subscribers", *command, "--", text)
        assert said.code == 2
        assert "\r" not in said.err
    assert json.loads(site.digest("subscribers", "list", "--json").out) == []


def test_one_who_left_is_not_added_again(site: Site) -> None:
    site.digest("subscribers", "add", ROSA)
    assert "gets no more mail" in site.digest("subscribers", "unsubscribe", ROSA).out
    said = site.digest("subscribers", "add", ROSA)
    assert said.code == 1
    assert "only the reader can come back" in said.err
    assert (shown(site)["state"], shown(site)["left_channel"]) == ("unsubscribed", "operator")
    assert "had left already" in site.digest("subscribers", "unsubscribe", ROSA).out


def test_an_unknown_address_is_told(site: Site) -> None:
    for command in (("show",), ("unsubscribe",), ("erase", "--yes")):
        said = site.digest("subscribers", *command, ROSA)
        assert (said.code, said.err) == (1, f"digest: No subscriber has the address {ROSA}.\n")


def test_a_link_shows_whom_it_was_mailed_to(site: Site) -> None:
    site.readers(ROSA)
    link = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=1, issue_id=4)
    url = unsubscribe_url("http://localhost:8025", link, site.keys)
    for text in (url, url + "/", url + "?utm_source=x", url.rpartition("/")[2]):
        assert shown(site, text)["email"] == ROSA


def test_a_link_to_the_settings_or_a_question_shows_whose_it_is(site: Site) -> None:
    site.readers(ROSA)
    for kind, place in ((LinkKind.PREFERENCES, "p"), (LinkKind.CONFIRM, "c"), (LinkKind.CONFIRM, "p")):
        token = sign(Link(kind=kind, subscriber_id=1, issue_id=7), site.keys)
        assert shown(site, f"<https://news.ledger.example/{place}/{token}>")["email"] == ROSA


def test_a_link_of_a_test_message_belongs_to_nobody(site: Site) -> None:
    site.readers(ROSA)
    link = Link(kind=LinkKind.INERT, subscriber_id=1)
    said = site.digest("subscribers", "show", unsubscribe_url("http://localhost", link, site.keys))
    assert (said.code, "belongs to nobody" in said.err) == (1, True)


def test_show_tells_a_readers_whole_history(site: Site) -> None:
    site.readers(ROSA)
    issue = site.frozen()
    site.settle(issue, DeliveryState.REFUSED, reply="550 5.1.1 no such user")
    visit = Visit(channel=Channel.ONE_CLICK, issue_id=issue.id, ip="192.0.2.7", agent="Mail/1.0")
    with site.write() as session:
        preferences.pause(session, 1, NOW + timedelta(weeks=1), visit, NOW)
        preferences.speak(session, 1, "de", visit, NOW)
        newaddress.ask(session, 1, "new@mail.example", visit, NOW)
    said = site.digest("subscribers", "show", ROSA).out
    for fact in (
        "refused",
        "550 5.1.1 no such user",
        "192.0.2.7 Mail/1.0",
        "subscriber.added",
        "new@mail.example",
    ):
        assert fact in said
    assert re.search(r"paused +daily until 2026-12-01", said)
    assert re.search(r"language +de", said)
    with site.write() as session:
        subscribers.leave(session, 1, ["daily"], visit, NOW)
    told = shown(site)
    kinds = [event["kind"] for event in told["events"]]
    assert kinds[0] == "subscriber.left"
    assert kinds[-1] == "subscriber.added"
    assert told["events"][0]["slot"] == SLOT
    assert told["mails"][0]["kind"] == "change"
    assert "the issue of" in site.digest("subscribers", "show", ROSA).out


def test_show_tells_the_latest_and_how_to_see_more(site: Site) -> None:
    site.readers(ROSA)
    with site.write() as session:
        for _ in range(5):
            subscribers.viewed(session, 1, "daily", Visit(channel=Channel.PAGE), NOW)
    said = site.digest("subscribers", "show", ROSA, "--limit", "3")
    assert said.out.count("unsubscribe.viewed") == 3
    assert "the latest 3" in said.err


def test_a_forged_link_is_refused(site: Site) -> None:
    site.readers(ROSA)
    link = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=1)
    said = site.digest("subscribers", "show", unsubscribe_url("http://localhost", link, [b"x" * 32]))
    assert said.code == 1
    assert "not made here" in said.err


def test_what_is_neither_an_address_nor_a_link_is_misuse(site: Site) -> None:
    said = site.digest("subscribers", "show", "rosa")
    assert said.code == 2
    assert said.err.startswith("digest: 'rosa' is neither an address nor the unsubscribe link of a mail.")


def test_a_link_to_an_earlier_address_or_nobody_says_so(site: Site) -> None:
    site.readers(ROSA)
    earlier = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=1, address_version=2)
    nobody = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=9)
    told = [
        site.digest("subscribers", "show", unsubscribe_url("http://localhost", link, site.keys))
        for link in (earlier, nobody)
    ]
    assert ["earlier address" in told[0].err, told[0].code] == [True, 0]
    assert ["has been erased" in told[1].err, told[1].code] == [True, 1]


def test_show_tells_the_latest_deliveries(site: Site) -> None:
    site.readers(*READERS)
    site.frozen()
    said = site.digest("subscribers", "show", ROSA)
    assert f"daily       {SLOT}  pending" in said.out
    assert shown(site)["deliveries"] == [
        {"newsletter": "daily", "slot": SLOT, "state": "pending", "at": None, "reply": ""}
    ]


def test_the_list_is_counted_and_can_be_narrowed(site: Site) -> None:
    site.readers(*READERS)
    site.digest("subscribers", "unsubscribe", ROSA)
    said = site.digest("subscribers", "list", "--limit", "1")
    assert "0 pending, 2 active, 1 unsubscribed, 0 suppressed." in said.out
    assert "the first 1 of 3" in said.err
    told = json.loads(site.digest("subscribers", "list", "--state", "unsubscribed", "--json").out)
    assert [one["email"] for one in told] == [ROSA]
    assert site.digest("subscribers", "list", "--state", "dead").code == 2


def test_a_suppressed_address_stays_out_known_or_not(site: Site) -> None:
    site.readers(ROSA)
    assert site.digest("subscribers", "suppress", ROSA, "--reason", "asked by phone").code == 0
    unknown = site.digest("subscribers", "suppress", "new@mail.example", "--reason", "asked by phone")
    assert "Nobody had it" in unknown.out
    assert shown(site)["state"] == "suppressed"
    for email in (ROSA, "new@mail.example"):
        assert "suppressed" in site.digest("subscribers", "add", email).err


def test_erasing_wants_yes_and_keeps_the_address_out(site: Site) -> None:
    site.readers(ROSA)
    assert site.digest("subscribers", "erase", ROSA).code == 2
    assert site.digest("subscribers", "erase", ROSA, "--yes").code == 0
    assert site.digest("subscribers", "show", ROSA).code == 1
    assert site.digest("subscribers", "add", ROSA).code == 1


def test_export_as_csv_is_what_import_reads(site: Site, tmp_path_factory: pytest.TempPathFactory) -> None:
    site.digest("subscribers", "add", ROSA, "--name", 'Rosa "R", M.')
    file = site.folder / "readers.csv"
    said = site.digest("subscribers", "export", "-o", str(file))
    assert (said.code, said.out, "1 reader written" in said.err) == (0, "", True)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    other = Site(tmp_path_factory.mktemp("other")).begin()
    assert other.digest("subscribers", "import", str(file), "--confirmed").code == 0
    assert (shown(other)["name"], shown(other)["confirmed_at"]) == (
        'Rosa "R", M.',
        shown(site)["confirmed_at"],
    )


def test_export_goes_to_stdout_in_either_format(site: Site) -> None:
    site.readers(*READERS)
    site.digest("subscribers", "unsubscribe", ROSA)
    rows = list(csv.DictReader(io.StringIO(site.digest("subscribers", "export").out)))
    assert [row["email"] for row in rows] == list(READERS)
    assert rows[0]["left_channel"] == "operator"
    told = json.loads(site.digest("subscribers", "export", "--format", "json", "--state", "active").out)
    assert [one["email"] for one in told] == list(READERS[1:])
    assert (
        json.loads(site.digest("subscribers", "export", "--format", "json", "--state", "pending").out) == []
    )


def test_export_as_lines_is_an_object_a_line(site: Site) -> None:
    site.readers(*READERS)
    lines = site.digest("subscribers", "export", "--format", "jsonl").out.splitlines()
    assert [json.loads(line)["email"] for line in lines] == list(READERS)
    assert site.digest("subscribers", "export", "--format", "jsonl", "--state", "pending").out == ""


def test_an_export_that_cannot_be_written_is_misuse(site: Site) -> None:
    said = site.digest("subscribers", "export", "-o", str(site.folder))
    assert said.code == 2
    assert said.err == f"digest: {site.folder} cannot be written: Is a directory.\n"
