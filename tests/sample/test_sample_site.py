from collections.abc import AsyncIterator
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import feedparser
import httpx2
import pytest
from plain import PLAIN

from digest.sample import feed
from digest.sample.site import SampleSite

NOW = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)


@pytest.fixture
async def site() -> AsyncIterator[SampleSite]:
    async with SampleSite(now=NOW) as site:
        yield site


@pytest.fixture
async def client(site: SampleSite) -> AsyncIterator[httpx2.AsyncClient]:
    async with httpx2.AsyncClient(base_url=site.url, trust_env=False, verify=PLAIN) as client:
        yield client


async def test_the_feed_is_served_with_its_validators(site: SampleSite, client: httpx2.AsyncClient) -> None:
    answer = await client.get(site.feed_url)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/rss+xml; charset=UTF-8"
    assert answer.content == feed.feed(NOW, site.url)
    assert parsedate_to_datetime(answer.headers["last-modified"]) == feed.newest(NOW)


@pytest.mark.parametrize(
    ("condition", "validator"), [("If-None-Match", "etag"), ("If-Modified-Since", "last-modified")]
)
async def test_a_feed_that_the_client_has_is_not_modified(
    client: httpx2.AsyncClient, condition: str, validator: str
) -> None:
    first = await client.get("/feed/")
    again = await client.get("/feed/", headers={condition: first.headers[validator]})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]


async def test_a_weak_tag_in_a_list_is_recognised(client: httpx2.AsyncClient) -> None:
    etag = (await client.get("/feed/")).headers["etag"]
    again = await client.get("/feed/", headers={"If-None-Match": f'"other", W/{etag}'})
    assert again.status_code == 304


@pytest.mark.parametrize(
    "headers",
    [
        {"If-None-Match": '"other"', "If-Modified-Since": "Fri, 31 Dec 2027 00:00:00 GMT"},
        {"If-Modified-Since": "Sat, 21 Nov 2026 00:00:00 GMT"},
        {"If-Modified-Since": "yesterday, more or less"},
    ],
    ids=["another tag goes before the date", "an older date", "no date"],
)
async def test_a_feed_that_the_client_has_not_comes_whole(
    client: httpx2.AsyncClient, headers: dict[str, str]
) -> None:
    assert (await client.get("/feed/", headers=headers)).status_code == 200


async def test_a_day_later_the_feed_is_another(site: SampleSite, client: httpx2.AsyncClient) -> None:
    before = await client.get("/feed/")
    validators = {"If-None-Match": before.headers["etag"]}
    site.advance()
    after = await client.get("/feed/", headers=validators)
    assert after.status_code == 200
    assert len(feedparser.parse(after.content).entries) == len(feedparser.parse(before.content).entries) + 4


async def test_a_story_has_no_page_before_its_day(site: SampleSite, client: httpx2.AsyncClient) -> None:
    assert (await client.get("/heron-verdict/")).status_code == 404
    site.advance()
    assert (await client.get("/heron-verdict/")).status_code == 200


async def test_there_is_one_page_of_the_feed(client: httpx2.AsyncClient) -> None:
    assert (await client.get("/feed/?paged=1")).status_code == 200
    assert (await client.get("/feed/?paged=2")).status_code == 404


async def test_pictures_are_served_whole_under_any_size(client: httpx2.AsyncClient) -> None:
    for name in ("tug-in-the-fog.jpg", "tug-in-the-fog-400x300.jpg"):
        answer = await client.get(f"/wp-content/uploads/{name}")
        assert answer.headers["content-type"] == "image/jpeg"
        assert answer.content == feed.picture("tug-in-the-fog.jpg")


async def test_every_link_of_the_feed_answers_with_the_storys_page(
    site: SampleSite, client: httpx2.AsyncClient
) -> None:
    for entry in feedparser.parse((await client.get("/feed/")).content).entries:
        answer = await client.get(entry.link)
        assert answer.headers["content-type"] == "text/html; charset=UTF-8"
        assert f'href="{site.url}/feed/"' in answer.text


async def test_the_home_page_names_the_feed_and_links_the_stories(
    site: SampleSite, client: httpx2.AsyncClient
) -> None:
    page = (await client.get("/")).text
    assert (
        f'<link rel="alternate" type="application/rss+xml" title="The Harbour Ledger" href="{site.url}/feed/"'
        in page
    )
    assert 'href="/two-bakeries-one-bun/"' in page


@pytest.mark.parametrize(
    "path", ["/nothing/", "/wp-content/uploads/no.jpg", "/wp-content/uploads/%2e%2e/feed.py"]
)
async def test_what_is_not_there_is_not_found(client: httpx2.AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404


async def test_a_head_request_gets_the_headers_alone(client: httpx2.AsyncClient) -> None:
    answer = await client.head("/feed/")
    assert (answer.status_code, answer.content) == (200, b"")
    assert int(answer.headers["content-length"]) > 50_000


async def test_a_closed_site_no_longer_answers() -> None:
    async with SampleSite(now=NOW) as site:
        url = site.feed_url
    async with httpx2.AsyncClient(trust_env=False, verify=PLAIN) as client:
        with pytest.raises(httpx2.ConnectError):
            await client.get(url)
