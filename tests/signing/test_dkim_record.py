"""The DNS record of a key, as it is pasted into a form or a zone file."""

import re
from base64 import b64decode

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key
from dkim_samples import ed25519, rsa

from digest.config import SigningKey
from digest.dkim import record, zone_line


def test_an_rsa_record_holds_the_public_key() -> None:
    head, _, text = record(rsa()).partition(" p=")
    assert head == "v=DKIM1; k=rsa;"
    public = load_der_public_key(b64decode(text))
    assert isinstance(public, RSAPublicKey)
    assert public == rsa().private.public_key()


def test_an_ed25519_record_holds_the_bare_32_octets() -> None:
    head, _, text = record(ed25519()).partition(" p=")
    assert head == "v=DKIM1; k=ed25519;"
    assert len(b64decode(text)) == 32


@pytest.mark.parametrize("key", [rsa(), ed25519()], ids=["rsa", "ed25519"])
def test_a_zone_file_has_it_in_strings_of_255_octets(key: SigningKey) -> None:
    line = zone_line(key)
    assert line.startswith(f"{key.selector}._domainkey.ledger.example. IN TXT (")
    strings = re.findall(r'"([^"]*)"', line)
    assert "".join(strings) == record(key)
    assert max(map(len, strings)) <= 255
