"""The ways of telling: the mail that is sent, by which relay, and what each way comes to."""

import ssl
from collections.abc import Sequence
from pathlib import Path

import pytest
import trustme
from feed_site import feed_site
from press import ON_SQLITE, OPERATOR, Press, press, utc
from smtp_server import Bad, SmtpServer

from digest.alerts import Alerts
from digest.store.database import Store
from digest.telling import Attempt

NOW = utc("2026-11-24 12:00")


def outcomes(attempts: Sequence[Attempt]) -> dict[str, str]:
    return {f"{one.way} {one.where}": one.trouble for one in attempts}


@ON_SQLITE
async def test_a_relay_with_an_authority_of_its_own_is_believed(store: Store, tmp_path: Path) -> None:
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with press(store, tmp_path, relay=SmtpServer(tls=context)) as room:
        room.environ |= {"DIGEST_SMTP__SECURITY": "starttls", "DIGEST_SMTP__CA_FILE": "ca.pem"}
        await Alerts(room.desk()).alert("key", "Trouble", "It is so.", NOW)
        assert room.told == ["Trouble"]


def beside(room: Press, other: SmtpServer) -> None:
    """Configure a further relay, "spare"."""
    room.environ |= {
        "DIGEST_SMTP__RELAYS__SPARE__HOST": "127.0.0.1",
        "DIGEST_SMTP__RELAYS__SPARE__PORT": str(other.port),
        "DIGEST_SMTP__RELAYS__SPARE__SECURITY": "none",
        "DIGEST_SMTP__RELAYS__SPARE__WEIGHT": "0",
    }


@ON_SQLITE
@pytest.mark.parametrize(
    "bad",
    [Bad(at="banner", how="554 5.7.1 no"), Bad(at="mail", how="550 5.7.1 no"), Bad(at="dot", how="close")],
)
async def test_where_one_relay_fails_the_next_is_tried(store: Store, tmp_path: Path, bad: Bad) -> None:
    async with press(store, tmp_path, relay=SmtpServer(bad)) as room, SmtpServer() as other:
        beside(room, other)
        told = Alerts(room.desk())
        await told.alert("key", "Trouble", "It is so.", NOW)
        assert [one.recipient for one in other.received] == [OPERATOR]
        found = outcomes(await told.test(NOW))
        assert found[f"mail {OPERATOR} by 127.0.0.1:{room.relay.port}"]
        assert not found[f"mail {OPERATOR} by 127.0.0.1:{other.port}"]


@ON_SQLITE
async def test_an_operator_whom_one_relay_refuses_is_mailed_by_the_next(store: Store, tmp_path: Path) -> None:
    refusal = Bad(at="rcpt", how="550 5.7.1 not from you", to="two@ledger.example")
    async with press(store, tmp_path, relay=SmtpServer(refusal)) as room, SmtpServer() as other:
        beside(room, other)
        room.environ["DIGEST_ALERTS__TO"] = '["one@ledger.example", "two@ledger.example"]'
        await Alerts(room.desk()).alert("key", "Trouble", "It is so.", NOW)
        assert room.relay.recipients == ["one@ledger.example"]
        assert other.recipients == ["two@ledger.example"]


@ON_SQLITE
async def test_a_test_goes_every_way_and_says_how_it_went(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.environ["DIGEST_ALERTS__COMMAND"] = "tee told.txt"
        room.site.down("/ping", 503)
        found = outcomes(await Alerts(room.desk()).test(NOW))
        assert found.pop(f"ping {room.site.base}/ping").startswith("Server error '503")
        assert found == {f"mail {OPERATOR} by 127.0.0.1:{room.relay.port}": "", "command tee": ""}
        assert room.told == ["digest: a test of your alerts"]
        assert "Nothing is wrong" in (tmp_path / "told.txt").read_text(encoding="utf-8")


@ON_SQLITE
async def test_what_is_not_configured_is_not_tried(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        room.rehearses = True
        room.environ["DIGEST_ALERTS__PING_URL"] = ""
        assert await Alerts(room.desk()).test(NOW) == []
    with feed_site() as site:
        assert site.asked == []
