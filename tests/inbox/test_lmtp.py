"""Mail is taken by LMTP and by SMTP."""

import asyncio
import contextlib
import smtplib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import psutil
import pytest
from installed import free_port

from digest.config.bounces import Listener
from digest.errors import InboxError, StoreError
from digest.inbox.booking import READ_OCTETS
from digest.inbox.lmtp import CONNECTIONS, LONGEST_MAIL, RECIPIENTS, Door

BOUNCES = "bounces@ledger.example"
MARKED = "bounces+7.42.1.abcdefghijklmnop@ledger.example"
SECONDS = 20
MEBIBYTE = 1 << 20


class Books:
    """Remembers what it is given, unless it is broken."""

    def __init__(self) -> None:
        self.booked: list[tuple[bytes, tuple[str, ...]]] = []
        self.is_broken = False

    def __call__(self, mail: bytes, recipients: tuple[str, ...]) -> None:
        if self.is_broken:
            raise StoreError("The database is full.")
        self.booked.append((mail, recipients))


@asynccontextmanager
async def taking(books: Books) -> AsyncIterator[int]:
    """Take mail; give the port."""
    door = Door(BOUNCES, "+", books)
    while True:
        port = free_port()
        # Somebody else may be faster at the port.
        with contextlib.suppress(InboxError):
            async with door.opened(Listener(host="127.0.0.1", port=port)):
                yield port
                return


class Client:
    """Says what it is told to, and nothing by itself."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self.writer = reader, writer

    async def says(self, *lines: str, replies: int = 1) -> list[str]:
        """Send lines at once; give the last of the replies, of so many."""
        return await self.sends("".join(f"{line}\r\n" for line in lines).encode(), replies=replies)

    async def sends(self, octets: bytes, *, replies: int = 1) -> list[str]:
        self.writer.write(octets)
        told: list[str] = []
        async with asyncio.timeout(SECONDS):
            while replies:
                line = (await self._reader.readuntil(b"\r\n")).decode().rstrip()
                if line[3] == " ":
                    told.append(line)
                    replies -= 1
        return told

    async def ends(self) -> bytes:
        async with asyncio.timeout(SECONDS):
            return await self._reader.read()


@asynccontextmanager
async def connected(port: int) -> AsyncIterator[Client]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        client = Client(reader, writer)
        await client.says()
        yield client
    finally:
        writer.close()


async def test_a_real_client_hands_a_mail_in_by_lmtp_and_by_smtp() -> None:
    books, mail = Books(), b"Subject: away\r\n\r\n.one\r\n..two\r\n\r\n"

    def hand_in(port: int) -> None:
        with smtplib.LMTP("127.0.0.1", port, timeout=SECONDS) as lmtp:
            # smtplib reads the reply of one recipient alone.
            refused = lmtp.sendmail("", [MARKED, "stranger@ledger.example"], mail)
            assert list(refused) == ["stranger@ledger.example"]
        with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as smtp:
            smtp.sendmail("", [MARKED, BOUNCES], mail)

    async with taking(books) as port:
        await asyncio.to_thread(hand_in, port)
    assert books.booked == [(mail, (MARKED,)), (mail, (MARKED, BOUNCES))]


async def test_by_lmtp_there_is_a_reply_for_each_recipient_also_in_one_go() -> None:
    books = Books()
    lines = ["LHLO x", "MAIL FROM:<>", f"RCPT TO:<{MARKED}>", f"RCPT TO:<{BOUNCES}>", "DATA"]
    async with taking(books) as port, connected(port) as client:
        told = await client.says(*lines, "a", "..b", ".", "MAIL FROM:<>", "QUIT", replies=9)
        assert [reply[:3] for reply in told] == [
            "250",
            "250",
            "250",
            "250",
            "354",
            "250",
            "250",
            "250",
            "221",
        ]
        assert await client.ends() == b""
    assert books.booked == [(b"a\r\n.b\r\n", (MARKED, BOUNCES))]


@pytest.mark.parametrize(
    "body", [b"", b"\r\n", b"a", b"..\r\n.\r\n", b"\r\n\r\n", b"a\r\n\r\n..", b"x\n.\ny", b"\r"]
)
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_a_mail_comes_as_it_was_however_it_is_cut_on_its_way(body: bytes, size: int) -> None:
    books = Books()
    stuffed = body.replace(b"\r\n.", b"\r\n..")
    stuffed = b"." + stuffed if body.startswith(b".") else stuffed
    ended = stuffed if not body or body.endswith(b"\r\n") else stuffed + b"\r\n"
    async with taking(books) as port, connected(port) as client:
        await client.says("EHLO x", "MAIL FROM:<>", f"RCPT TO:<{BOUNCES}>", "DATA", replies=4)
        wire = ended + b".\r\n"
        for start in range(0, len(wire) - size, size):
            client.writer.write(wire[start : start + size])
            await client.writer.drain()
            await asyncio.sleep(0)
        rest = wire[max(0, (len(wire) - 1) // size * size) :]
        assert (await client.sends(rest))[0].startswith("250")
    (mail, _), *more = books.booked
    assert mail == (body if not body or body.endswith(b"\r\n") else body + b"\r\n")
    assert not more


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [
        (BOUNCES, True),
        ("Bounces@LEDGER.example", True),
        (MARKED, True),
        ("bounces+@ledger.example", True),
        ("bouncesmore@ledger.example", False),
        ("bounces@other.example", False),
        ("news@ledger.example", False),
        ("bounces", False),
        ("", False),
    ],
)
def test_whose_mail_is_taken(address: str, *, is_ours: bool) -> None:
    assert Door(BOUNCES, "+", Books()).is_for_us(address) is is_ours


async def test_what_cannot_be_booked_is_put_off() -> None:
    books = Books()
    mail = [f"RCPT TO:<{BOUNCES}>", "DATA", "a", "."]
    async with taking(books) as port, connected(port) as client:
        books.is_broken = True
        told = await client.says("EHLO x", "MAIL FROM:<>", *mail, replies=5)
        assert told[-1].startswith("451 4.3.0 ")
        books.is_broken = False
        assert (await client.says("MAIL FROM:<>", *mail, replies=4))[-1].startswith("250 ")
    assert len(books.booked) == 1


async def test_a_mail_of_more_than_ten_mebibytes_is_refused_and_takes_no_memory() -> None:
    books = Books()
    async with taking(books) as port, connected(port) as client:
        told = await client.says("LHLO x", f"MAIL FROM:<> SIZE={LONGEST_MAIL + 1}", replies=2)
        assert told[-1].startswith("552 5.3.4 ")
        lines = [f"MAIL FROM:<> SIZE={LONGEST_MAIL}", f"RCPT TO:<{BOUNCES}>", f"RCPT TO:<{MARKED}>", "DATA"]
        await client.says(*lines, replies=4)
        before = psutil.Process().memory_info().rss
        for _ in range(LONGEST_MAIL // MEBIBYTE + 1):
            client.writer.write(b"\r\n" * (MEBIBYTE // 2))
            await client.writer.drain()
        told = await client.says(".", replies=2)
        assert [reply[:9] for reply in told] == ["552 5.3.4"] * 2
        assert psutil.Process().memory_info().rss - before < 20 * MEBIBYTE
        assert (await client.says("MAIL FROM:<>"))[0].startswith("250 ")
    assert books.booked == []


async def test_of_a_long_mail_the_first_mebibyte_is_kept() -> None:
    books, long = Books(), b"x" * (READ_OCTETS + 100)
    async with taking(books) as port, connected(port) as client:
        await client.says("EHLO x", "MAIL FROM:<>", f"RCPT TO:<{BOUNCES}>", "DATA", replies=4)
        assert (await client.sends(long + b"\r\n.\r\n"))[0].startswith("250 ")
    assert [len(mail) for mail, _ in books.booked] == [READ_OCTETS - 2]


@pytest.mark.parametrize(
    ("said", "reply"),
    [
        (["DATA"], "503 5.5.1"),
        ([f"RCPT TO:<{BOUNCES}>"], "503 5.5.1"),
        (["MAIL FROM:<>", "RSET", f"RCPT TO:<{BOUNCES}>"], "503 5.5.1"),
        (["MAIL FROM:<>", f"RCPT TO:<{BOUNCES}>", "RSET", "DATA"], "503 5.5.1"),
        (["MAIL FROM:<>", "RCPT TO:<stranger@ledger.example>", "DATA"], "503 5.5.1"),
        (["MAIL FROM:<>", "RCPT TO:<stranger@ledger.example>"], "550 5.1.1"),
        (["MAIL FROM:<>", *[f"RCPT TO:<{BOUNCES}>"] * (RECIPIENTS + 1)], "452 4.5.3"),
        (["MAIL FROM: nobody"], "501 5.5.4"),
        (["MAIL FROM:<>", "RCPT TO:"], "501 5.5.4"),
        (["mail from:<a@b.example> SIZE=200 BODY=8BITMIME"], "250 2.1.0"),
        (["VRFY me"], "500 5.5.2"),
        (["\u00fc\u00fc"], "500 5.5.2"),
        ([""], "500 5.5.2"),
        (["NOOP"], "250 2.0.0"),
    ],
)
async def test_what_is_said_out_of_turn_is_answered_in_order(said: list[str], reply: str) -> None:
    async with taking(Books()) as port, connected(port) as client:
        assert (await client.says(*said, replies=len(said)))[-1].startswith(reply)


async def test_an_endless_line_ends_the_connection() -> None:
    async with taking(Books()) as port, connected(port) as client:
        client.writer.write(b"x" * 100_000)
        with contextlib.suppress(ConnectionError):
            assert await client.ends() == b""


async def test_who_comes_when_all_connections_are_taken_is_sent_away() -> None:
    async with taking(Books()) as port, contextlib.AsyncExitStack() as stack:
        for _ in range(CONNECTIONS):
            await stack.enter_async_context(connected(port))
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        assert (await reader.read()).startswith(b"421 4.3.2 ")
        writer.close()


async def test_a_port_that_is_taken_is_named() -> None:
    async with taking(Books()) as port:
        with pytest.raises(InboxError, match=f"cannot listen on 127.0.0.1:{port}: .*in use"):
            async with Door(BOUNCES, "+", Books()).opened(Listener(host="127.0.0.1", port=port)):
                pass


async def test_whoever_is_still_connected_at_the_end_is_cut_off() -> None:
    async with taking(Books()) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await reader.readline()
    async with asyncio.timeout(SECONDS):
        assert await reader.read() == b""
    writer.close()
