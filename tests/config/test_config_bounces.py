"""[bounces]: where what comes back is read, with what proof; and the envelope, which depends on it."""

import json
from pathlib import Path

import pytest
from hook_posts import sendgrid_key, verification_key

from digest.config import Settings, load, show, template_text, toml_text
from digest.config.bounces import SECRETS, ImapBox, Listener
from digest.errors import ConfigError

ADDRESS = 'address = "bounces@ledger.example"\n'


def read(folder: Path, bounces: str = "", envelope: str = "", **environ: str) -> Settings:
    text = template_text().replace('envelope = ""', f'envelope = "{envelope}"')
    before, _, after = text.partition("\n[bounces]")
    _, _, rest = after.partition("\n[alerts]")
    (folder / "config.toml").write_text(f"{before}\n[bounces]\n{bounces}\n[alerts]{rest}")
    return load(folder / "config.toml", environ)


def mistake(folder: Path, bounces: str = "", envelope: str = "", **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(folder, bounces, envelope, **environ)
    return str(caught.value).partition(": ")[2]


@pytest.mark.parametrize("way", ["maildir = 'Maildir'", "lmtp = '127.0.0.1:8024'", "pipe = true"])
def test_with_a_way_in_bounces_go_where_they_are_read(way: str, tmp_path: Path) -> None:
    settings = read(tmp_path, ADDRESS + way)
    assert settings.bounces.is_read
    assert not settings.is_verp
    assert settings.envelope == settings.mail.envelope == "bounces@ledger.example"


def test_without_a_way_in_they_go_to_the_sender(tmp_path: Path) -> None:
    settings = read(tmp_path, ADDRESS)
    assert not settings.bounces.is_read
    assert settings.envelope == "news@ledger.example"


def test_an_envelope_that_is_given_wins(tmp_path: Path) -> None:
    settings = read(tmp_path, ADDRESS + "pipe = true", "back@ledger.example")
    assert (settings.envelope, settings.is_verp) == ("back@ledger.example", False)


def test_with_verp_what_is_no_subscribers_carries_the_plain_address(tmp_path: Path) -> None:
    settings = read(tmp_path, ADDRESS + "pipe = true", "verp")
    assert (settings.envelope, settings.is_verp) == ("bounces@ledger.example", True)


@pytest.mark.parametrize("bounces", ["", ADDRESS], ids=["nothing", "an address alone"])
def test_verp_needs_a_reader(bounces: str, tmp_path: Path) -> None:
    told = mistake(tmp_path, bounces, "verp")
    assert told == (
        'mail.envelope: "verp" needs something that reads what comes back: '
        "[bounces] address, and maildir, imap, lmtp or pipe"
    )


@pytest.mark.parametrize(
    ("url", "box"),
    [
        ("imaps://me@mail.example", ImapBox("mail.example", 993, "me", "INBOX", is_tls=True)),
        (
            "imaps://me%40ledger.example@mail.example:1993/Lists/B%C3%BCro",
            ImapBox("mail.example", 1993, "me@ledger.example", "Lists/Büro", is_tls=True),
        ),
        ("imap://me@127.0.0.1/INBOX", ImapBox("127.0.0.1", 143, "me", "INBOX", is_tls=False)),
        ("imap://me@[::1]:1143/", ImapBox("::1", 1143, "me", "INBOX", is_tls=False)),
    ],
)
def test_an_imap_folder_is_a_url(url: str, box: ImapBox, tmp_path: Path) -> None:
    settings = read(tmp_path, ADDRESS + f'imap = "{url}"', DIGEST_BOUNCES__IMAP_PASSWORD="hunter2")
    assert settings.bounces.imap_box == box
    assert settings.bounces.is_read


@pytest.mark.parametrize(
    ("text", "expected"),
    [("127.0.0.1:8024", Listener("127.0.0.1", 8024)), ("[::1]:24", Listener("::1", 24))],
)
def test_lmtp_listens_on_this_computer(text: str, expected: Listener, tmp_path: Path) -> None:
    assert read(tmp_path, ADDRESS + f'lmtp = "{text}"').bounces.listener == expected


@pytest.mark.parametrize(
    ("bounces", "expected"),
    [
        ("pipe = true", "bounces.address: is missing: the address whose mail is read there"),
        ('address = "nobody"', "bounces.address: 'nobody' cannot be mailed"),
        (f'address = "{"b" * 21}@x.example"', "bounces.address: must have 1 to 20 letters, digits"),
        ('address = "a&b@x.example"', "bounces.address: must have 1 to 20 letters, digits"),
        (f'address = "b@{("c" * 50 + ".") * 4}example"', "bounces.address: is too long"),
        ('separator = "."', "bounces.separator: must be '+', '-' or '_'"),
        ('every = "0s"', "bounces.every: must be more than nothing"),
        ("keep_days = 0", "bounces.keep_days: must be 1 or more"),
        ('ses_topics = ["bounces"]', "bounces.ses_topics[0]: must be a topic's ARN"),
        ('lmtp = "8024"', "bounces.lmtp: must be an address of this computer alone and a port"),
        ('lmtp = "0.0.0.0:8024"', "bounces.lmtp: must be an address of this computer alone and a port"),
        ('lmtp = "127.0.0.1:smtp"', 'bounces.lmtp: must be "127.0.0.1:8024"'),
        ('imap_password = "p"\nimap = "me@mail.example"', 'bounces.imap: must be a URL as "imaps://'),
        ('imap_password = "p"\nimap = "imaps://mail.example/INBOX"', "bounces.imap: must be a URL as"),
        ('imap_password = "p"\nimap = "https://me@h:993/"', "bounces.imap: must be a URL as"),
        ('imap_password = "p"\nimap = "imaps://me@h:x/"', "bounces.imap: must be a URL as"),
        ('imap_password = "p"\nimap = "imap://me@h.example"', "bounces.imap: would send the password over"),
        ('imap_password = "p"\nimap = "imaps://me:hunter2@h/"', "bounces.imap: must not hold the password"),
        (
            'imap = "imaps://me@h.example"',
            "bounces.imap: needs a password: give imap_password_file or DIGEST_BOUNCES__IMAP_PASSWORD",
        ),
        ('sendgrid_key = "hunter2"', "bounces.sendgrid_key: must be a public key in base64"),
        ('mailgun_key_file = "gone"', "bounces.mailgun_key_file: "),
        ('mailgun_key_file = "config.toml"', "bounces.mailgun_key_file: cannot be read: it holds more than"),
    ],
)
def test_a_mistake_is_told_at_its_key(bounces: str, expected: str, tmp_path: Path) -> None:
    address = "" if "address" in bounces or bounces == "pipe = true" else ADDRESS
    told = mistake(tmp_path, address + bounces)
    assert told.startswith(expected)
    assert "hunter2" not in told
    assert "\n" not in told


@pytest.mark.parametrize("key", SECRETS)
def test_a_secret_comes_from_its_file_or_the_environment_and_is_not_shown(key: str, tmp_path: Path) -> None:
    secret = verification_key(sendgrid_key()) if key == "sendgrid_key" else "hunter2"
    (tmp_path / "secret").write_text(f"{secret}\n")
    by_file = read(tmp_path, f'{key}_file = "secret"')
    variable = {f"DIGEST_BOUNCES__{key.upper()}": secret}
    by_variable = read(tmp_path, f'{key}_file = "gone"', **variable)
    for settings in (by_file, by_variable):
        assert getattr(settings.bounces, key).get_secret_value() == secret
        shown = show(settings)
        assert shown["bounces"][key] == "********"
        assert secret not in json.dumps(shown) + toml_text(shown) + repr(settings)
