"""Proxies of the environment: each for its own scheme, and none where NO_PROXY says so."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from feed_site import FeedSite, Story, feed_site

from digest.feed.fetch import Failed, Fetched, Outcome, Validators, client, fetch

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
OWN = "https://ledger.example/feed"


@pytest.fixture
def site() -> Iterator[FeedSite]:
    """A site in our own network, and a proxy too: whoever asks it for all of an address gets a feed."""
    with feed_site() as served:
        served.feeds["/feed"] = [Story(slug="ferry", published_at=NOW)]
        yield served


@pytest.fixture(autouse=True)
def _no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


async def fetched(url: str) -> Outcome:
    async with client("https://ledger.example", OWN) as http:
        return await fetch(http, url, Validators(), now=NOW)


async def test_what_a_proxy_is_named_for_goes_through_it(
    site: FeedSite, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", site.base)
    assert isinstance(await fetched("http://far.example/feed"), Fetched)
    assert site.asked == ["http://far.example/feed"]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("HTTPS_PROXY", ""),
        ("HTTP_PROXY", "127.0.0.1"),
        ("HTTP_PROXY", "elsewhere.example, 127.0.0.0/8"),
        ("ALL_PROXY", "*"),
    ],
)
async def test_what_goes_by_the_proxy_leads_nowhere_inside(
    site: FeedSite, monkeypatch: pytest.MonkeyPatch, name: str, more: str
) -> None:
    monkeypatch.setenv(name, site.base)
    monkeypatch.setenv("NO_PROXY", more)
    outcome = await fetched(site.feed_url)
    assert isinstance(outcome, Failed)
    assert "no public address" in outcome.reason
    assert site.asked == []


@pytest.mark.parametrize(
    ("without", "host"),
    [
        ("far.example", "far.example"),
        ("far.example", "www.far.example"),
        (".far.example", "www.far.example"),
        ("*.far.example", "www.far.example"),
        ("192.0.2.1", "192.0.2.1"),
        ("192.0.2.0/24", "192.0.2.7"),
        ("2001:db8::/32", "[2001:db8::1]"),
        ("::1", "[::1]"),
        ("[::1]", "[::1]"),
        ("http://far.example", "far.example"),
    ],
)
async def test_a_host_that_is_named_goes_by_the_proxy(
    site: FeedSite, monkeypatch: pytest.MonkeyPatch, without: str, host: str
) -> None:
    monkeypatch.setenv("ALL_PROXY", site.base)
    monkeypatch.setenv("NO_PROXY", f"nonsense/9, 10.0.0.0/99, ,{without}")
    assert isinstance(await fetched(f"http://{host}/feed"), Failed)
    assert site.asked == []
    assert isinstance(await fetched("http://another.example/feed"), Fetched)
