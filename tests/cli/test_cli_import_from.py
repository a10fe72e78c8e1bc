import json
import zipfile
from datetime import UTC, datetime
from typing import Any

import pytest
from cli_site import NOW, Said, Site

from digest.store import subscribers
from digest.store.signups import CONSENT
from digest.store.tables import SUBSCRIBER, SUPPRESSION

HEADER = "email_address,type,creation_date,unsubscription_date\n"


@pytest.fixture
def site(tmp_path: Any) -> Site:
    return Site(tmp_path).begin()


def take_in(site: Site, rows: str, *options: str) -> Said:
    file = site.folder / "export.csv"
    file.write_text(HEADER + rows, encoding="utf-8")
    return site.digest("subscribers", "import", str(file), "--from", "buttondown", *options)


def people(site: Site) -> dict[str, dict[str, Any]]:
    told = json.loads(site.digest("subscribers", "list", "--json").out)
    return {one["email"].partition("@")[0]: one for one in told}


def suppressions(site: Site) -> list[tuple[str, str]]:
    with site.write() as session:
        found = session.connection().execute(SUPPRESSION.select().order_by(SUPPRESSION.c.reason))
        return [(row.reason, row.evidence) for row in found]


ROSA = "rosa@mail.example,regular,2023-04-05T06:09:00Z,\n"
EVA = "eva@mail.example,unsubscribed,2023-04-05T06:07:08Z,2024-12-05T21:01:47Z\n"
KIM = "kim@mail.example,complained,2023-04-05T06:07:08Z,\n"
LEO = "leo@mail.example,undeliverable,2023-04-05T06:07:08Z,\n"


def test_those_who_are_subscribed_get_the_next_issue_with_their_old_consent(site: Site) -> None:
    said = take_in(site, ROSA)
    assert said.code == 0
    assert "1 reader more get the next issue of daily." in said.out
    rosa = people(site)["rosa"]
    assert (rosa["state"], rosa["consent"]) == ("active", "imported from Buttondown: regular")
    assert rosa["confirmed_at"] == "2023-04-05T06:09:00Z"


def test_those_who_left_are_written_down_and_bounced_and_complained_ones_never_mailed(site: Site) -> None:
    said = take_in(site, ROSA + EVA + KIM + LEO)
    assert "unsubscribed  1" in said.out
    assert "suppressed    2" in said.out
    found = people(site)
    assert found.keys() == {"rosa", "eva"}
    assert (found["eva"]["state"], found["eva"]["left_channel"]) == ("unsubscribed", "import")
    assert found["eva"]["left_at"] == "2024-12-05T21:01:47Z"
    assert suppressions(site) == [
        ("bounced", "imported from Buttondown: undeliverable"),
        ("complained", "imported from Buttondown: complained"),
    ]


@pytest.mark.parametrize("row", [EVA, KIM, LEO], ids=["left", "complained", "bounced"])
def test_who_stopped_elsewhere_cannot_be_brought_in_by_another_import(site: Site, row: str) -> None:
    take_in(site, row)
    address = row.partition(",")[0]
    again = take_in(site, f"{address},regular,2023-04-05T06:07:08Z,\n", "--json")
    assert json.loads(again.out)["refused"] == 1
    assert site.digest("subscribers", "add", address).code == 1


@pytest.mark.parametrize("row", [EVA, KIM, LEO], ids=["left", "complained", "bounced"])
@pytest.mark.parametrize("order", [1, -1], ids=["before", "after"])
def test_who_is_in_a_file_twice_has_left(site: Site, row: str, order: int) -> None:
    address = row.partition(",")[0]
    rows = [f"{address},regular,2023-04-05T06:07:08Z,\n", row][::order]
    take_in(site, "".join(rows))
    found = people(site).get(address.partition("@")[0])
    assert found is None or found["state"] in {"unsubscribed", "suppressed"}


@pytest.mark.parametrize(("row", "state"), [(EVA, "unsubscribed"), (KIM, "suppressed"), (LEO, "suppressed")])
def test_a_reader_of_ours_who_stopped_there_gets_no_more_mail(site: Site, row: str, state: str) -> None:
    address = row.partition(",")[0]
    site.readers(address)
    told = json.loads(take_in(site, row, "--json").out)
    assert told[state] == 1
    one = people(site)[address.partition("@")[0]]
    assert (one["state"], one["newsletters"]) == (state, [] if state == "unsubscribed" else ["daily"])


def signed_up(site: Site, address: str, at: datetime) -> None:
    """Make it a reader who signed up here by a form."""
    site.readers(address)
    with site.write() as session:
        session.connection().execute(SUBSCRIBER.update().values(consent=f"{CONSENT}, then", confirmed_at=at))


@pytest.mark.parametrize("row", [EVA, EVA.replace("unsubscribed", "complained")], ids=["left", "complained"])
def test_who_signed_up_here_after_leaving_there_stays(site: Site, row: str) -> None:
    signed_up(site, "eva@mail.example", datetime(2026, 1, 1, tzinfo=UTC))
    assert json.loads(take_in(site, row, "--json").out)["unchanged"] == 1
    assert people(site)["eva"]["state"] == "active"


def test_who_left_there_after_signing_up_here_leaves_here(site: Site) -> None:
    signed_up(site, "eva@mail.example", datetime(2024, 1, 1, tzinfo=UTC))
    take_in(site, EVA)
    assert people(site)["eva"]["state"] == "unsubscribed"


def test_who_reads_another_newsletter_here_keeps_it(tmp_path: Any) -> None:
    weekly = '[[newsletter]]\nname = "weekly"\nschedule = "0 8 * * 1"\n\n[mail]'
    site = Site(tmp_path).begin(("[mail]", weekly))
    with site.write() as session:
        newcomer = subscribers.Newcomer(email="eva@mail.example", newsletter="weekly")
        subscribers.add(session, [newcomer], NOW)
    take_in(site, EVA, "--newsletter", "daily")
    eva = people(site)["eva"]
    assert (eva["state"], eva["newsletters"]) == ("active", ["weekly"])
    refused = take_in(site, EVA.replace("unsubscribed", "regular"), "--newsletter", "daily", "--json")
    assert json.loads(refused.out)["reasons"] == {"the reader has left; only the reader can come back": 1}


def test_who_was_erased_leaves_no_trace_again(site: Site) -> None:
    site.readers("eva@mail.example")
    site.digest("subscribers", "erase", "eva@mail.example", "--yes")
    assert json.loads(take_in(site, EVA, "--json").out)["unchanged"] == 1
    assert people(site) == {}


def test_importing_it_again_changes_nothing(site: Site) -> None:
    take_in(site, ROSA + EVA + KIM + LEO)
    told = json.loads(take_in(site, ROSA + EVA + KIM + LEO, "--json").out)
    assert (told["unchanged"], told["added"], told["unsubscribed"], told["suppressed"]) == (4, 0, 0, 0)


def test_a_dry_run_shows_five_rows_as_they_would_come_and_writes_nothing(site: Site) -> None:
    said = take_in(site, ROSA + EVA + KIM + LEO + ROSA.replace("rosa", "una") * 9, "--dry-run")
    lines = [" ".join(line.split()) for line in said.out.splitlines()]
    assert lines[1:6] == [
        "rosa@mail.example – added, active regular since 2023-04-05",
        "eva@mail.example – unsubscribed unsubscribed since 2023-04-05",
        "kim@mail.example – suppressed complained since 2023-04-05",
        "leo@mail.example – suppressed undeliverable since 2023-04-05",
        "una@mail.example – added, active regular since 2023-04-05",
    ]
    assert "Nothing was written" in said.out
    assert (people(site), suppressions(site)) == ({}, [])
    told = json.loads(take_in(site, ROSA, "--dry-run", "--json").out)
    assert told["examples"] == [
        {"line": 2, "email": "rosa@mail.example", "name": "", "becomes": "added, active"}
    ]


def test_what_comes_of_a_leaver_is_an_event_but_no_departure_of_ours(site: Site) -> None:
    site.readers("eva@mail.example")
    take_in(site, EVA + LEO)
    stats = json.loads(site.digest("stats", "--json").out)
    assert sum(day["left"] for day in stats["days"]) == 0


def test_a_zip_archive_names_the_file_of_a_bad_line(site: Site) -> None:
    path = site.folder / "subscribers.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("export/subscribers.csv", HEADER + ROSA + "nobody,regular,,\n")
        archive.writestr("export/unsubscribers.csv", HEADER + EVA)
        archive.writestr("export/emails.csv", "subject\n")
    said = site.digest("subscribers", "import", str(path), "--from", "buttondown")
    assert said.code == 0
    assert "subscribers.csv, line 3: 'nobody' cannot be mailed" in said.err
    assert people(site).keys() == {"rosa", "eva"}


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--confirmed",), "leave out --confirmed"),
        (("--list", "x"), "--list is for exports that have several lists"),
    ],
)
def test_what_makes_no_sense_together_is_misuse(site: Site, options: tuple[str, ...], says: str) -> None:
    said = take_in(site, ROSA, *options)
    assert said.code == 2
    assert says in said.err
    assert people(site) == {}


def test_what_we_export_we_take_in_again(site: Site) -> None:
    take_in(site, ROSA + EVA)
    exported = site.digest("subscribers", "export").out
    with site.write() as session:
        for table in (SUBSCRIBER, SUPPRESSION):
            session.connection().execute(table.delete())
    said = site.digest("subscribers", "import", "-", "--from", "digest", given=exported)
    assert said.code == 0
    assert {name: one["state"] for name, one in people(site).items()} == {
        "rosa": "active",
        "eva": "unsubscribed",
    }
