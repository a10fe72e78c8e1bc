"""Past issues as pages: what is there, what is not, and what those who show links read in them."""

import re
from dataclasses import replace

import pytest
from archive_site import NOW, PUBLIC_URL, archive, illustrate, put, rendering
from hypothesis import given
from hypothesis import strategies as st
from press import ON_SQLITE
from selectolax.lexbor import LexborHTMLParser

from digest.config import Archive as Section
from digest.config.signup import Signup
from digest.model import IssueState
from digest.store import archive as shelf
from digest.store import issues, revisions
from digest.store.database import Store
from digest.web.issue_page import Facts, filled, page

SLOT = "2026-11-24T07:00"


def said(html: str) -> dict[str, str]:
    """What a page's head says in its meta elements."""
    found = LexborHTMLParser(html).css("head meta")
    return {
        str(one.attributes.get("property") or one.attributes.get("name")): str(one.attributes["content"])
        for one in found
        if "content" in one.attributes
    }


async def test_an_issue_is_there_as_it_was_sent_without_a_reader(store: Store) -> None:
    put(store, SLOT)
    async with archive(store) as site:
        answer = await site.get(f"/archive/daily/{SLOT}")
    assert answer.status_code == 200
    assert "Dear friend &lt;a reader&gt;, since long ago" in answer.text
    assert f'<a href="{PUBLIC_URL}/archive/daily">Unsubscribe</a>' in answer.text
    assert "slot.invalid" not in answer.text
    head, body = rendering().html.split("<body>")
    assert answer.text.startswith(head.split("<title>", maxsplit=1)[0].rstrip())
    assert body.split("</p>")[1].split('"https://slot')[0] in answer.text


async def test_its_head_tells_those_who_show_links(store: Store) -> None:
    put_id = put(store, SLOT, made=rendering('Fog & "frost" <b>'))
    illustrate(store, put_id, "http://ledger.example/fog.jpg", alt='A "foggy" quay')
    async with archive(store) as site:
        answer = await site.get(f"/archive/daily/{SLOT}")
    assert said(answer.text) == {
        "og:type": "article",
        "og:site_name": "The Harbour Ledger",
        "og:title": 'Fog & "frost" <b>',
        "og:description": 'About: Fog & "frost" <b>',
        "og:url": f"{PUBLIC_URL}/archive/daily/{SLOT}",
        "og:image": "https://ledger.example/fog.jpg",
        "og:image:alt": 'A "foggy" quay',
        "article:published_time": "2026-11-24T07:00:00+00:00",
        "description": 'About: Fog & "frost" <b>',
        "robots": "noindex",
        "twitter:card": "summary_large_image",
    }


@ON_SQLITE
async def test_its_headers_let_its_styles_and_pictures_in_and_no_script(store: Store) -> None:
    put(store, SLOT)
    async with archive(store) as site:
        answer = await site.get(f"/archive/daily/{SLOT}")
    policy = answer.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "style-src 'unsafe-inline'" in policy
    assert "img-src https:" in policy
    assert "script-src" not in policy
    assert answer.headers["cache-control"] == "public, max-age=300"
    assert answer.headers["x-robots-tag"] == "noindex"
    assert "set-cookie" not in answer.headers


@ON_SQLITE
async def test_search_engines_may_list_it_where_the_site_says_so(store: Store) -> None:
    put(store, SLOT)
    async with archive(store, archive=Section(index=True)) as site:
        one, listed, robots = [
            await site.get(path) for path in (f"/archive/daily/{SLOT}", "/archive", "/robots.txt")
        ]
    assert [one.headers["x-robots-tag"], listed.headers["x-robots-tag"]] == ["all", "all"]
    assert "robots" not in said(one.text) | said(listed.text)
    assert robots.text == "User-agent: *\nAllow: /archive\nDisallow: /\n"


@ON_SQLITE
async def test_where_the_archive_is_private_there_is_none(store: Store) -> None:
    put(store, SLOT)
    async with archive(store, archive=Section(public=False)) as site:
        paths = ("", "/daily", f"/daily/{SLOT}", "/feed.xml", "/daily/feed.xml")
        assert {(await site.get(f"/archive{path}")).status_code for path in paths} == {404}


@pytest.mark.parametrize(
    ("reached", "state"),
    [
        (False, IssueState.DRAFT),
        (False, IssueState.SENDING),
        (False, IssueState.SENT),
        (True, IssueState.CANCELLED),
    ],
)
@ON_SQLITE
async def test_what_reached_nobody_or_was_taken_back_is_not_there(
    store: Store, *, reached: bool, state: IssueState
) -> None:
    put(store, SLOT, reached=reached, state=state)
    async with archive(store) as site:
        assert (await site.get(f"/archive/daily/{SLOT}")).status_code == 404
        assert "ferry" not in (await site.get("/archive")).text


async def test_an_extra_is_found_by_its_name_and_by_its_slot(store: Store) -> None:
    put(store, "2026-11-24T09:12", extra="correction")
    async with archive(store) as site:
        by_name, by_slot = [
            await site.get(f"/archive/daily/{name}") for name in ("correction", "2026-11-24T09:12")
        ]
    assert by_name.text == by_slot.text
    assert said(by_name.text)["og:url"] == f"{PUBLIC_URL}/archive/daily/correction"


async def test_of_an_amended_issue_the_newest_revision_is_shown(store: Store) -> None:
    issue_id = put(store, SLOT, state=IssueState.HELD)
    with store.write() as session:
        issue = issues.get(session, issue_id)
        held = replace(issue, held_from=IssueState.SENDING)
        session.connection().exec_driver_sql("UPDATE issue SET held_from = 'sending'")
        revisions.amend(session, held, rendering("The ferry is on time"), ["subject"], NOW)
    async with archive(store) as site:
        answer = await site.get(f"/archive/daily/{SLOT}")
        listed = await site.get("/archive/daily")
    assert "The ferry is on time" in answer.text
    assert "The ferry is late" not in answer.text + listed.text


@pytest.mark.parametrize(
    "path",
    [
        "daily/2026-11-23T07:00",
        "daily/2026-11-24",
        "daily/2026-11-24T07:00/",
        "daily/2026-11-24T07:00%2f..%2f..%2f..%2fhealthz",
        "daily/..%2f..%2fsecret.key",
        "daily/%2e%2e",
        "daily/%00",
        "daily/2026-11-24T07:00%00",
        "daily/2026-11-24T07:00%0a",
        "daily/٢٠٢٦-11-24T07:00",
        "daily/' OR 1=1 --",
        "weekly/2026-11-24T07:00",
        "nothing",
        "Daily",
        "..%2fstyle.css",
        "daily?before=yesterday",
        "daily?before=%00",
        "?before=2026-11-24",
        f"daily/{'x' * 5000}",
    ],
)
@ON_SQLITE
async def test_an_address_that_names_nothing_is_missing(store: Store, path: str) -> None:
    put(store, SLOT)
    async with archive(store) as site:
        answer = await site.get(f"/archive/{path}".replace("/?", "?"))
    assert answer.status_code == 404
    assert "There is no such page" in answer.text


@ON_SQLITE
async def test_nothing_can_be_posted(store: Store) -> None:
    put(store, SLOT)
    async with archive(store) as site:
        answer = await site.client.post(f"/archive/daily/{SLOT}", data={"act": "leave"})
        assert answer.status_code == 405
        assert (await site.client.head(f"/archive/daily/{SLOT}")).status_code == 200


async def test_lists_go_from_page_to_page_and_lose_no_issue(store: Store) -> None:
    slots = [f"2026-{month:02}-{day:02}T07:00" for month in (9, 10, 11) for day in range(1, 28)]
    for slot in slots:
        put(store, slot, made=rendering(f"News of {slot}"))
        put(store, slot, newsletter="weekly", made=rendering(f"Week of {slot}"))
    found: list[str] = []
    async with archive(store) as site:
        url = "/archive"
        while url:
            answer = await site.get(url)
            assert answer.headers["cache-control"] == "public, max-age=300"
            found += re.findall(r'<li><a href="/archive/([^"]+)"', answer.text)
            older = re.search(r'<a href="([^"]+)" rel="next">', answer.text)
            url = older[1] if older else ""
    newest_first = sorted(slots, reverse=True)
    assert found == [f"{name}/{slot}" for slot in newest_first for name in ("daily", "weekly")]


@ON_SQLITE
async def test_a_newsletters_list_has_its_own_issues_and_says_when_there_are_none(store: Store) -> None:
    put(store, SLOT, made=rendering("<script>alert(1)</script>"))
    async with archive(store) as site:
        daily, weekly = await site.get("/archive/daily"), await site.get("/archive/weekly")
    assert "<script" not in daily.text
    assert "Tuesday, November 24, 2026" in daily.text
    assert "No issue has gone out yet" in weekly.text


@ON_SQLITE
async def test_a_newsletter_that_has_ended_keeps_its_pages(store: Store) -> None:
    put(store, SLOT, newsletter="harbour")
    async with archive(store) as site:
        assert (await site.get("/archive/harbour")).status_code == 200
        assert (await site.get(f"/archive/harbour/{SLOT}")).status_code == 200


@ON_SQLITE
async def test_pages_under_a_path_keep_to_it(store: Store) -> None:
    put(store, SLOT)
    async with archive(store, public_url="https://ledger.example/news") as site:
        listed, one = await site.get("/archive"), await site.get(f"/archive/daily/{SLOT}")
    assert f'href="/news/archive/daily/{SLOT}"' in listed.text
    assert said(one.text)["og:url"] == f"https://ledger.example/news/archive/daily/{SLOT}"


def test_a_page_is_no_larger_for_slots_of_one_name(store: Store) -> None:
    for newsletter in ("a", "b", "c"):
        put(store, SLOT, newsletter=newsletter)
    with store.read() as session:
        found, more = shelf.page(session, size=1)
    assert ([past.newsletter for past in found], more) == (["a", "b", "c"], "")


FACTS = Facts(
    url="https://news.ledger.example/archive/daily/x",
    title="x",
    description="",
    site_name="x",
    published="2026-11-24T07:00:00+00:00",
    feed_url="https://news.ledger.example/archive/feed.xml",
    indexed=False,
)


@given(title=st.text(), description=st.text(), alt=st.text())
def test_no_title_breaks_out_of_the_head(title: str, description: str, alt: str) -> None:
    facts = replace(FACTS, title=title, description=description, image="https://x.example/", image_alt=alt)
    html = page(rendering("x"), facts, {})
    assert LexborHTMLParser(html).css_first("body p") is not None
    assert not LexborHTMLParser(html).css("script")


@pytest.mark.parametrize("html", ["<p>No head</p>", "", "<!doctype html><p>Short</p>", "<HEAD lang=en><p>"])
def test_a_page_of_any_shape_says_what_it_is(html: str) -> None:
    made = page(replace(rendering(), html=html), FACTS, {})
    assert 'property="og:title" content="x"' in made


def test_a_forged_slot_of_another_rendering_stays_as_it_was_sent() -> None:
    forged = "https://slot.invalid/fedcba9876543210/email/"
    assert filled(forged, "0123456789abcdef", {"email": "nobody"}) == forged


@ON_SQLITE
async def test_nobody_is_spoken_of_in_the_sites_language(store: Store) -> None:
    put(store, SLOT)
    async with archive(store, language="de") as site:
        one, listed = await site.get(f"/archive/daily/{SLOT}"), await site.get("/archive/daily")
    assert "&lt;jemand&gt;" in one.text
    assert "Dienstag, 24. November 2026" in listed.text


@pytest.mark.parametrize("path", ["/archive", "/archive/daily"])
@pytest.mark.parametrize("empty", [True, False])
async def test_who_reads_past_issues_is_shown_where_to_sign_up(store: Store, path: str, empty: bool) -> None:
    if not empty:
        put(store, SLOT)
    async with archive(store, public_url=f"{PUBLIC_URL}/news") as site:
        assert '<a href="/news/subscribe">Sign up</a>' in (await site.get(path)).text
    async with archive(store, signup=Signup(enabled=False)) as site:
        assert "/subscribe" not in (await site.get(path)).text
