"""Where the pages that a feed names may be: not in our own network."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx2
import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from digest.feed.ask import Answer, ask
from digest.feed.guard import Guarded, guarded_client, is_public

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
    "nonsense",
]


@pytest.mark.parametrize("address", PRIVATE)
def test_an_address_of_ones_own_network_is_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:93.184.216.34"])
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
    found = await asked("http://127.0.0.1/feed", f"http://localhost:{site.server_port}/page")
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
    transport = Guarded(httpx2.AsyncHTTPTransport(verify=trust), own="localhost")
    async with httpx2.AsyncClient(transport=transport) as http:
        right = await ask(http, f"https://localhost:{port}/", seconds=5, most=1000)
        wrong = await ask(http, f"https://127.0.0.1:{port}/", seconds=5, most=1000)
    assert right.body == b"hi"
    assert "certificate" in wrong.reason
