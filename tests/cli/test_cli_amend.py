"""`digest issues amend` and `digest send --extra`, as far as words alone decide."""

import json
from pathlib import Path

import pytest
from cli_site import READERS, RENDERING, SLOT, Site
from feed_site import feed_site

from digest.model import slot_placeholder
from digest.store import issues

SUBJECT = ("--subject", "The ferry was on time")
LINK = slot_placeholder(RENDERING.nonce, "unsubscribe_url")


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path).begin()
    made.readers(*READERS)
    return made


@pytest.fixture
def held(site: Site) -> Site:
    site.frozen()
    assert site.digest("issues", "hold").code == 0
    return site


def shown(site: Site) -> dict[str, object]:
    found: dict[str, object] = json.loads(site.digest("issues", "show", SLOT, "--json").out)
    return found


def test_another_subject_is_the_next_revision_and_nobody_gets_it_yet(held: Site) -> None:
    said = held.digest("issues", "amend", *SUBJECT)
    assert said.code == 0
    assert "The ferry was late → The ferry was on time" in said.out
    assert "Wait for it        3 readers" in said.out
    assert f"revision 2 and is still held: `digest preview --slot {SLOT}`" in said.out
    told = shown(held)
    assert (told["state"], told["revision"], told["subject"]) == ("held", 2, SUBJECT[1])
    assert told["accepted_by_revision"] == {}


def test_a_dry_run_and_what_it_says_already_amend_nothing(held: Site) -> None:
    assert "Nothing was amended." in held.digest("issues", "amend", *SUBJECT, "--dry-run").out
    assert "nothing was amended" in held.digest("issues", "amend", "--subject", RENDERING.subject).out
    assert shown(held)["revision"] == 1


def test_an_issue_that_is_not_held_is_told_to_be_held_first(site: Site) -> None:
    site.frozen()
    said = site.digest("issues", "amend", SLOT, *SUBJECT)
    assert (said.code, f"`digest issues hold {SLOT}`" in said.err) == (1, True)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ((), "Say what to amend"),
        (("--refetch", "--body", "x.txt"), "Say one of"),
        (("--html", "x.html"), "give both --html and --text"),
        (("--html", "-", "--text", "-"), "give the other as a file"),
        (("--body", "x.txt"), "is no extra"),
        (("--html", "none.html", "--text", "none.txt"), "none.html cannot be read"),
        (("--subject", " "), "The subject is empty"),
    ],
)
def test_misuse_is_told_and_changes_nothing(held: Site, options: tuple[str, ...], problem: str) -> None:
    said = held.digest("issues", "amend", *options)
    assert (said.code, problem in said.err) == (2, True)
    assert shown(held)["revision"] == 1


def test_a_refetch_asks_the_issues_own_feeds_alone_and_names_all_that_fail(tmp_path: Path) -> None:
    with feed_site() as away:
        away.down("/one")
        away.down("/two")
        mine = f'["{away.base}/one", "{away.base}/two"]'
        every = mine.replace("]", f', "{away.feed_url}"]')
        site = Site(tmp_path).begin(
            ('feeds = ["sample:"]', f"feeds = {every}"),
            ("feeds = []", f"feeds = {mine}"),
        )
        site.frozen()
        assert site.digest("issues", "hold").code == 0
        said = site.digest("issues", "amend", "--refetch")
    assert said.code == 1
    assert f"{away.base}/one answers 500" in said.err
    assert f"{away.base}/two answers 500" in said.err
    assert set(away.asked) == {"/one", "/two"}


def test_the_parts_are_printed_to_be_edited_and_taken_back(held: Site, tmp_path: Path) -> None:
    page, text = (held.digest("issues", "show", "--part", part).out for part in ("html", "text"))
    assert (page, text) == (RENDERING.html, RENDERING.text)
    (tmp_path / "page.html").write_text(
        page.replace("late", "on time") + '<a href="{{ reader.unsubscribe_url }}">Leave</a>', encoding="utf-8"
    )
    (tmp_path / "text.txt").write_text(
        text.replace("late", "on time") + "{{ reader.unsubscribe_url }}\n", encoding="utf-8"
    )
    parts = ("--html", str(tmp_path / "page.html"), "--text", str(tmp_path / "text.txt"))
    assert "+The ferry was on time" in held.digest("issues", "amend", *parts).out
    with held.write() as session:
        issue = issues.find(session, "daily", SLOT)
        assert issue is not None
        amended = issues.latest_rendering(session, issue.id)
    assert amended is not None
    assert f'<a href="{LINK}">Leave</a>' in amended.html
    assert amended.text == f"The ferry was on time\n{LINK}\n"


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--extra", "correction"), "An extra needs words"),
        (("--extra", "correction", "--subject", "Sorry"), "both --subject and --body"),
        (("--extra", "a b"), "is no name for an extra"),
        (("--extra", "correction", "--slot", SLOT), "leave out --slot"),
        (("--subject", "Sorry"), "name it with --extra"),
    ],
)
def test_an_extra_that_is_not_said_whole_is_misuse(
    site: Site, options: tuple[str, ...], problem: str
) -> None:
    said = site.digest("send", *options)
    assert (said.code, problem in said.err) == (2, True)
    assert json.loads(site.digest("issues", "list", "--json").out) == []


def test_without_a_relay_an_extra_is_rehearsed_and_uses_nothing_up(site: Site, tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("It was on time.\n", encoding="utf-8")
    words = ("--extra", "correction", "--subject", "Sorry", "--body", str(tmp_path / "words.txt"))
    said = site.digest("send", *words)
    assert (said.code, "Nobody was mailed." in said.out) == (0, True)
    assert len(list((tmp_path / "outbox" / "new").iterdir())) == 3
    assert json.loads(site.digest("issues", "list", "--json").out) == []
    again = site.digest("send", *words[:-1], "-", given="From the pipe.\n")
    assert again.code == 0
    mails = [one.read_text(encoding="utf-8") for one in (tmp_path / "outbox" / "new").iterdir()]
    assert sum("From the pipe." in mail for mail in mails) == 3
