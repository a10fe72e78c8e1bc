"""The wire octet by octet: a peer that says exactly what it is told to, when it is told to."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from digest.delivery.wire import REPLY_OCTETS, Wire
from digest.model import Phase, Reply

MESSAGE = b"Subject: x\r\n\r\nx\r\n"
REPLIES = b"250 2.1.0 ok\r\n250-2.1.5 that\r\n250 one\r\n354 go on\r\n"


class Peer(asyncio.Transport):
    """A transport whose other end answers each write with what stands next in its script."""

    def __init__(self, *script: list[bytes]) -> None:
        super().__init__()
        self.script = list(script)
        self.written: list[bytes] = []
        self.gone = False
        self.wire: Wire | None = None

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))
        if self.script:
            for packet in self.script.pop(0):
                asyncio.get_running_loop().call_soon(self.say, packet)

    def say(self, packet: bytes) -> None:
        """Say something; an empty packet closes the connection."""
        assert self.wire is not None
        if not packet:
            self.wire.eof_received()
        elif not self.gone:
            self.wire.data_received(packet)

    def abort(self) -> None:
        self.gone = True


def meet(peer: Peer, *, pipelining: bool = True, on_lost: Callable[[], object] | None = None) -> Wire:
    extensions = frozenset({"pipelining"} if pipelining else ())
    peer.wire = Wire(peer, extensions=extensions, timeout=5)
    peer.wire.on_lost = on_lost
    return peer.wire


async def transact(peer: Peer, *, pipelining: bool = True) -> Reply:
    return await meet(peer, pipelining=pipelining).transact("a@x.example", "b@x.example", MESSAGE)


def cut(octets: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({place % (len(octets) + 1) for place in places} | {0, len(octets)})
    return [octets[start:end] for start, end in pairwise(ends)]


@given(st.lists(st.integers(0, 1000), max_size=12), st.lists(st.integers(0, 1000), max_size=4))
@example(list(range(1000)), list(range(1000)))
def test_replies_mean_the_same_however_packets_cut_them(opening: list[int], ending: list[int]) -> None:
    peer = Peer(cut(REPLIES, opening), cut(b"250-2.0.0\r\n250 taken\r\n", ending))
    assert asyncio.run(transact(peer)) == Reply(phase=Phase.BODY, code=250, text="2.0.0 taken")
    assert peer.written == [
        b"MAIL FROM:<a@x.example>\r\nRCPT TO:<b@x.example>\r\nDATA\r\n",
        MESSAGE + b".\r\n",
    ]


@given(st.lists(st.binary(min_size=1, max_size=40), max_size=6), st.booleans())
@example([b"25\r\n"], True)
@example([b"250ok\r\n250 ok\r\n354\r\n"], True)
@example([b"999 ok\r\n"], False)
@example([b"\r\n"], False)
@example([b"-\n-\n"], True)
def test_whatever_a_peer_says_a_reply_comes_of_it(packets: list[bytes], pipelining: bool) -> None:
    async def run() -> None:
        peer = Peer(packets)
        wire = meet(peer, pipelining=pipelining)
        talk = asyncio.create_task(wire.transact("a@x.example", "b@x.example", MESSAGE))
        await asyncio.sleep(0.001)
        wire.eof_received()
        reply = await talk
        assert reply.code == 0 or 200 <= reply.code <= 599
        assert (reply.phase is Phase.BODY and reply.code == 0) == (MESSAGE + b".\r\n" in peer.written)
        assert wire.lost

    asyncio.run(run())


async def test_lf_alone_ends_a_line_too() -> None:
    peer = Peer([REPLIES.replace(b"\r\n", b"\n")], [b"250 taken\n"])
    assert (await transact(peer)).code == 250


async def test_a_relay_that_says_421_while_idle_ends_the_connection_and_its_user_is_told() -> None:
    told: list[str] = []
    peer = Peer()
    wire = meet(peer, on_lost=lambda: told.append("lost"))
    peer.say(b"421 4.4.2 idle for too long\r\n")
    wire.eof_received()
    wire.connection_lost(None)
    assert told == ["lost"]
    assert wire.lost == "the relay closed the connection: 421 4.4.2 idle for too long"
    lost = await wire.transact("a@x.example", "b@x.example", MESSAGE)
    assert (lost.phase, lost.code, peer.written) == (Phase.MAIL, 0, [])


async def test_a_loss_while_busy_is_told_by_the_reply_alone() -> None:
    told: list[str] = []
    peer = Peer([b"250 ok\r\n"])
    wire = meet(peer, on_lost=lambda: told.append("lost"))
    talk = asyncio.create_task(wire.transact("a@x.example", "b@x.example", MESSAGE))
    await asyncio.sleep(0.001)
    wire.connection_lost(ConnectionResetError("reset by peer"))
    assert await talk == Reply(phase=Phase.RCPT, code=0, text="the connection was lost: reset by peer")
    assert told == []


async def test_a_reply_that_came_before_the_loss_counts() -> None:
    peer = Peer([REPLIES], [b"250 taken\r\n", b""])
    assert await transact(peer) == Reply(phase=Phase.BODY, code=250, text="taken")
    assert peer.gone


async def test_what_follows_nonsense_is_not_believed() -> None:
    peer = Peer([REPLIES], [b"what?\r\n250 taken\r\n"])
    reply = await transact(peer)
    assert (reply.phase, reply.code) == (Phase.BODY, 0)
    assert "no SMTP" in reply.text


async def test_a_loss_between_the_invitation_and_the_body_leaves_nothing_in_doubt() -> None:
    peer = Peer([REPLIES + b"421 4.3.2 going down\r\n"])
    reply = await transact(peer)
    assert (reply.phase, reply.code) == (Phase.DATA, 0)
    assert len(peer.written) == 1


async def test_a_reply_without_end_is_cut_off() -> None:
    for endless in ([b"2" * 1000] * 100, [b"250-more\r\n" * 100] * 100):
        peer = Peer(endless)
        reply = await transact(peer)
        assert reply == Reply(phase=Phase.MAIL, code=0, text="the relay's reply has no end")
        assert peer.gone
        wire = peer.wire
        assert wire is not None
        assert len(wire._buffer) + sum(map(len, wire._lines)) <= REPLY_OCTETS + 1000


async def test_a_goodbye_right_behind_an_acceptance_ends_the_connection_before_its_next_use() -> None:
    peer = Peer([REPLIES], [b"250 taken\r\n421 4.4.2 bye\r\n"])
    assert (await transact(peer)).code == 250
    assert peer.wire is not None
    assert "421 4.4.2 bye" in peer.wire.lost
