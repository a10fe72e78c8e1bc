"""The section of the settings: what it makes of keys, and what it says about mistakes."""

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1
from cryptography.hazmat.primitives.asymmetric.ec import generate_private_key as elliptic
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPrivateNumbers
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from dkim_samples import ed25519, key_file, pem, rsa

from digest.config import Settings, load, show, toml_text
from digest.errors import ConfigError, UsageError

HEAD = """\
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = ["sample:"]
timezone = "America/New_York"
postal_address = "12 Quay Street"
contact = "editor@ledger.example"
[[newsletter]]
name = "daily"
schedule = "0 7 * * *"
[mail]
from = "News <news@mail.ledger.example>"
[dkim]
"""
"""The section's first key stands on line 14."""

# OpenSSL makes what nobody should use any more.
RSA_512 = b"""\
-----BEGIN PRIVATE KEY-----
MIIBVQIBADANBgkqhkiG9w0BAQEFAASCAT8wggE7AgEAAkEA5/+hZ61V1JoQeHLT
fR2pIceMPeVbeq2HpJKQgWAUFpoxYyJOR1fb0tz6gmhc8D5XTFkItr7AOVmIfF6Y
sh/3IwIDAQABAkEA4MfTkOpnAOiNEMbglpcIakw3WzlAWyqLBC9lh5SZohLHQZfw
i40mTMkHVB/o/2e+tmZCs54AKdHHIWqY1A3AwQIhAPxYG8hTxIjpu64TkyLJN5ZV
euiAztCN+Qw80BisUDjxAiEA61wQeQUjcmn90/BvwTbuotj3GfAfchv6+SrVz3mt
kVMCIEv38pVCsr5NL5Vei0NDtJprrY7liF29ACcw/60N4zDhAiEA22kwUiHgMcFt
yC7VgCJdxaLOeXfJWO+MwMyWFp0wmdECIFUMHl87njjAEQu/aYkip9oFUbmBDaM+
/bOaeWCkJND/
-----END PRIVATE KEY-----
"""

Read = Callable[..., Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def loaded(text: str, environ: dict[str, str] | None = None) -> Settings:
        (tmp_path / "config.toml").write_text(HEAD + text)
        return load(tmp_path / "config.toml", environ or {})

    return loaded


def told(read: Read, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return [str(mistake) for mistake in caught.value.mistakes]


BOTH = 'selector = "news"\nkey_file = "rsa.key"\ned25519_selector = "two"\ned25519_key_file = "keys/ed.key"\n'


def test_without_the_section_nothing_is_signed(read: Read) -> None:
    assert read("").signing_keys() == ()


def test_keys_are_read_from_the_folder_of_the_settings_the_rsa_one_first(read: Read, tmp_path: Path) -> None:
    (tmp_path / "keys").mkdir()
    key_file(tmp_path / "rsa.key", rsa())
    key_file(tmp_path / "keys" / "ed.key", ed25519())
    keys = read(BOTH).signing_keys()
    assert [(key.domain, key.selector) for key in keys] == [
        ("mail.ledger.example", "news"),
        ("mail.ledger.example", "two"),
    ]
    assert [pem(key.private) for key in keys] == [pem(rsa().private), pem(ed25519().private)]


def test_keys_may_come_from_the_environment(read: Read, tmp_path: Path) -> None:
    path = key_file(tmp_path / "rsa.key", rsa())
    [key] = read("", {"DIGEST_DKIM__SELECTOR": "env", "DIGEST_DKIM__KEY_FILE": str(path)}).signing_keys()
    assert key.record_name == "env._domainkey.mail.ledger.example"


@pytest.mark.parametrize("domain", ["ledger.example", "mail.Ledger.EXAMPLE", "a.mail.ledger.example"])
def test_a_domain_that_aligns_with_the_sender_signs(domain: str, read: Read, tmp_path: Path) -> None:
    key_file(tmp_path / "rsa.key", rsa())
    [key] = read(f'domain = "{domain}"\nselector = "a.b-c"\nkey_file = "rsa.key"').signing_keys()
    assert key.domain == domain.lower()


def test_what_is_shown_names_the_domain_and_no_key_and_loads_as_the_same(read: Read, tmp_path: Path) -> None:
    key_file(tmp_path / "rsa.key", rsa())
    settings = read('selector = "news"\nkey_file = "rsa.key"')
    shown = toml_text(show(settings))
    assert show(settings)["dkim"]["domain"] == "mail.ledger.example"
    assert "PRIVATE" not in shown
    (tmp_path / "config.toml").write_text(shown)
    assert load(tmp_path / "config.toml", {}) == settings
    assert "object at" not in repr(settings.signing_keys())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('selector = "news"', "13: dkim.key_file: is missing: without it nothing is signed"),
        ('domain = "ledger.example"', "13: dkim.key_file: is missing: without it nothing is signed"),
        ('key_file = "rsa.key"', "14: dkim.key_file: needs a selector"),
        ('selector = "a_b"\nkey_file = "rsa.key"', "14: dkim.selector: must be a name of letters"),
        ('selector = "-a"\nkey_file = "rsa.key"', "14: dkim.selector: must be a name of letters"),
        ('domain = "ledger"\n' + BOTH, '14: dkim.domain: must be a domain, as "ledger.example"'),
        ('domain = "a@b.example"\n' + BOTH, '14: dkim.domain: must be a domain, as "ledger.example"'),
        (
            'domain = "elsewhere.example"\n' + BOTH,
            "14: dkim.domain: must be mail.from's mail.ledger.example, or one above or below it",
        ),
        (
            'domain = "il.ledger.example"\n' + BOTH,
            "14: dkim.domain: must be mail.from's mail.ledger.example, or one above or below it",
        ),
        ('ed25519_selector = "two"', "13: dkim.ed25519_key_file: is missing"),
        ('ed25519_key_file = "keys/ed.key"', "14: dkim.ed25519_key_file: needs an ed25519_selector"),
        (
            'ed25519_selector = "two"\ned25519_key_file = "keys/ed.key"',
            "15: dkim.ed25519_key_file: goes beside a key_file",
        ),
        (
            BOTH.replace('"two"', '"News"'),
            "16: dkim.ed25519_selector: must not be the selector of the RSA key",
        ),
        ("selectr = 1", "14: dkim.selectr: unknown key; did you mean selector?"),
    ],
)
def test_a_mistake_is_one_sentence_with_its_line(
    text: str, expected: str, read: Read, tmp_path: Path
) -> None:
    (tmp_path / "keys").mkdir()
    key_file(tmp_path / "rsa.key", rsa())
    key_file(tmp_path / "keys" / "ed.key", ed25519())
    [mistake] = told(read, text)
    assert mistake.startswith(f"config.toml:{expected}")


ENCRYPTED = rsa().private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"x"))
PUBLIC = rsa().private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
OTHER = elliptic(SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "rsa.key holds no private key in PEM"),
        (b"\xff\x00" * 90_000, "rsa.key holds no private key in PEM"),
        (pem(rsa().private)[:900], "rsa.key holds no private key in PEM"),
        (PUBLIC, "rsa.key holds a public key; the private one signs"),
        (ENCRYPTED, "rsa.key is locked with a passphrase, which a service cannot type"),
        (pem(ed25519().private), "rsa.key does not hold an RSA key"),
        (OTHER, "rsa.key does not hold an RSA key"),
        (RSA_512, "rsa.key holds an RSA key of 512 bits; take 2048, no fewer than 1024"),
    ],
    ids=["empty", "no PEM", "cut", "public", "passphrase", "Ed25519", "elliptic", "512 bits"],
)
def test_what_is_no_usable_key_is_told_with_its_file(
    content: bytes, expected: str, read: Read, tmp_path: Path
) -> None:
    path = tmp_path / "rsa.key"
    path.touch(0o600)
    path.write_bytes(content)
    [mistake] = told(read, 'selector = "news"\nkey_file = "rsa.key"')
    assert mistake.startswith(f"config.toml:15: dkim.key_file: {tmp_path}/{expected}")


def test_a_key_whose_halves_do_not_belong_together_is_told(read: Read, tmp_path: Path) -> None:
    private = rsa().private
    assert isinstance(private, RSAPrivateKey)
    numbers = private.private_numbers()
    wrong = RSAPrivateNumbers(
        p=numbers.p,
        q=numbers.q,
        d=numbers.d ^ 2,
        dmp1=numbers.dmp1 ^ 2,
        dmq1=numbers.dmq1,
        iqmp=numbers.iqmp,
        public_numbers=numbers.public_numbers,
    )
    path = tmp_path / "rsa.key"
    path.touch(0o600)
    path.write_bytes(pem(wrong.private_key(unsafe_skip_rsa_key_validation=True)))
    [mistake] = told(read, 'selector = "news"\nkey_file = "rsa.key"')
    assert mistake.endswith("rsa.key holds a damaged key, whose signatures do not verify")


@pytest.mark.parametrize("mode", [0o644, 0o604, 0o660, 0o602])
def test_a_key_that_others_may_use_is_refused(mode: int, read: Read, tmp_path: Path) -> None:
    path = key_file(tmp_path / "rsa.key", rsa(), mode)
    [mistake] = told(read, 'selector = "news"\nkey_file = "rsa.key"')
    assert mistake == (
        f"config.toml:15: dkim.key_file: others on this computer may use {path}: `chmod 600 {path}`"
    )


@pytest.mark.parametrize("mode", [0o400, 0o600, 0o640, 0o440])
def test_a_key_that_a_group_may_read_is_taken(mode: int, read: Read, tmp_path: Path) -> None:
    key_file(tmp_path / "rsa.key", rsa(), mode)
    assert len(read('selector = "news"\nkey_file = "rsa.key"').signing_keys()) == 1


def test_two_files_that_are_not_there_are_two_mistakes(read: Read, tmp_path: Path) -> None:
    hint = "; `digest dkim new` makes one"
    assert told(read, BOTH) == [
        f"config.toml:15: dkim.key_file: there is no file {tmp_path}/rsa.key{hint}",
        f"config.toml:17: dkim.ed25519_key_file: there is no file {tmp_path}/keys/ed.key{hint}",
    ]


def test_a_folder_and_a_name_that_no_file_can_have_are_told(read: Read, tmp_path: Path) -> None:
    (tmp_path / "rsa.key").mkdir()
    [mistake] = told(read, 'selector = "news"\nkey_file = "rsa.key"')
    assert mistake.endswith("rsa.key cannot be read: Is a directory")
    assert "cannot be read" in told(read, 'selector = "news"\nkey_file = "a\\u0000b"')[0]


def test_a_key_that_has_gone_since_is_told_when_it_is_read(read: Read, tmp_path: Path) -> None:
    path = key_file(tmp_path / "rsa.key", rsa())
    settings = read('selector = "news"\nkey_file = "rsa.key"')
    path.unlink()
    with pytest.raises(UsageError, match=r"^dkim\.key_file: there is no file .*rsa\.key"):
        settings.signing_keys()


def test_1024_bits_are_taken_and_known_to_be_few(read: Read, tmp_path: Path) -> None:
    key_file(tmp_path / "rsa.key", rsa(1024))
    [key] = read('selector = "news"\nkey_file = "rsa.key"').signing_keys()
    assert key.is_short
    assert not rsa().is_short
    assert not ed25519().is_short
