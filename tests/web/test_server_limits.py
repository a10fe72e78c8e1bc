"""What strangers do to a server that stands in the open, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import httpx2
import pytest
from plain import PLAIN
from raw_client import port_of, said
from structlog.testing import capture_logs
from web_site import LEAVE, ONE_CLICK, Site, pages, serving

from digest.store.database import Store
from digest.web.app import app
from digest.web.connection import Patience
from digest.web.pages import Pages
from digest.web.server import serve

pytestmark = pytest.mark.parametrize("database", ["sqlite"], indirect=True)

SECURE = {
    "content-security-policy": "default-src 'none'",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-robots-tag": "noindex",
}
SHORT = Patience(head=0.3, body=0.3)
GET = b"GET /healthz HTTP/1.1\r\nHost: news.ledger.example\r\n\r\n"


@pytest.fixture
async def site(store: Store) -> AsyncIterator[Site]:
    async with serving(store) as served:
        yield served


def changed(**values: object) -> Callable[[Pages], Pages]:
    return lambda made: replace(made, **values)  # type: ignore[arg-type] # as the test says


@asynccontextmanager
async def standing(store: Store, patience: Patience) -> AsyncIterator[int]:
    """Serve the pages to clients of whom little is borne; gives the port."""
    stop = asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    made = serve(
        app(pages(store)), "127.0.0.1", 0, stop=stop, started=started.set_result, patience=1, clients=patience
    )
    server = asyncio.create_task(made, name="test.web")
    try:
        yield port_of(await started)
    finally:
        stop.set()
        await server


async def test_fifty_idle_connections_keep_nobody_from_an_answer_and_are_ended(store: Store) -> None:
    for head in (0.3, 2, 8):
        async with standing(store, Patience(head=head)) as port:
            idle = [asyncio.create_task(said(port)) for _ in range(50)]
            await asyncio.sleep(0.05)
            async with httpx2.AsyncClient(trust_env=False, verify=PLAIN) as client:
                answer = await client.get(f"http://127.0.0.1:{port}/healthz")
            assert answer.status_code == 200
            beside = not any(one.done() for one in idle)
            assert await asyncio.wait_for(asyncio.gather(*idle), 20) == [b""] * 50
        # A busy machine may have answered after their time.
        if beside:
            return
    pytest.fail("nobody is answered before the idle connections have ended")


async def test_a_head_that_trickles_in_is_not_waited_for(store: Store) -> None:
    async with standing(store, SHORT) as port:
        assert await said(port, *[b"X"] * 40, pause=0.05) == b""
        head = [b"GET /healthz HTTP/1.1\r\n", *[b"X-Slow: 1\r\n"] * 40]
        assert await said(port, *head, pause=0.05) == b""


async def test_a_body_that_trickles_in_is_not_waited_for(store: Store) -> None:
    async with standing(store, SHORT) as port:
        head = b"POST /subscribe HTTP/1.1\r\nHost: x\r\nContent-Length: 1000\r\n\r\n"
        assert b"200" not in await said(port, head, *[b"a"] * 40, pause=0.05)


async def test_the_second_request_of_a_connection_has_the_same_deadline(store: Store) -> None:
    async with standing(store, SHORT) as port:
        answered = await said(port, GET, *[b"G"] * 40, pause=0.05)
    assert answered.count(b"HTTP/1.1 200") == 1


async def test_requests_in_one_go_are_all_answered(store: Store) -> None:
    async with standing(store, SHORT) as port:
        answered = await said(port, GET * 2 + GET.replace(b"Host", b"Connection: close\r\nHost"), pause=1)
    assert answered.count(b"HTTP/1.1 200") == 3


async def test_whoever_waits_longest_makes_room_for_another(store: Store) -> None:
    async with standing(store, Patience(connections=10)) as port:
        first = asyncio.create_task(said(port))
        await asyncio.sleep(0.05)
        others = [asyncio.create_task(said(port)) for _ in range(9)]
        await asyncio.sleep(0.05)
        async with httpx2.AsyncClient(trust_env=False, verify=PLAIN) as client:
            assert (await client.get(f"http://127.0.0.1:{port}/healthz")).status_code == 200
        assert await asyncio.wait_for(first, 20) == b""
        assert not any(one.done() for one in others)
        for one in others:
            one.cancel()
        await asyncio.gather(*others, return_exceptions=True)


async def test_what_is_no_http_is_said_so_with_the_headers_of_every_answer(site: Site) -> None:
    answered = (await said(port_of(site.base), b"\x16\x03\x01\x02\r\n\r\n")).decode().lower()
    assert answered.startswith("http/1.1 400")
    assert all(f"{name}: {value}" in answered for name, value in SECURE.items())


BIG = b"a" * (10 * 1024 * 1024)


@pytest.mark.parametrize("path", ["/u/x", "/subscribe", "/api/subscribers", "/nothing"])
async def test_ten_megabytes_are_refused_before_they_are_read(site: Site, path: str) -> None:
    head = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {len(BIG)}\r\nConnection: close\r\n\r\n"
    answered = await said(port_of(site.base), head.encode(), BIG[:1000], pause=1)
    assert answered.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("path", ["/subscribe", "/api/subscribers"])
async def test_a_body_of_no_told_length_ends_at_the_limit(site: Site, path: str) -> None:
    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(10):
            yield BIG[:40_000]

    with_token = {"Content-Type": "application/json"}
    answer = await site.client.post(path, content=pieces(), headers=with_token)
    assert answer.status_code == 413


async def test_the_api_takes_more_than_a_form(site: Site) -> None:
    body = b" " * 100_000
    kind = {"Content-Type": "application/json"}
    assert (await site.client.post("/api/subscribers", content=body, headers=kind)).status_code != 413
    assert (await site.client.post("/subscribe", content=body)).status_code == 413


async def test_forms_too_often_are_refused_for_a_while_and_one_clicks_never(store: Store) -> None:
    async with serving(store, changed(posts_a_minute=3)) as site:
        codes = [(await site.client.post("/nothing")).status_code for _ in range(5)]
        assert codes == [404, 404, 404, 429, 429]
        refused = await site.client.post("/nothing")
        assert (refused.headers["retry-after"], "minute" in refused.text) == ("60", True)
        for _ in range(5):
            assert (await site.client.post(site.link(), data=ONE_CLICK)).status_code == 200
        assert (await site.client.get("/")).status_code == 200
        elsewhere = {"X-Forwarded-For": "203.0.113.9"}
        assert (await site.client.post("/nothing", headers=elsewhere)).status_code == 404


async def test_a_customer_of_ipv6_is_counted_once_with_all_addresses(store: Store) -> None:
    async with serving(store, changed(posts_a_minute=3)) as site:
        codes = [
            (await site.client.post("/", headers={"X-Forwarded-For": f"2001:db8:0:1::{n}"})).status_code
            for n in range(1, 6)
        ]
    assert codes == [405, 405, 405, 429, 429]


HOSTS = ["evil.example", "evil.example:80", '"><script>', "127.0.0.1@evil.example", "[::1", "a/b?c#d"]


@pytest.mark.parametrize("host", HOSTS)
async def test_a_strange_host_stands_in_no_answer(site: Site, host: str) -> None:
    for method, path in (
        ("GET", "/"),
        ("GET", "/subscribe"),
        ("GET", "/subscribe/"),
        ("GET", "/archive/"),
        ("GET", site.link()),
        ("POST", site.link()),
        ("GET", "/api/openapi.json"),
        ("GET", "/api"),
        ("GET", "/nothing"),
    ):
        forwarded = {"Host": host, "X-Forwarded-Host": host, "Forwarded": f'host="{host}"'}
        answer = await site.client.request(method, path, headers=forwarded)
        assert answer.status_code < 500
        assert "location" not in answer.headers
        assert host not in answer.text
        assert "evil.example" not in str(answer.headers)


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("news.ledger.example", 200),
        ("NEWS.ledger.example:443", 200),
        ("other.example", 200),
        ("127.0.0.1:8025", 200),
        ("localhost", 200),
        ("[::1]:8025", 200),
        ("evil.example", 421),
        ("news.ledger.example.evil.example", 421),
        ("", 421),
        ("[", 421),
    ],
)
async def test_where_hosts_are_named_no_other_is_answered_for(store: Store, host: str, status: int) -> None:
    named = changed(hosts=("other.example",), public_url="https://news.ledger.example")
    async with serving(store, named) as site:
        for path in ("/", "/api/openapi.json"):
            assert (await site.client.get(path, headers={"Host": host})).status_code == status


async def test_every_answer_keeps_a_visit_to_ourselves(site: Site) -> None:
    for method, path in (
        ("GET", "/"),
        ("HEAD", "/"),
        ("GET", "/style.css"),
        ("GET", "/nothing"),
        ("DELETE", "/"),
        ("GET", "/u/damaged"),
        ("POST", "/u/damaged"),
        ("GET", "/healthz"),
        ("GET", "/readyz"),
        ("GET", "/api/openapi.json"),
        ("GET", "/api/changes"),
        ("PUT", "/api/changes"),
        ("GET", "/api/nothing"),
        ("GET", site.link()),
    ):
        answer = await site.client.request(method, path)
        for name, value in SECURE.items():
            assert answer.headers[name].startswith(value), (method, path, name)
        assert "server" not in answer.headers
        assert "set-cookie" not in answer.headers
        assert "strict-transport-security" not in answer.headers


async def test_browsers_are_held_to_https_only_where_the_settings_say_so(store: Store) -> None:
    async with serving(store, changed(public_url="https://news.ledger.example", hsts_days=2)) as site:
        for path in ("/", "/nothing", "/api/changes"):
            assert (await site.client.get(path)).headers["strict-transport-security"] == "max-age=172800"
    async with serving(store, changed(public_url="http://news.ledger.example", hsts_days=2)) as site:
        assert "strict-transport-security" not in (await site.client.get("/")).headers


async def test_the_log_holds_neither_a_readers_link_nor_an_address(site: Site) -> None:
    link = site.link()
    with capture_logs() as lines:
        await site.client.post(link, data=LEAVE, headers={"X-Forwarded-For": "203.0.113.9"})
        await site.client.get(f"{link}?secret=1")
        await site.client.get("/api/subscribers/7")
        await site.client.get("/wp-login.php?x=secret")
    answered = [line for line in lines if line["event"] == "web.answered"]
    assert [(line["route"], line["method"], line["status"]) for line in answered] == [
        ("/u/{token:path}", "POST", 200),
        ("/u/{token:path}", "GET", 200),
        ("/api/subscribers/{id}", "GET", 401),
        ("-", "GET", 404),
    ]
    assert all(line["ms"] >= 0 for line in answered)
    for secret in (link.removeprefix("/u/"), "203.0.113.9", "secret", "wp-login"):
        assert secret not in str(lines)
