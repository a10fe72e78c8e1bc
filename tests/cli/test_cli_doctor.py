import re
import ssl
from pathlib import Path

import pytest
import trustme
from cli_relay import GOOD, Relay
from cli_site import Said, Site
from jumping_loop import in_no_time
from smtp_server import Bad, SmtpServer

from digest.cli.remedies import REMEDIES, remedy
from digest.delivery.courier import Relay as Settings
from digest.delivery.probe import probe
from digest.model import Phase, Reply

PLAIN = GOOD["EHLO"].replace("250-STARTTLS\r\n", "")
LOGIN = {"DIGEST_SMTP__USERNAME": "ledger", "DIGEST_SMTP__PASSWORD": "hunter2"}


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.configure()
    return made


@pytest.fixture(scope="module")
def certified() -> ssl.SSLContext:
    """A relay's TLS with a certificate of an authority that nobody knows."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    trustme.CA().issue_cert("127.0.0.1").configure_cert(context)
    return context


def ask(
    site: Site, relay: Relay, *options: str, security: str = "none", env: dict[str, str] | None = None
) -> Said:
    where = {
        "DIGEST_SMTP__HOST": "127.0.0.1",
        "DIGEST_SMTP__PORT": str(relay.port),
        "DIGEST_SMTP__SECURITY": security,
    }
    return site.digest("doctor", "relay", *options, env=where | (env or {}))


def test_a_relay_that_would_take_our_mail_is_asked_and_sent_nothing(site: Site) -> None:
    with Relay() as relay:
        said = ask(site, relay, "--to", "rosa@mail.example", env=LOGIN)
    assert said.code == 0
    assert [line.split()[0] for line in said.out.splitlines()[2:6]] == ["connect", "auth", "mail", "rcpt"]
    assert "rcpt to <rosa@mail.example>" in said.out
    assert "hunter2" not in said.out + said.err
    assert relay.heard[-1] == "QUIT"
    assert "DATA" not in relay.heard


def test_with_verp_a_sender_is_asked_about_as_readers_mail_has_it(site: Site) -> None:
    verp = {
        "DIGEST_BOUNCES__ADDRESS": "bounces@ledger.example",
        "DIGEST_BOUNCES__PIPE": "true",
        "DIGEST_MAIL__ENVELOPE": "verp",
        "DIGEST_SMTP__PROVIDER": "ses",
    }
    with Relay() as relay:
        said = ask(site, relay, env=verp)
    assert re.search(r"from <bounces\+0\.0\.1\.[a-z2-7]{16}@ledger\.example>", said.out)
    assert 'Warning: [mail] envelope = "verp" with provider = "ses": Amazon SES refuses' in said.err


def test_without_to_the_sites_own_address_is_asked_for(site: Site) -> None:
    with Relay() as relay:
        assert "to <editor@ledger.example>" in ask(site, relay).out


@pytest.mark.parametrize(
    ("answers", "step", "says"),
    [
        ({"GREETING": "554 5.7.1 Your address is blocked"}, "connect", "operator"),
        ({"GREETING": "421 4.3.2 Too busy"}, "connect", "a few minutes"),
        ({"AUTH": "535 5.7.8 Authentication failed"}, "auth", "Wrong username or password"),
        ({"AUTH": "454 4.7.0 Temporary failure"}, "auth", "a few minutes"),
        ({"EHLO": "250 relay.example"}, "auth", "offers no login"),
        ({"MAIL": "530 5.7.0 Must issue a STARTTLS command first"}, "mail", "wants TLS first"),
        ({"MAIL": "530 5.7.1 Authentication required"}, "mail", "wants a login"),
        ({"MAIL": "550 5.7.1 Sender not verified"}, "mail", "verify its domain or address"),
        (
            {"RCPT": "554 5.7.1 <rosa@mail.example>: Relay access denied"},
            "rcpt",
            "does not carry mail for us",
        ),
        ({"RCPT": "554 Message rejected: Email address is not verified."}, "rcpt", "sandbox"),
        ({"RCPT": "550 5.1.1 No such user"}, "rcpt", "try another with --to"),
    ],
    ids=lambda value: value if isinstance(value, str) else next(iter(value.values())),
)
def test_what_fails_is_shown_with_a_remedy(site: Site, answers: dict[str, str], step: str, says: str) -> None:
    with Relay(answers) as relay:
        said = ask(site, relay, env=LOGIN)
    assert said.code == 1
    assert said.out.splitlines()[-1].startswith(step)
    assert says in said.err
    assert said.err.count("\n") == 1


def test_a_relay_without_starttls_is_told(site: Site) -> None:
    with Relay({"EHLO": PLAIN}) as relay:
        said = ask(site, relay, security="starttls")
    assert (said.code, "does not offer STARTTLS" in said.err) == (1, True)


def test_tls_where_the_relay_begins_in_the_clear_is_told(site: Site) -> None:
    with Relay() as relay:
        said = ask(site, relay, security="tls")
    assert (said.code, 'set security = "starttls"' in said.err) == (1, True)


@pytest.mark.parametrize("security", ["starttls", "tls"])
def test_a_certificate_nobody_knows_is_told(site: Site, certified: ssl.SSLContext, security: str) -> None:
    with Relay(tls=certified, at_once=security == "tls") as relay:
        said = ask(site, relay, security=security)
    assert said.code == 1
    assert said.out.splitlines()[-1].startswith("tls")
    assert "certificate does not prove its name" in said.err


def test_nobody_listening_is_told(site: Site) -> None:
    with Relay() as gone:
        pass
    said = ask(site, gone)
    assert (said.code, "Nothing listens there" in said.err) == (1, True)


def test_silence_ends_within_the_time_and_names_the_step() -> None:
    async def asked() -> list[Reply]:
        async with SmtpServer(Bad(at="rcpt", how="hang")) as relay:
            settings = Settings(host="127.0.0.1", port=relay.port, security="none")
            return await probe(settings, "news@ledger.example", "rosa@mail.example", seconds=10)

    heard = in_no_time(asked())
    assert [reply.phase for reply in heard] == [Phase.CONNECT, Phase.MAIL, Phase.RCPT]
    assert (heard[-1].code, heard[-1].text) == (0, "no reply within 10 seconds")


def test_each_relay_is_asked_and_what_fails_is_told_by_its_name(site: Site) -> None:
    second = {
        "DIGEST_SMTP__RELAYS__SECOND__HOST": "127.0.0.1",
        "DIGEST_SMTP__RELAYS__SECOND__SECURITY": "none",
    }
    with Relay() as relay, Relay() as good:
        said = ask(site, relay, env={**second, "DIGEST_SMTP__RELAYS__SECOND__PORT": str(good.port)})
    assert (said.code, said.out.count("rcpt to")) == (0, 2)
    assert f"second: 127.0.0.1:{good.port}" in said.out
    assert "Each relay would take our mail" in said.out
    with Relay() as relay, Relay({"RCPT": "554 5.7.1 Relay access denied"}) as bad:
        said = ask(site, relay, env={**second, "DIGEST_SMTP__RELAYS__SECOND__PORT": str(bad.port)})
    assert said.code == 1
    assert "second: " in said.err
    assert "main: " not in said.err


def test_a_relay_with_an_authority_of_its_own_is_believed(site: Site, tmp_path: Path) -> None:
    authority, context = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    authority.cert_pem.write_to_path(str(tmp_path / "authority.pem"))
    with Relay(tls=context, at_once=True) as relay:
        said = ask(site, relay, security="tls", env={"DIGEST_SMTP__CA_FILE": str(tmp_path / "authority.pem")})
    assert said.code == 0


def test_a_rehearsal_has_no_relay_to_ask(site: Site) -> None:
    said = site.digest("doctor", "relay")
    assert (said.code, "[smtp] host is empty" in said.err) == (2, True)


def test_a_bad_to_is_misuse(site: Site) -> None:
    assert site.digest("doctor", "relay", "--to", "rosa", env={"DIGEST_SMTP__HOST": "127.0.0.1"}).code == 2


@pytest.mark.parametrize(
    ("text", "port", "security", "says"),
    [
        ("no reply within 10 seconds", 465, "starttls", 'security = "tls"'),
        ("no reply within 10 seconds", 25, "none", "port 25"),
        ("no reply within 10 seconds", 587, "starttls", "firewall"),
        ("[Errno -2] Name or service not known", 587, "starttls", "DNS"),
        ("[Errno 101] Network is unreachable", 587, "starttls", "network"),
    ],
    ids=["starttls at 465", "port 25", "silence", "no such name", "no way"],
)
def test_a_connection_that_cannot_be_made_has_its_remedy(
    text: str, port: int, security: str, says: str
) -> None:
    assert says in remedy(Reply(phase=Phase.CONNECT, code=0, text=text), port=port, security=security)


@pytest.mark.parametrize("phase", Phase)
@pytest.mark.parametrize("code", [0, 199, 421, 500, 554])
def test_every_reply_has_a_remedy(phase: Phase, code: int) -> None:
    assert remedy(Reply(phase=phase, code=code, text="?"), port=587, security="starttls")


def test_a_remedy_is_one_sentence_or_a_few() -> None:
    assert [row.says for row in REMEDIES if not row.says.endswith(".") or len(row.says) > 300] == []
