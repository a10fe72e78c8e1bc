"""Connecting to a relay: TLS, STARTTLS and AUTH, and in which phase each goes wrong."""

import socket
import ssl
from pathlib import Path
from typing import Any

import pytest
import trustme
from jumping_loop import in_no_time
from smtp_server import At, Bad, SmtpServer

from digest.delivery.courier import ConnectError, Relay, connect
from digest.model import Phase, Reply

SENDER, ADA = "news@ledger.example", "ada@mail.example"
MESSAGE = b"Message-ID: <1@ledger.example>\r\n\r\nGood morning.\r\n"
ACCOUNTS = {"news": "sesame"}


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def ca_file(authority: trustme.CA, tmp_path_factory: pytest.TempPathFactory) -> str:
    path = tmp_path_factory.mktemp("ca") / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return str(path)


def certificate(authority: trustme.CA, name: str = "127.0.0.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    return context


def relay(server: SmtpServer, **how: Any) -> Relay:
    return Relay(**{"host": "127.0.0.1", "port": server.port, "security": "none", "timeout": 5.0, **how})


async def refusal(of: Relay) -> Reply:
    with pytest.raises(ConnectError) as caught:
        await connect(of)
    assert str(caught.value) == str(caught.value.reply)
    return caught.value.reply


async def mailed(server: SmtpServer, of: Relay) -> None:
    """Send two messages over a connection, and see that they came."""
    wire = await connect(of)
    for _ in range(2):
        assert (await wire.transact(SENDER, ADA, MESSAGE)).code == 250
    await wire.quit()
    assert [message.data for message in server.received] == [MESSAGE, MESSAGE]


@pytest.mark.parametrize("pipelining", [True, False], ids=["pipelined", "in lock-step"])
@pytest.mark.parametrize("security", ["none", "starttls", "tls"])
async def test_mail_goes_out_over_every_kind_of_connection(
    authority: trustme.CA, ca_file: str, security: str, pipelining: bool
) -> None:
    server = SmtpServer(
        tls=certificate(authority) if security != "none" else None,
        implicit_tls=security == "tls",
        accounts=ACCOUNTS,
        pipelining=pipelining,
    )
    async with server:
        account = {"username": "news", "password": "sesame"}
        await mailed(server, relay(server, security=security, ca_file=ca_file, **account))
    assert server.commands["STARTTLS"] == (security == "starttls")
    assert server.commands["AUTH"] == 1


async def test_a_relay_without_account_is_not_asked_for_one(ca_file: str) -> None:
    async with SmtpServer(accounts=ACCOUNTS) as server:
        await mailed(server, relay(server, ca_file=ca_file))
    assert server.commands["AUTH"] == 0


async def test_a_wrong_password_is_told_in_the_relays_words() -> None:
    async with SmtpServer(accounts=ACCOUNTS) as server:
        reply = await refusal(relay(server, username="news", password="wrong"))
    assert reply == Reply(phase=Phase.AUTH, code=535, text="5.7.8 who are you")


async def test_an_account_where_none_is_taken_fails_at_auth() -> None:
    async with SmtpServer() as server:
        reply = await refusal(relay(server, username="news", password="sesame"))
    assert (reply.phase, reply.code) == (Phase.AUTH, 454)
    assert "AUTH" in reply.text


async def test_starttls_that_is_not_offered_sends_nothing_in_the_clear() -> None:
    async with SmtpServer(accounts=ACCOUNTS) as server:
        reply = await refusal(relay(server, security="starttls", username="news", password="sesame"))
    assert (reply.phase, reply.code) == (Phase.TLS, 454)
    assert "STARTTLS" in reply.text
    assert server.commands["AUTH"] == 0


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_of_an_unknown_authority_is_refused(authority: trustme.CA, security: str) -> None:
    async with SmtpServer(tls=certificate(authority), implicit_tls=security == "tls") as server:
        reply = await refusal(relay(server, security=security))
    assert (reply.phase, reply.code) == (Phase.TLS, 0)
    assert "certificate" in reply.text


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_a_certificate_of_another_name_is_refused(
    authority: trustme.CA, ca_file: str, security: str
) -> None:
    wrong = certificate(authority, "relay.example")
    async with SmtpServer(tls=wrong, implicit_tls=security == "tls") as server:
        reply = await refusal(relay(server, security=security, ca_file=ca_file))
    assert (reply.phase, reply.code) == (Phase.TLS, 0)
    assert "127.0.0.1" in reply.text


async def test_tls_with_a_server_that_speaks_none_fails_at_tls() -> None:
    async with SmtpServer() as server:
        reply = await refusal(relay(server, security="tls"))
    assert (reply.phase, reply.code) == (Phase.TLS, 0)


async def test_a_port_where_nobody_listens_refuses_the_connection() -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        reply = await refusal(Relay(host="127.0.0.1", port=bound.getsockname()[1], security="none"))
    assert (reply.phase, reply.code) == (Phase.CONNECT, 0)
    assert reply.text == "Connection refused"


@pytest.mark.parametrize("host", ["relay.invalid", "a..b", "x" * 70 + ".example"])
async def test_a_name_that_leads_nowhere_fails_at_connecting(host: str) -> None:
    reply = await refusal(Relay(host=host, port=25, security="none"))
    assert (reply.phase, reply.code) == (Phase.CONNECT, 0)
    assert reply.text


TROUBLES: list[tuple[At, str, Phase, int]] = [
    ("banner", "554 5.7.1 go away", Phase.CONNECT, 554),
    ("banner", "421 4.3.2 too busy", Phase.CONNECT, 421),
    ("banner", "garbage", Phase.CONNECT, 0),
    ("banner", "endless", Phase.CONNECT, 0),
    ("banner", "hang", Phase.CONNECT, 0),
    ("connect", "close", Phase.CONNECT, 0),
    ("connect", "reset", Phase.CONNECT, 0),
    ("ehlo", "554 5.7.1 not you", Phase.CONNECT, 554),
    ("ehlo", "close", Phase.CONNECT, 0),
    ("ehlo", "hang", Phase.CONNECT, 0),
    ("starttls", "454 4.7.0 not now", Phase.TLS, 454),
    ("starttls", "close", Phase.TLS, 0),
    ("starttls", "hang", Phase.TLS, 0),
    ("starttls", "garbage", Phase.TLS, 0),
    ("auth", "454 4.7.0 not now", Phase.AUTH, 454),
    ("auth", "535 5.7.8 no", Phase.AUTH, 535),
    ("auth", "421 4.7.0 too many tries", Phase.AUTH, 421),
    ("auth", "close", Phase.AUTH, 0),
    ("auth", "reset", Phase.AUTH, 0),
    ("auth", "hang", Phase.AUTH, 0),
]


@pytest.mark.parametrize("trouble", TROUBLES, ids=str)
def test_whatever_goes_wrong_before_the_first_message_names_its_phase(
    authority: trustme.CA, ca_file: str, trouble: tuple[At, str, Phase, int]
) -> None:
    at, how, phase, code = trouble
    server = SmtpServer(Bad(at=at, how=how), tls=certificate(authority), accounts=ACCOUNTS)

    async def tried() -> Reply:
        async with server:
            account = {"username": "news", "password": "sesame"}
            return await refusal(relay(server, security="starttls", ca_file=ca_file, **account))

    reply = in_no_time(tried())
    assert (reply.phase, reply.code) == (phase, code)
    assert reply.text


@pytest.mark.parametrize("at", ["banner", "ehlo", "starttls", "auth"])
async def test_a_relay_that_answers_octet_by_octet_is_understood(
    authority: trustme.CA, ca_file: str, at: At
) -> None:
    server = SmtpServer(Bad(at=at, how="trickle"), tls=certificate(authority), accounts=ACCOUNTS)
    async with server:
        account = {"username": "news", "password": "sesame"}
        await mailed(server, relay(server, security="starttls", ca_file=ca_file, **account))


async def test_a_missing_file_of_certificates_is_told(tmp_path: Path) -> None:
    async with SmtpServer() as server:
        with pytest.raises(FileNotFoundError):
            await connect(relay(server, security="tls", ca_file=str(tmp_path / "none.pem")))
