"""Every message that leaves is signed: issues, tests and rehearsals, whichever way they leave."""

import mailbox
import re
from datetime import UTC, datetime
from pathlib import Path

import pytest
from dkim_samples import NONCE, ed25519, key_file, named, rendering, rsa, verdicts
from installed import Site
from press import EVE, ON_SQLITE, SLOT, Press, live_at, press
from smtp_server import SmtpServer, serving

from digest.config import Settings, SigningKey, load
from digest.engine.composer import Composer, composer
from digest.links import new_key, parse_keys
from digest.model import Recipient
from digest.publish.rehearse import rehearse
from digest.publish.send import send_test
from digest.store.database import Store

CHOSEN = {
    "DIGEST_DKIM__SELECTOR": "news",
    "DIGEST_DKIM__KEY_FILE": "rsa.key",
    "DIGEST_DKIM__ED25519_SELECTOR": "second",
    "DIGEST_DKIM__ED25519_KEY_FILE": "ed25519.key",
}
READER = Recipient(id=7, email="ada@mail.example", name="Ada", since=datetime(2025, 5, 1, tzinfo=UTC))


def keys_in(folder: Path) -> None:
    key_file(folder / "rsa.key", rsa())
    key_file(folder / "ed25519.key", ed25519())


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    keys_in(tmp_path)
    text = (Path(__file__).parents[2] / "config.toml").read_text()
    (tmp_path / "config.toml").write_text(text)
    return load(tmp_path / "config.toml", CHOSEN)


def composed(
    settings: Settings, signing: tuple[SigningKey, ...], unsigned: frozenset[str] = frozenset()
) -> Composer:
    return composer(
        settings,
        settings.newsletter[0],
        slot=SLOT.name,
        issue_id=3,
        rendering=rendering(),
        keys=parse_keys(new_key()),
        permanent_key=b"k" * 32,
        signing=signing,
        unsigned=unsigned,
    )


def test_a_composer_signs_where_it_has_keys_and_says_so(settings: Settings, now: datetime) -> None:
    compose = composed(settings, settings.signing_keys())
    assert compose.signs
    assert verdicts(compose(READER, now)) == [True, True]


def test_without_keys_a_composer_says_that_it_does_not_sign(settings: Settings, now: datetime) -> None:
    compose = composed(settings, ())
    assert not compose.signs
    assert b"DKIM-Signature" not in compose(READER, now)


def test_a_signature_is_all_that_keys_add(settings: Settings, now: datetime) -> None:
    plain, signed = composed(settings, ()), composed(settings, settings.signing_keys())
    head = re.compile(rb"\A(?:DKIM-Signature:.*\r\n(?: .*\r\n)+){2}")
    bare = head.sub(b"", signed(READER, now))
    # The links are signed with another key.
    assert re.sub(rb"/u/[\w-]+", b"", bare) == re.sub(rb"/u/[\w-]+", b"", plain(READER, now))
    assert NONCE.encode() in bare


def test_a_composer_leaves_out_what_the_relay_rewrites(settings: Settings, now: datetime) -> None:
    message = composed(settings, settings.signing_keys(), frozenset({"Message-ID", "Date"}))(READER, now)
    rewritten = re.sub(rb"(?m)^(Message-ID|Date): .*?\r\n", b"", message)
    assert b"\r\nDate:" not in rewritten
    assert verdicts(rewritten) == [True, True]


@ON_SQLITE
async def test_an_issue_a_test_and_a_rehearsal_are_signed(store: Store, tmp_path: Path) -> None:
    keys_in(tmp_path)
    async with press(store, tmp_path, readers=3) as here:
        here.environ = CHOSEN
        await live_at(here.service(), here.clock, EVE, SLOT.instant)
        assert len(here.mailed) == 3
        assert [verdicts(one.data) for one in here.mailed] == [[True, True]] * 3
        await _test_mail_and_rehearsal(here)


@ON_SQLITE
async def test_signatures_cover_the_way_out_by_mail(store: Store, tmp_path: Path) -> None:
    keys_in(tmp_path)
    async with press(store, tmp_path, readers=2) as here:
        read = {"DIGEST_BOUNCES__ADDRESS": "bounces@ledger.example", "DIGEST_BOUNCES__PIPE": "yes"}
        here.environ = CHOSEN | read | {"DIGEST_MAIL__ENVELOPE": "verp"}
        await live_at(here.service(), here.clock, EVE, SLOT.instant)
        for one in here.mailed:
            assert verdicts(one.data) == [True, True]
            assert verdicts(one.data.replace(b"mailto:bounces+u", b"mailto:bounces+v")) == [False, False]


async def _test_mail_and_rehearsal(here: Press) -> None:
    desk = here.desk()
    daily = desk.settings.newsletter[0]
    await send_test(desk, daily, SLOT.name, rendering(), ["me@mail.example"])
    assert here.mailed[-1].recipient == "me@mail.example"
    assert verdicts(here.mailed[-1].data) == [True, True]
    folder, count = rehearse(desk, daily, SLOT.name, rendering())
    written = [path.read_bytes() for path in (folder / "new").iterdir()]
    assert len(mailbox.Maildir(folder)) == count == len(written) == 3
    # A Maildir has its lines end as the system does, and a verifier reads either.
    assert [verdicts(message) for message in written] == [[True, True]] * 3


@ON_SQLITE
async def test_what_a_providers_relay_rewrites_is_left_out_of_its_mail(store: Store, tmp_path: Path) -> None:
    keys_in(tmp_path)
    async with press(store, tmp_path, readers=1) as here:
        here.environ = CHOSEN | {"DIGEST_SMTP__PROVIDER": "ses"}
        await live_at(here.service(), here.clock, EVE, SLOT.instant)
        [mailed] = here.mailed
    assert {"date", "message-id"}.isdisjoint(named(mailed.data))
    assert verdicts(mailed.data) == [True, True]


@ON_SQLITE
async def test_the_key_is_read_once_for_a_desk(store: Store, tmp_path: Path) -> None:
    keys_in(tmp_path)
    async with press(store, tmp_path, readers=0) as here:
        here.environ = CHOSEN
        desk = here.desk()
        assert [key.selector for key in desk.signing] == ["news", "second"]
        (tmp_path / "rsa.key").unlink()
        assert desk.signing is desk.signing


def test_what_the_real_command_sends_verifies(tmp_path: Path) -> None:
    keys_in(tmp_path)
    with serving(SmtpServer()) as relay:
        site = Site(tmp_path, feed="sample:", smtp=relay.port, database="sqlite:///subscribers.db")
        addresses = site.install(20)
        site.environ |= CHOSEN
        site.run("send", "--yes")
        site.run("send", "--to", "me@mail.example")
    assert sorted(relay.recipients) == sorted([*addresses, "me@mail.example"])
    assert [verdicts(one.data) for one in relay.received] == [[True, True]] * 21
