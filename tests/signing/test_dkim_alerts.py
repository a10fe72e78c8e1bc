"""The operator's mail is signed as the readers' is."""

from pathlib import Path

import pytest
from dkim_samples import both, key_file, rsa, verdicts
from press import ON_SQLITE, press, utc

from digest.alerts import Alerts
from digest.notice import notice
from digest.store.database import Store

NOW = utc("2026-11-24 12:00")


@ON_SQLITE
async def test_it_is_signed_as_the_readers_mail_is(store: Store, tmp_path: Path) -> None:
    key_file(tmp_path / "rsa.key", rsa())
    async with press(store, tmp_path) as room:
        room.environ |= {"DIGEST_DKIM__SELECTOR": "news", "DIGEST_DKIM__KEY_FILE": "rsa.key"}
        await Alerts(room.desk()).alert("key", "Trouble", ".It\n\n..is  so. \nFrom here on.\n\n", NOW)
        [mail] = room.relay.received
        assert verdicts(mail.data, [rsa()]) == [True]


@ON_SQLITE
async def test_a_key_that_is_gone_is_no_reason_not_to_tell(store: Store, tmp_path: Path) -> None:
    key = key_file(tmp_path / "rsa.key", rsa())
    async with press(store, tmp_path) as room:
        room.environ |= {"DIGEST_DKIM__SELECTOR": "news", "DIGEST_DKIM__KEY_FILE": "rsa.key"}
        desk = room.desk()
        key.unlink()
        await Alerts(desk).alert("key", "Trouble", "It is so.", NOW)
        assert room.told == ["Trouble"]


@pytest.mark.parametrize("text", ["", "\n\n", ".", "one\ntwo\n", "é" * 400, "From here\n.\n..", "a  b \n\t"])
def test_whatever_it_says_every_signature_holds_and_no_line_begins_with_a_dot(text: str) -> None:
    message = notice(
        sender="news@ledger.example",
        to=["ops@ledger.example", "höfe@ledger.example"],
        subject="Grüße\n from  here",
        text=text,
        message_id="<1@ledger.example>",
        date=NOW,
        extra=[("X-Kind", "alert")],
        keys=both(),
        unsigned=frozenset({"x-kind"}),
    )
    assert not [line for line in message.split(b"\r\n") if line.startswith(b".")]
    assert message.endswith(b"\r\n")
    assert verdicts(message) == [True, True]
