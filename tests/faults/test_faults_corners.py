"""What the matrix has no cell for: resets, idle connections, relays away, octets that are no text."""

import asyncio
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from faults_ledger import START, Life, address, begin, check_copies, furnish, new_ledger
from faults_rules import (
    DEAD,
    IN_THE_DARK,
    MAILED,
    MAILED_AGAIN,
    MATRIX,
    TRIED_OUT_SOFT,
    TURNED_DOWN,
    WAITING,
)
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st
from jumping_loop import in_no_time
from smtp_server import At, Bad, SmtpServer

from digest.delivery.courier import Relay
from digest.delivery.outcome import Kind
from digest.delivery.reply import classify
from digest.engine.verdict import Policy
from digest.model import DeliveryState, IssueState, Phase, Reply, SubscriberState
from digest.store.database import Store

READERS = 12


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / "template.db"
    new_ledger(path, READERS)
    return path


def relay(port: int, **options: object) -> Relay:
    usual: dict[str, object] = {"host": "127.0.0.1", "security": "none", "timeout": 3, "connections": 2}
    return Relay(**{**usual, "port": port, **options})  # type: ignore[arg-type] # a test's own choice


@pytest.fixture
def closer() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def life_of(
    closer: ExitStack,
    template: Path,
    folder: Path,
    port: int,
    policy: Policy | None = None,
    **options: object,
) -> Life:
    life = begin(template, folder, relay(port, **options), policy)
    closer.callback(life.store.close)
    return life


def state(life: Life) -> IssueState:
    return life.reread().state


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "in lock-step"])
@pytest.mark.parametrize("lax", [False, True], ids=["DATA is refused", "DATA is taken all the same"])
@pytest.mark.parametrize("how", MATRIX["rset"]["harmless"])
def test_a_reset_that_goes_wrong_costs_nobody_anything(  # noqa: PLR0917 - fixtures and parameters
    how: str, lax: bool, pipelining: bool, template: Path, tmp_path: Path, closer: ExitStack
) -> None:
    refused = [Bad(at="rcpt", how="550 5.1.1 nobody", to=address(number)) for number in (3, 8)]
    server = SmtpServer(*refused, Bad(at="rset", how=how), data_after_refusal=lax, pipelining=pipelining)

    async def run() -> Life:
        async with server:
            life = life_of(closer, template, tmp_path, server.port)
            await life.live()
        return life

    life = in_no_time(run())
    check_copies(life.fates, server.received)
    assert server.commands["RSET"] == 2
    assert life.fates == {n: DEAD if n in {3, 8} else MAILED for n in range(1, READERS + 1)}
    assert state(life) is IssueState.SENT


@pytest.mark.parametrize("how", MATRIX["idle"]["harmless"])
def test_a_connection_that_goes_wrong_while_it_is_idle_costs_nobody_anything(
    how: str, template: Path, tmp_path: Path, closer: ExitStack
) -> None:
    # At five a second, connections have nothing to do for 0.4 s between messages.
    server = SmtpServer(Bad(at="idle", how=how), idle=0.1)

    async def run() -> Life:
        async with server:
            life = life_of(closer, template, tmp_path, server.port)
            life.rate = 5
            await life.live()
        return life

    life = in_no_time(run())
    check_copies(life.fates, server.received)
    assert set(life.fates.values()) == {MAILED}
    assert state(life) is IssueState.SENT


def test_a_relay_that_is_away_for_a_while_finds_everything_as_it_was(
    template: Path, tmp_path: Path, closer: ExitStack
) -> None:
    async def run() -> tuple[Life, SmtpServer]:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            server = SmtpServer(port=bound.getsockname()[1])
            life = life_of(closer, template, tmp_path, server.port)
            living = asyncio.create_task(life.live())
            await asyncio.sleep(600)
            assert not living.done()
            assert set(life.fates.values()) == {WAITING}
        async with server:
            await living
        return life, server

    life, server = in_no_time(run())
    check_copies(life.fates, server.received)
    assert set(life.fates.values()) == {MAILED}
    # It is asked once a minute, give or take a quarter.
    assert life.now - START < timedelta(seconds=600 + 80)


def test_a_host_that_swallows_the_first_packet_is_given_up_after_patience(
    template: Path, tmp_path: Path, closer: ExitStack
) -> None:
    with socket.socket() as full, ExitStack() as callers:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        port = full.getsockname()[1]
        for _ in range(4):
            # What does not fit into the queue is dropped, and so is whatever comes after it.
            caller = callers.enter_context(socket.socket())
            caller.setblocking(False)
            caller.connect_ex(("127.0.0.1", port))

        async def run() -> Life:
            life = life_of(closer, template, tmp_path, port)
            life.patience = timedelta(minutes=1)
            await life.live()
            return life

        life = in_no_time(run())
    assert "takes nothing (connect: " in str(life.gave_up)
    assert (state(life), set(life.fates.values())) == (IssueState.SENDING, {WAITING})


@pytest.mark.parametrize("on_unknown", ["resend", "ask"])
def test_a_relay_that_stops_reading_in_the_middle_of_a_long_message_leaves_it_in_doubt(
    on_unknown: str, template: Path, tmp_path: Path, closer: ExitStack
) -> None:
    server = SmtpServer(Bad(at="body", how="stall", to=address(5), times={1}))

    async def run() -> Life:
        async with server:
            policy = Policy(on_unknown="ask" if on_unknown == "ask" else "resend")
            life = life_of(closer, template, tmp_path, server.port, policy)
            # More than the sockets' buffers on both sides take in.
            life.body = (b"Good morning\r\n" * 3000 + b"Good day.\r\n") * 300
            await life.live()
        return life

    life = in_no_time(run())
    check_copies(life.fates, server.received)
    struck = IN_THE_DARK if on_unknown == "ask" else MAILED_AGAIN
    assert life.fates == {n: struck if n == 5 else MAILED for n in range(1, READERS + 1)}


@pytest.mark.parametrize("number", [1, 2, READERS])
def test_a_full_mailbox_counts_whether_it_is_met_before_the_first_acceptance_or_alone(
    number: int, template: Path, tmp_path: Path, closer: ExitStack
) -> None:
    server = SmtpServer(Bad(at="rcpt", how="452 4.2.2 mailbox full", to=address(number)))

    async def run() -> Life:
        async with server:
            policy = Policy(expire_after=timedelta(minutes=20))
            life = life_of(closer, template, tmp_path, server.port, policy)
            await life.live()
        return life

    life = in_no_time(run())
    assert life.fates == {n: TRIED_OUT_SOFT if n == number else MAILED for n in range(1, READERS + 1)}


@pytest.mark.parametrize("at", ["rcpt", "dot"])
def test_the_relays_words_are_kept_as_evidence(
    at: At, template: Path, tmp_path: Path, closer: ExitStack
) -> None:
    words = "550-5.7.1 listed by bl.example\r\n550-5.7.1 see https://bl.example/why\r\n550 5.7.1 goodbye"
    server = SmtpServer(Bad(at=at, how=words, to=address(5)))

    async def run() -> Life:
        async with server:
            life = life_of(closer, template, tmp_path, server.port)
            await life.live()
        return life

    life = in_no_time(run())
    assert life.fates[5] == TURNED_DOWN
    assert life.evidence == {
        5: "550 5.7.1 listed by bl.example 5.7.1 see https://bl.example/why 5.7.1 goodbye"
    }


NO_TEXT = "zw\udcf6lf \x00\x07\x1b[31m \ufffe \U0001f4ee"
"""A letter of Latin-1, controls, what is no character, and one outside the basic plane."""


@pytest.mark.parametrize(
    ("at", "how"),
    [("rcpt", f"550 5.1.1 {NO_TEXT}"), ("dot", f"554 5.7.1 {NO_TEXT}"), ("data", f"{NO_TEXT} 354")],
)
async def test_a_reply_that_is_no_text_is_recorded_on_every_database(at: At, how: str, store: Store) -> None:
    issue = furnish(store, READERS)
    async with SmtpServer(Bad(at=at, how=how, to=address(5), times={1})) as server:
        life = Life(store=store, issue=issue, relay=relay(server.port))
        await life.live()
    check_copies(life.fates, server.received)
    assert {number for number, fate in life.fates.items() if fate != MAILED} <= {5}
    assert life.fates[5] == {"rcpt": DEAD, "dot": TURNED_DOWN, "data": MAILED}[at]
    assert state(life) is IssueState.SENT
    assert all(word.isprintable() for word in life.evidence[5])


@pytest.mark.parametrize("at", ["banner", "ehlo", "auth"])
async def test_a_refusal_before_the_first_message_that_is_no_text_holds_on_every_database(
    at: At, store: Store
) -> None:
    issue = furnish(store, READERS)
    bad = Bad(at=at, how=f"535 5.7.8 maximum credits exceeded {NO_TEXT}")
    async with SmtpServer(bad, accounts={"news": "sesame"}) as server:
        access = relay(server.port, username="news", password="sesame")
        life = Life(store=store, issue=issue, relay=access)
        await life.live()
    held = life.reread()
    assert (held.state, held.hold_code) == (IssueState.HELD, "quota")
    assert "maximum credits exceeded zw" in held.reason
    assert held.reason.isprintable()
    assert set(life.fates.values()) == {WAITING}


ANY_OCTETS = st.binary(max_size=60).map(lambda octets: octets.decode("utf-8", "surrogateescape"))
LIKE_A_REPLY = st.builds(
    "{}{}{}".format,
    st.integers(200, 599),
    st.sampled_from([" ", "-", "", "-5.1.1 x\r\n550 "]),
    st.sampled_from(["", "5.1.1 no", "4.2.2 full", "5.7.1 spam", "4.7.1 later", "quota exceeded", "354"])
    | ANY_OCTETS,
)


@settings(max_examples=60, deadline=None)
@given(
    how=(LIKE_A_REPLY | ANY_OCTETS).filter(lambda how: how not in {"", "close", "reset", "hang"}),
    at=st.sampled_from(["banner", "ehlo", "mail", "rcpt", "data", "body", "dot", "idle", "rset"]),
    pipelining=st.booleans(),
)
@example(how="250", at="rcpt", pipelining=True)
@example(how="354 go on\r\n250 taken", at="dot", pipelining=True)
@example(how="550-5.1.1", at="mail", pipelining=False)
@example(how="-\n-\n\n250", at="dot", pipelining=True)
def test_whatever_octets_a_relay_answers_nobody_is_lost_and_nobody_is_blamed_for_them(
    how: str, at: At, pipelining: bool, template: Path
) -> None:
    # Who calls a message taken before its end has come, and then leaves it, cannot be found out.
    assume(at != "body" or not how.startswith("2"))
    server = SmtpServer(Bad(at=at, how=how, times=range(3, 5)), pipelining=pipelining)

    async def run(folder: Path, closer: ExitStack) -> Life:
        async with server:
            life = life_of(closer, template, folder, server.port, Policy(expire_after=timedelta(minutes=20)))
            life.patience = timedelta(seconds=30)
            await life.live()
        return life

    with TemporaryDirectory() as folder, ExitStack() as closer:
        life = in_no_time(run(Path(folder), closer))
        # A "250" in place of another reply may make the relay take what it does not answer for, never twice.
        check_copies(life.fates, server.received)
        for number, fate in life.fates.items():
            if fate.subscriber is SubscriberState.SUPPRESSED:
                code, _, text = life.evidence[number].partition(" ")
                told = [Reply(phase=phase, code=int(code), text=text) for phase in (Phase.RCPT, Phase.BODY)]
                assert Kind.DEAD_ADDRESS in {classify(reply).kind for reply in told}
                assert at in {"rcpt", "body", "dot"}
            if state(life) is IssueState.SENT:
                assert fate.state not in {DeliveryState.PENDING, DeliveryState.SUBMITTING}
