import json
import resource
from pathlib import Path

import pytest
from cli_site import Said, Site


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path).begin()


def take_in(site: Site, text: str | bytes, *options: str) -> Said:
    file = site.folder / "readers.csv"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return site.digest("subscribers", "import", str(file), *options)


def people(site: Site) -> dict[str, dict[str, object]]:
    told = json.loads(site.digest("subscribers", "list", "--json", "--limit", "5000").out)
    return {one["email"]: one for one in told}


def test_without_confirmed_readers_wait_and_that_is_said(site: Site) -> None:
    said = take_in(site, "email,name\nrosa@mail.example,Rosa\n")
    assert said.code == 0
    assert "They are pending: nobody is mailed before they confirm." in said.out
    assert "--confirmed" in said.out
    assert people(site)["rosa@mail.example"]["state"] == "pending"


def test_with_confirmed_they_are_mailed_from_the_next_issue_on(site: Site) -> None:
    said = take_in(
        site, "email,confirmed_at\nrosa@mail.example,2024-05-06T07:08:09+02:00\nb@x.example,\n", "--confirmed"
    )
    assert "get its next issue" in said.out
    rosa = people(site)["rosa@mail.example"]
    assert (rosa["state"], rosa["consent"]) == ("active", "import readers.csv")
    assert rosa["confirmed_at"] == "2024-05-06T05:08:09Z"


@pytest.mark.parametrize(
    "text",
    [
        "email,name\nrosa@mail.example,Rosa M\n",
        "Name;E-Mail\r\nRosa M;rosa@mail.example\r\n",
        "EMAIL\tNAME\tOTHER\nrosa@mail.example\tRosa M\tx\n",
        "\ufeffemail,name\nrosa@mail.example,Rosa M",
        '"email","name"\n"rosa@mail.example","Rosa M"\n\n\n',
        'notes,Email Address,name\n"two\nlines", rosa@mail.example ,Rosa M\n',
    ],
    ids=["commas", "semicolons", "tabs", "BOM", "quoted, blank lines", "a cell of two lines"],
)
def test_files_of_many_programs_are_read(site: Site, text: str) -> None:
    assert take_in(site, text).code == 0
    assert people(site)["rosa@mail.example"]["name"] == "Rosa M"


def test_standard_input_is_read(site: Site) -> None:
    said = site.digest("subscribers", "import", "-", given="email\nrosa@mail.example\n")
    assert said.code == 0
    assert people(site)["rosa@mail.example"]["consent"] == "import stdin"


def test_bad_lines_are_told_with_their_number_and_the_rest_is_taken_in(site: Site) -> None:
    said = take_in(
        site,
        "email,name,confirmed_at\n"
        "rosa@mail.example,Rosa,\n"
        "rosa at mail.example,Rosa,\n"
        ",nobody,\n"
        "ben@mail.example,Ben,yesterday\n"
        "eva@mail.example\n",
    )
    assert said.code == 0
    assert [line.partition(":")[0] for line in said.err.splitlines()] == ["line 3", "line 4", "line 5"]
    assert people(site).keys() == {"rosa@mail.example", "eva@mail.example"}
    assert "refused    3" in said.out


def test_an_open_quotation_mark_loses_no_line_silently(site: Site) -> None:
    said = take_in(site, 'email,name\na@x.example,"A\nb@x.example,B\nc@x.example,C\n')
    assert said.code == 1
    assert said.err.splitlines()[0].startswith("lines 2 to 4: its quotation marks do not match")


def test_a_stray_pair_of_quotation_marks_makes_no_name_of_other_readers(site: Site) -> None:
    said = take_in(site, 'email,name\na@x.example,"A\nb@x.example,B"\nc@x.example,C\n')
    assert said.code == 0
    assert said.err.startswith("lines 2 to 3: the name goes over several lines")
    assert people(site).keys() == {"c@x.example"}


def test_wrong_encoding_takes_nobody_in_and_names_the_place(site: Site) -> None:
    rows = "email,name\nrosa@mail.example,Rosa\njose@mail.example,José\n"
    said = take_in(site, rows.encode("cp1252"))
    assert said.code == 2
    assert said.err.startswith(
        "digest: readers.csv, line 3: byte 56 (0xe9) is no UTF-8: nothing was imported."
    )
    assert said.err.count("\n") == 1
    assert people(site) == {}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("mail,name\nx@y.example,X\n", "has no column “email”"),
        ("rosa@mail.example\nben@mail.example\n", "has no column “email”"),
    ],
    ids=["empty", "no email column", "no header"],
)
def test_a_file_without_an_email_column_is_misuse(site: Site, text: str, says: str) -> None:
    said = take_in(site, text)
    assert said.code == 2
    assert says in said.err
    assert said.err.count("\n") == 1


def test_a_missing_file_is_misuse(site: Site) -> None:
    said = site.digest("subscribers", "import", str(site.folder / "none.csv"))
    assert said.code == 2
    assert "none.csv cannot be read: No such file or directory" in said.err


def test_a_dry_run_writes_nothing_and_says_so(site: Site) -> None:
    said = take_in(site, "email\nrosa@mail.example\n", "--dry-run")
    assert said.code == 0
    assert "added      1" in said.out
    assert "Nothing was written" in said.out
    assert people(site) == {}


def test_importing_the_same_file_again_changes_nothing(site: Site) -> None:
    text = "email,name\nrosa@mail.example,Rosa\nROSA@mail.example,Rosa\n"
    take_in(site, text)
    told = json.loads(take_in(site, text, "--json").out)
    assert told == {
        "file": "readers.csv",
        "newsletter": "daily",
        "state": "pending",
        "dry_run": False,
        "rows": 2,
        "added": 0,
        "updated": 0,
        "unchanged": 2,
        "unsubscribed": 0,
        "suppressed": 0,
        "refused": 0,
        "reasons": {},
    }


def test_one_who_left_is_refused_with_the_reason(site: Site) -> None:
    site.digest("subscribers", "add", "rosa@mail.example")
    site.digest("subscribers", "unsubscribe", "rosa@mail.example")
    said = take_in(site, "email\nrosa@mail.example\n", "--confirmed")
    assert said.code == 0
    assert said.err.startswith("line 2: rosa@mail.example was refused: the reader has left")
    assert people(site)["rosa@mail.example"]["state"] == "unsubscribed"


def test_an_import_of_many_chunks_is_whole(site: Site) -> None:
    said = take_in(
        site, "email\n" + "".join(f"r{n}@mail.example\n" for n in range(2500)), "--confirmed", "--json"
    )
    assert json.loads(said.out)["added"] == 2500
    assert len(people(site)) == 2500


def test_a_disk_without_room_says_how_many_were_kept(site: Site) -> None:
    (site.folder / "readers.csv").write_text(
        "email\n" + "".join(f"r{n}@mail.example\n" for n in range(30_000))
    )
    small = (2_000_000, 2_000_000)
    running = site.process(
        *("subscribers", "import", "readers.csv"),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, small),
    )
    out, err = running.communicate(timeout=60)
    kept = json.loads(site.digest("stats", "--json").out)["subscribers"]["pending"]
    assert (running.returncode, out) == (1, "")
    assert 0 < kept < 30_000
    assert f"{kept:,} readers from before line {kept + 2} were kept." in err
