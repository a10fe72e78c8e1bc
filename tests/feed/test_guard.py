"""Where the pages that a feed names may be: not in our own network."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx2
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from digest.feed.ask import Answer, ask
from digest.feed.fetch import Failed, Validators, client, fetch
from digest.feed.guard import NEXT_SECONDS, Guarded, PrivateAddressError, guarded_client, is_public

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
PRIVATE = [
    "127.0.0.1",
    "10.1.2.3",
    "172.16.0.1",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "0.0.0.0",
    "224.0.0.1",
    "255.255.255.255",
    "::1",
    "::",
    "fe80::1%eth0",
    "fc00::1",
    "ff02::1",
    "::ffff:169.254.169.254",
    "64:ff9b::a9fe:a9fe",
    "2002:a9fe:a9fe::1",
    "2001:0:5ef5:79fb::1",
    "::127.0.0.1",
    "::ffff:0:169.254.169.254",
    "64:ff9b:1::a9fe:a9fe",
    "fec0::1",
    "0.1.2.3",
    "nonsense",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_ones_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "93.184.216.34",
        "2606:2800:220:1::1",
        "::ffff:93.184.216.34",
        "64:ff9b::5db8:d822",
        "2002:5db8:d822::1",
    ],
)
def test_an_address_of_the_internet_is(address: str) -> None:
    assert is_public(address)


@given(st.one_of(st.text(max_size=20), st.ip_addresses().map(str)))
def test_no_text_makes_it_raise(text: str) -> None:
    is_public(text)


@pytest.fixture
def site() -> Iterator[ThreadingHTTPServer]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            away = self.path.startswith("/to/")
            self.send_response(302 if away else 200)
            if away:
                self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
            self.wfile.write(f"This is {self.headers['Host']}".encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the library's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Pages)
    thread = Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


async def asked(feed: str, url: str) -> Answer:
    async with guarded_client("https://ledger.example", feed) as http:
        return await ask(http, url, seconds=5, most=1000)


async def test_a_contact_url_of_a_guarded_client_need_not_be_ascii_either() -> None:
    async with guarded_client("https://editor:hunter2@münchen.example/", "https://ledger.example") as http:
        assert "(+https://m%C3%BCnchen.example/)" in http.headers["user-agent"]


async def test_a_page_beside_its_feed_is_asked_wherever_that_is(site: ThreadingHTTPServer) -> None:
    here = f"http://127.0.0.1:{site.server_port}"
    found = await asked(f"{here}/feed", f"{here}/page")
    assert (found.came, found.body) == (True, f"This is 127.0.0.1:{site.server_port}".encode())


async def test_a_page_at_the_feeds_address_under_another_name_is_asked_by_its_name(
    site: ThreadingHTTPServer,
) -> None:
    found = await asked(
        f"http://127.0.0.1:{site.server_port}/feed", f"http://localhost:{site.server_port}/page"
    )
    assert found.body == f"This is localhost:{site.server_port}".encode()


async def test_a_public_feed_leads_to_nothing_on_this_machine(site: ThreadingHTTPServer) -> None:
    for host in ("127.0.0.1", "localhost", "127.1", "[::ffff:127.0.0.1]", "0.0.0.0"):
        found = await asked("https://93.184.216.34/feed", f"http://{host}:{site.server_port}/page")
        assert (found.came, found.status) == (False, 0)


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "file:///x"]
)
async def test_neither_a_local_feed_nor_a_redirect_leads_elsewhere_inside(
    site: ThreadingHTTPServer, target: str
) -> None:
    here = f"http://127.0.0.1:{site.server_port}"
    assert not (await asked(f"{here}/feed", target)).came
    redirected = await asked(f"{here}/feed", f"{here}/to/{target}")
    assert (redirected.came, redirected.status) == (False, 0)
    assert redirected.reason


async def test_a_feed_inside_leads_to_no_other_port_of_its_machine(site: ThreadingHTTPServer) -> None:
    found = await asked("http://127.0.0.1:9/feed", f"http://127.0.0.1:{site.server_port}/page")
    assert (found.came, found.status) == (False, 0)
    assert "no public address" in found.reason


async def test_a_feed_that_is_fetched_is_led_to_nothing_on_this_machine(site: ThreadingHTTPServer) -> None:
    for target in ("http://169.254.169.254/latest/meta-data/", f"http://localhost:{site.server_port}/"):
        async with client("https://ledger.example", f"http://127.0.0.2:{site.server_port}/feed") as http:
            outcome = await fetch(http, target, Validators(), now=NOW)
        assert isinstance(outcome, Failed)
        assert "no public address" in outcome.reason


class Wire(httpx2.AsyncBaseTransport):
    """Notes where requests go, and how long a connection may take; some addresses never answer."""

    def __init__(self, *lost: str) -> None:
        self.lost = lost
        self.went: list[tuple[str, float]] = []

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        self.went.append((request.url.host, request.extensions["timeout"]["connect"]))
        if request.url.host in self.lost:
            raise httpx2.ConnectTimeout("nothing came")
        return httpx2.Response(200)


class Names:
    """Looks names up: each time the next answer."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)

    async def __call__(self, host: str) -> list[str]:
        assert host == "a.test"
        return self.answers.pop(0)


async def test_a_name_that_was_public_leads_nowhere_once_it_is_inside() -> None:
    names = Names(["93.184.216.34"], ["127.0.0.1"], ["127.0.0.1"])
    wire = Wire()
    async with httpx2.AsyncClient(transport=Guarded(wire, own="http://a.test/feed", look_up=names)) as http:
        await http.get("http://a.test/feed")
        with pytest.raises(PrivateAddressError):
            await http.get("http://a.test/feed?paged=2")
    assert [host for host, _ in wire.went] == ["93.184.216.34"]


async def test_a_family_of_addresses_that_swallows_connections_costs_seconds_and_no_feed() -> None:
    v6 = ["2606:2800:220:1::1", "2606:2800:220:1::2", "2606:2800:220:1::3"]
    wire = Wire(*v6)
    guarded = Guarded(wire, own="", look_up=Names([*v6, "93.184.216.34"]))
    async with httpx2.AsyncClient(transport=guarded, timeout=10) as http:
        assert (await http.get("http://a.test/")).status_code == 200
    assert wire.went == [(v6[0], NEXT_SECONDS), ("93.184.216.34", NEXT_SECONDS)]


async def test_the_last_address_has_all_the_time() -> None:
    wire = Wire("93.184.216.34", "93.184.216.35")
    guarded = Guarded(wire, own="", look_up=Names(["93.184.216.34", "93.184.216.35"]))
    async with httpx2.AsyncClient(transport=guarded, timeout=10) as http:
        with pytest.raises(httpx2.ConnectTimeout):
            await http.get("http://a.test/")
    assert wire.went == [("93.184.216.34", NEXT_SECONDS), ("93.184.216.35", 10)]


async def test_a_name_that_is_nobodys_is_not_looked_up() -> None:
    found = await asked("https://ledger.example/feed", "https://ledger.example/page")
    assert "nobody's" in found.reason


async def test_the_guard_raises_what_a_lost_connection_raises() -> None:
    async with guarded_client("https://ledger.example", "https://93.184.216.34/") as http:
        with pytest.raises(httpx2.ConnectError, match="no public address"):
            await http.get("http://127.0.0.1:9/")


@pytest.fixture
async def secure() -> AsyncIterator[tuple[int, ssl.SSLContext]]:
    """A server whose certificate is for `localhost`, and who trusts it."""
    authority = trustme.CA()
    mine, theirs = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(mine)
    authority.configure_trust(theirs)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=mine)
    yield server.sockets[0].getsockname()[1], theirs
    server.close()
    await server.wait_closed()


async def test_a_certificate_is_checked_against_the_name_and_not_the_address(
    secure: tuple[int, ssl.SSLContext],
) -> None:
    port, trust = secure
    transport = Guarded(httpx2.AsyncHTTPTransport(verify=trust), own=f"https://localhost:{port}/feed")
    async with httpx2.AsyncClient(transport=transport) as http:
        right = await ask(http, f"https://localhost:{port}/", seconds=5, most=1000)
        wrong = await ask(http, f"https://127.0.0.1:{port}/", seconds=5, most=1000)
    assert right.body == b"hi"
    assert "certificate" in wrong.reason
