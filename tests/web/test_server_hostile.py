"""Requests that no browser sends, over real sockets: none reads a file, hides another, or says who it is."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
from preferences_site import own, untouched
from raw_client import port_of, said
from web_site import LEAVE, ONE_CLICK, Site, serving

from digest.config import Archive
from digest.store.database import Store
from digest.web.connection import Patience

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

SHORT = Patience(head=0.5, body=0.5, answer=5)
HIDDEN = b"List-Unsubscribe=One-Click"


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    async with serving(
        store, lambda made: replace(made, archive=Archive(public=True)), clients=SHORT
    ) as made:
        yield made


async def asked(
    site: Site, target: str | bytes, *fields: str, body: bytes = b"", method: str = "GET"
) -> bytes:
    """What is answered to a request that is sent as it stands."""
    line = b"%s %s HTTP/1.1\r\n" % (method.encode(), target if isinstance(target, bytes) else target.encode())
    head = "".join(f"{field}\r\n" for field in ("Host: x", "Connection: close", *fields))
    return await said(port_of(site.base), line + head.encode() + b"\r\n" + body, pause=1)


def status(answer: bytes) -> int:
    return int(answer.split(b" ", 2)[1]) if answer else 0


@pytest.mark.parametrize(
    "target",
    [
        "/archive/../../../../../../etc/passwd",
        "/archive/daily/../../../../../../etc/passwd",
        "/archive/%2e%2e/%2e%2e/%2e%2e/etc/passwd",
        "/archive/daily/%2e%2e%2f%2e%2e%2fetc%2fpasswd",
        "/archive/daily/%252e%252e%252f%252e%252e%252fetc%252fpasswd",
        "/archive/daily/%25252e%25252e%25252fetc",
        "/archive/daily/..\\..\\..\\config.toml",
        "/archive/daily/..%5c..%5cconfig.toml",
        "/archive/daily/%255c%255cserver",
        "/archive/daily/2026-11-24T07:00%00.html",
        "/archive/daily%00/feed.xml",
        "/archive/%00",
        "/archive/daily/%c0%ae%c0%ae%c0%afetc%c0%afpasswd",
        "/archive/daily/%ff%fe",
        "/archive//etc/passwd",
        "/archive/file:///etc/passwd",
        "//etc/passwd",
        "/style.css/../config.toml",
        "/style.css%00",
        "/../subscribers.db",
        "/%2e%2e/secret.key",
        "/u/../../secret.key",
        "/p/%2e%2e%2f%2e%2e%2fsecret.key",
        "/c/..%5c..%5csecret.key",
    ],
)
async def test_no_address_leads_out_of_the_pages(site: Site, target: str) -> None:
    answer = await asked(site, target)
    assert status(answer) == 404
    assert b"root:" not in answer
    assert b"<h1>" in answer


@pytest.mark.parametrize(
    "target", [b"/archive/\xff\xfe", b"/archive/a b", b"/archive/\x00", b"archive", b"", b"/archive/\r\nX: y"]
)
async def test_what_is_no_target_is_no_request(site: Site, target: bytes) -> None:
    answer = await asked(site, target)
    assert status(answer) in (400, 404)
    assert b"Traceback" not in answer


@pytest.mark.parametrize(
    "path", ["/u/{leave}", "/p/{own}", "/c/{own}", "/subscribe", "/api/subscribers", "/x"]
)
async def test_a_chunked_body_is_refused_at_the_limit_though_it_has_not_ended(site: Site, path: str) -> None:
    # More than the API takes, and then nothing: whoever waits for the end waits in vain.
    target = path.format(leave=site.link().removeprefix("/u/"), own=own(site).removeprefix("/p/"))
    fields = ("Transfer-Encoding: chunked", "Content-Type: application/json")
    body = b"48000\r\n" + b"a" * 0x48000 + b"\r\n"
    answer = await asked(site, target, *fields, body=body, method="POST")
    # Where nothing takes a body, none is read.
    assert status(answer) == (404 if path in ("/x", "/c/{own}") else 413)
    assert untouched(site)


@pytest.mark.parametrize(
    "lengths",
    [
        ["-1"],
        ["+26"],
        ["0x1a"],
        ["26, 27"],
        ["26", "27"],
        ["2e1"],
        ["9" * 100],
        ["٢٦"],
        [""],
    ],
    ids=str,
)
async def test_a_length_that_is_none_is_refused(site: Site, lengths: list[str]) -> None:
    fields = [f"Content-Length: {length}" for length in lengths]
    answer = await asked(site, site.link(), *fields, body=HIDDEN, method="POST")
    assert status(answer) in (400, 413)
    assert untouched(site)


async def test_a_body_shorter_than_its_length_does_nothing(site: Site) -> None:
    answer = await asked(site, site.link(), "Content-Length: 60", body=HIDDEN, method="POST")
    assert status(answer) != 200
    assert untouched(site)


@pytest.mark.parametrize(
    "fields",
    [
        ("Content-Length: 5", "Transfer-Encoding: chunked"),
        ("Transfer-Encoding: chunked", "Content-Length: 400"),
        ("Transfer-Encoding: xchunked",),
        ("Transfer-Encoding: chunked, identity",),
        ("Transfer-Encoding : chunked",),
        ("Content-Length : 400",),
    ],
    ids=str,
)
async def test_no_second_request_hides_in_the_body_of_a_first(site: Site, fields: tuple[str, ...]) -> None:
    closing = f"POST {site.link()} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    hidden = closing.encode() + b"Content-Length: %d\r\n\r\n" % len(HIDDEN) + HIDDEN
    head = "".join(f"{line}\r\n" for line in ("POST /nothing HTTP/1.1", "Host: x", *fields))
    answer = await said(port_of(site.base), head.encode() + b"\r\n0\r\n\r\n" + hidden, pause=1)
    assert answer.count(b"HTTP/1.1") == 1
    assert status(answer) in (400, 501)
    assert untouched(site)


@pytest.mark.parametrize("fields", [[], ["Host: x", "Host: y"], ["Host: x\x00y"]], ids=str)
async def test_a_request_for_no_host_or_for_two_is_refused(site: Site, fields: list[str]) -> None:
    head = "".join(f"{field}\r\n" for field in ("GET / HTTP/1.1", *fields, "Connection: close"))
    assert status(await said(port_of(site.base), f"{head}\r\n".encode(), pause=1)) == 400


async def test_whoever_is_no_proxy_hides_behind_no_address(store: Store) -> None:
    async with serving(store, lambda made: replace(made, posts_a_minute=3), proxies=()) as site:
        named = [{"X-Forwarded-For": f"203.0.113.{number}"} for number in range(5)]
        await site.client.post(site.link(), data=LEAVE, headers=named[0] | {"X-Real-IP": "203.0.113.9"})
        await site.client.post(site.link(), data=ONE_CLICK, headers={"Forwarded": "for=203.0.113.9"})
        assert {event.ip for event in site.events()} == {"127.0.0.1"}
        codes = [(await site.client.post("/nothing", headers=one)).status_code for one in named]
        assert codes == [404, 404, 404, 429, 429]
