"""The section about DKIM: which keys sign, for whom, and what is wrong with what is said about them.

A field's docstring is its help in `digest config schema` and in the message about a missing key.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from pydantic import AfterValidator, ValidationInfo, field_validator

from digest.address import normalise
from digest.config.addresses import Line
from digest.config.keyfile import PrivateKey, SigningKey, read_key
from digest.config.section import Section
from digest.errors import AddressError, UsageError

# RFC 6376 3.1: labels of letters, digits and inner hyphens (RFC 5321 4.1.2), each of 63 octets at most.
_LABEL = r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_SELECTOR = re.compile(rf"{_LABEL}(?:\.{_LABEL}){{0,9}}")

# The keys of the section that name a file, and what it holds.
_KINDS: dict[str, type[PrivateKey]] = {"key_file": RSAPrivateKey, "ed25519_key_file": Ed25519PrivateKey}


def signing_domain(text: str) -> str:
    """Read a domain, or nothing; give it in lower case and as A-label (RFC 5890)."""
    if not text:
        return text
    try:
        found = normalise(f"dkim@{text}").rpartition("@")[2]
    except AddressError:
        found = ""
    if "." not in found:
        raise ValueError('must be a domain, as "ledger.example"')
    return found


def selector(text: str) -> str:
    """Read a selector (RFC 6376 3.1), or nothing."""
    if text and not _SELECTOR.fullmatch(text):
        raise ValueError('must be a name of letters, digits and hyphens, as "news"')
    return text


Selector = Annotated[Line, AfterValidator(selector)]


class Dkim(Section):
    """Signing, where the relay does not sign. Without a key nothing is signed."""

    domain: Annotated[Line, AfterValidator(signing_domain)] = ""
    """The domain that signs; the one of `from`, if empty."""
    selector: Selector = ""
    """The name under which the public key is published: SELECTOR._domainkey.DOMAIN."""
    key_file: Line = ""
    """The file with the private RSA key, in PEM."""
    ed25519_selector: Selector = ""
    """The name under which the second public key is published."""
    ed25519_key_file: Line = ""
    """The file with a private Ed25519 key, for a second signature (RFC 8463)."""

    @field_validator("key_file")
    @classmethod
    def _key_file(cls, name: str, info: ValidationInfo) -> str:
        if name and info.data.get("selector") == "":
            raise ValueError("needs a selector, the name under which its public half is published")
        if not name and (info.data.get("selector") or info.data.get("domain")):
            raise ValueError("is missing: without it nothing is signed; `digest dkim new` makes one")
        return name

    @field_validator("ed25519_selector")
    @classmethod
    def _ed25519_selector(cls, name: str, info: ValidationInfo) -> str:
        if name and name.lower() == str(info.data.get("selector", "")).lower():
            raise ValueError("must not be the selector of the RSA key: a name stands for one key")
        return name

    @field_validator("ed25519_key_file")
    @classmethod
    def _ed25519_key_file(cls, name: str, info: ValidationInfo) -> str:
        if name and info.data.get("ed25519_selector") == "":
            raise ValueError("needs an ed25519_selector, the name under which its public half is published")
        if not name and info.data.get("ed25519_selector"):
            raise ValueError("is missing: without it there is no second signature")
        if name and info.data.get("key_file") == "":
            raise ValueError("goes beside a key_file: some mailbox providers read RSA alone")
        return name

    def aligns(self, sender: str) -> bool:
        """Tell whether a signature counts for mail from this domain under DMARC (RFC 7489 3.1.1, relaxed).

        That wants one organizational domain. Without the list of public suffixes, one domain has to be the
        other's, or lie below it.
        """
        mine = self.domain or sender
        return f".{mine}".endswith(f".{sender}") or f".{sender}".endswith(f".{mine}")

    def keys(self, folder: Path) -> tuple[SigningKey, ...]:
        """Read the keys from their files, RSA first; none where nothing is signed.

        `folder` is where relative paths start. Raises UsageError for a file that is no longer as it was when
        the settings were read.
        """
        files = ((self.selector, "key_file"), (self.ed25519_selector, "ed25519_key_file"))
        return tuple(
            SigningKey(domain=self.domain, selector=name, private=self._read(folder, key))
            for name, key in files
            if getattr(self, key)
        )

    def _read(self, folder: Path, key: str) -> PrivateKey:
        try:
            return read_key(folder / getattr(self, key), _KINDS[key])
        except ValueError as exc:
            raise UsageError(f"dkim.{key}: {exc}.") from exc


def key_mistakes(dkim: Mapping[str, object], folder: Path) -> Iterator[tuple[tuple[str, ...], str]]:
    """Give the keys of the section whose file is of no use, and why."""
    for key, kind in _KINDS.items():
        name = dkim.get(key)
        if isinstance(name, str) and name.strip():
            try:
                read_key(folder / name.strip(), kind)
            except ValueError as exc:
                yield ("dkim", key), str(exc)
