"""The wire against a relay on a real socket, well behaved and not."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from jumping_loop import in_no_time
from smtp_server import At, Bad, SmtpServer

from digest.delivery.courier import Relay, connect
from digest.delivery.wire import Wire
from digest.model import Phase, Reply

SENDER, ADA, BOB = "news@ledger.example", "ada@mail.example", "bob@mail.example"
MESSAGE = b"To: ada@mail.example\r\nMessage-ID: <1@ledger.example>\r\n\r\nGood morning.\r\n"


@asynccontextmanager
async def wired(server: SmtpServer) -> AsyncIterator[Wire]:
    async with server:
        wire = await connect(Relay(host="127.0.0.1", port=server.port, security="none", timeout=30))
        try:
            yield wire
        finally:
            await wire.quit()


@pytest.fixture(params=["pipelined", "in lock-step"])
def pipelining(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "pipelined")


async def test_a_message_arrives_byte_for_byte(pipelining: bool) -> None:
    server = SmtpServer(pipelining=pipelining)
    odd = bytes(octet for octet in range(256) if octet not in b"\r\n.") + b"\r\n\r\n"
    message = MESSAGE + odd + b"x" * 300_000 + b"\r\n"
    async with wired(server) as wire:
        for recipient in (ADA, BOB, ADA):
            taken = await wire.transact(SENDER, recipient, message)
            assert taken == Reply(phase=Phase.BODY, code=250, text="2.0.0 taken")
        assert wire.taken == 3
    assert [(m.sender, m.recipient, m.data) for m in server.received] == [
        (SENDER, recipient, message) for recipient in (ADA, BOB, ADA)
    ]
    assert server.commands["RSET"] == 0


@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
@pytest.mark.parametrize("code", [451, 550])
async def test_a_refusal_comes_back_with_its_phase_and_the_next_transaction_is_clean(
    pipelining: bool, at: At, code: int
) -> None:
    bad = Bad(at=at, how=f"{code} not now", times={1})
    server = SmtpServer(bad, pipelining=pipelining)
    async with wired(server) as wire:
        phase = Phase.BODY if at == "dot" else Phase(at)
        assert await wire.transact(SENDER, ADA, MESSAGE) == Reply(phase=phase, code=code, text="not now")
        assert wire.lost == ""
        assert (await wire.transact(SENDER, BOB, MESSAGE)).code == 250
    assert server.recipients == [BOB]
    assert server.connections == 1


async def test_a_refused_recipient_whose_data_is_taken_all_the_same_gets_nothing() -> None:
    server = SmtpServer(Bad(at="rcpt", how="550 5.1.1 nobody", to=ADA), data_after_refusal=True)
    async with wired(server) as wire:
        refused = await wire.transact(SENDER, ADA, MESSAGE)
        assert refused == Reply(phase=Phase.RCPT, code=550, text="5.1.1 nobody")
        assert (await wire.transact(SENDER, BOB, MESSAGE)).code == 250
    assert [(m.recipient, m.data) for m in server.received] == [(BOB, MESSAGE)]


@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_a_421_ends_the_connection_in_its_phase(pipelining: bool, at: At) -> None:
    bad = Bad(at=at, how="421 4.3.2 going down")
    async with wired(SmtpServer(bad, pipelining=pipelining)) as wire:
        reply = await wire.transact(SENDER, ADA, MESSAGE)
        assert (reply.phase, reply.code) == (Phase.BODY if at == "dot" else Phase(at), 421)
        assert "421 4.3.2 going down" in wire.lost
        again = await wire.transact(SENDER, BOB, MESSAGE)
        assert (again.phase, again.code) == (Phase.MAIL, 0)


@pytest.mark.parametrize("how", ["close", "reset", "hang", "garbage", "endless"])
@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "body", "dot"])
def test_a_loss_names_the_phase_that_tells_whether_the_body_may_have_arrived(
    pipelining: bool, at: At, how: str
) -> None:
    async def sent() -> tuple[Reply, str]:
        async with wired(SmtpServer(Bad(at=at, how=how), pipelining=pipelining)) as wire:
            return await wire.transact(SENDER, ADA, MESSAGE), wire.lost

    reply, lost = in_no_time(sent())
    assert reply.code == 0
    before = {Phase.MAIL, Phase.RCPT, Phase.DATA}
    # A reset throws away what the other side had not read yet, so an earlier step may be the last known.
    expected = {Phase.BODY} if at in {"body", "dot"} else before if how == "reset" else {Phase(at)}
    assert reply.phase in expected
    assert reply.text == lost != ""


def test_a_silent_relay_is_given_its_time_and_no_more(pipelining: bool) -> None:
    async def sent() -> Reply:
        async with wired(SmtpServer(Bad(at="dot", how="hang"), pipelining=pipelining)) as wire:
            return await wire.transact(SENDER, ADA, MESSAGE)

    assert in_no_time(sent()) == Reply(phase=Phase.BODY, code=0, text="no reply within 30 seconds")


@pytest.mark.parametrize("at", ["mail", "rcpt", "data", "dot"])
async def test_a_reply_that_trickles_is_read_whole(pipelining: bool, at: At) -> None:
    bad = Bad(at=at, how="trickle")
    async with wired(SmtpServer(bad, pipelining=pipelining)) as wire:
        for _ in range(2):
            assert (await wire.transact(SENDER, ADA, MESSAGE)).code == 250


async def test_a_reply_of_several_lines_is_one_reply(pipelining: bool) -> None:
    bad = Bad(at="rcpt", how="550-5.1.1 nobody\r\n550-of that name\r\n550 is here", times={1})
    async with wired(SmtpServer(bad, pipelining=pipelining)) as wire:
        reply = await wire.transact(SENDER, ADA, MESSAGE)
        assert reply == Reply(phase=Phase.RCPT, code=550, text="5.1.1 nobody of that name is here")
        assert (await wire.transact(SENDER, BOB, MESSAGE)).code == 250


async def test_a_reply_too_many_ends_the_connection_before_a_body_could_be_misread() -> None:
    # The second line would otherwise be taken for what became of the body.
    bad = Bad(at="data", how="354 go on\r\n250 2.0.0 taken")
    async with wired(SmtpServer(bad)) as wire:
        reply = await wire.transact(SENDER, ADA, MESSAGE)
        assert (reply.phase, reply.code) == (Phase.DATA, 0)
        assert "nothing had asked for" in wire.lost


@pytest.mark.parametrize(
    ("at", "how", "phase"),
    [("mail", "354 go on", Phase.MAIL), ("data", "250 ok", Phase.DATA), ("dot", "354 go on", Phase.BODY)],
)
async def test_a_relay_that_is_out_of_step_is_left(pipelining: bool, at: At, how: str, phase: Phase) -> None:
    bad = Bad(at=at, how=how)
    async with wired(SmtpServer(bad, pipelining=pipelining)) as wire:
        reply = await wire.transact(SENDER, ADA, MESSAGE)
        assert (reply.phase, reply.code) == (phase, 0)
        assert "out of step" in wire.lost


async def test_a_relay_that_does_not_reset_is_left(pipelining: bool) -> None:
    bad = (Bad(at="rcpt", how="550 5.1.1 nobody"), Bad(at="rset", how="502 what?"))
    async with wired(SmtpServer(*bad, pipelining=pipelining)) as wire:
        assert (await wire.transact(SENDER, ADA, MESSAGE)).code == 550
        assert "did not reset" in wire.lost


async def test_a_reply_that_comes_while_the_body_is_on_its_way_is_its_reply(pipelining: bool) -> None:
    server = SmtpServer(Bad(at="body", how="552 5.3.4 too big", times={1}), pipelining=pipelining)
    async with wired(server) as wire:
        reply = await wire.transact(SENDER, ADA, MESSAGE + b"x" * 500_000 + b"\r\n")
        assert reply == Reply(phase=Phase.BODY, code=552, text="5.3.4 too big")
        assert (await wire.transact(SENDER, BOB, MESSAGE)).code == 250


async def test_an_address_outside_ascii_goes_only_where_it_is_understood() -> None:
    async with wired(SmtpServer()) as wire:
        refused = await wire.transact(SENDER, "søren@mail.example", MESSAGE)
        assert (refused.phase, refused.code) == (Phase.MAIL, 553)
        assert (await wire.transact(SENDER, ADA, MESSAGE)).code == 250
    server = SmtpServer(smtputf8=True)
    async with wired(server) as wire:
        assert (await wire.transact(SENDER, "søren@mail.example", MESSAGE)).code == 250
        assert (await wire.transact(SENDER, ADA, MESSAGE)).code == 250
    assert [(m.recipient, m.parameters) for m in server.received] == [
        ("søren@mail.example", "SMTPUTF8"),
        (ADA, ""),
    ]


async def test_quitting_says_goodbye_and_waits_for_no_answer_for_ever() -> None:
    server = SmtpServer(Bad(at="quit", how="hang"))
    async with wired(server) as wire:
        await wire.quit()
        assert wire.lost
    assert server.commands["QUIT"] == 1


async def test_a_transaction_that_is_cancelled_ends_the_connection() -> None:
    async with wired(SmtpServer(Bad(at="dot", how="hang"))) as wire:
        task = asyncio.create_task(wire.transact(SENDER, ADA, MESSAGE))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert "stopped in the middle" in wire.lost
