"""Reads the private keys that sign mail, and says in one sentence what is wrong with a file."""

import stat
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

PrivateKey: TypeAlias = RSAPrivateKey | Ed25519PrivateKey

# RFC 8301 3.2, in bits: signers must not use fewer than 1024 and should use 2048, and no verifier has to read
# more than 4096.
RSA_LEAST, RSA_ADVISED, RSA_MOST = 1024, 2048, 4096

# A key of 4096 bits has 3.2 kB; what is longer is another file.
LONGEST_FILE = 64 * 1024

# What nobody but the owner may do. A group may read: that is how Kubernetes and the like hand a secret to a
# service that does not own the file.
_OTHERS = stat.S_IRWXO | stat.S_IWGRP


@dataclass(frozen=True, kw_only=True)
class SigningKey:
    """A private key, and the name under which the world finds its public half."""

    domain: str
    """The domain that signs, as A-label (RFC 5890)."""
    selector: str
    private: PrivateKey = field(repr=False)

    @property
    def is_short(self) -> bool:
        """Whether it is an RSA key of fewer bits than RFC 8301 3.2 advises."""
        return isinstance(self.private, RSAPrivateKey) and self.private.key_size < RSA_ADVISED

    @property
    def record_name(self) -> str:
        """The DNS name of its record (RFC 6376 3.6.2.1), without a dot at the end."""
        return f"{self.selector}._domainkey.{self.domain}"


def read_key(path: Path, kind: type[PrivateKey]) -> PrivateKey:
    """Read a private key in PEM. Raises ValueError with what is wrong with it, in words for an operator."""
    found = _parsed(path, _octets(path))
    if not isinstance(found, kind):
        wanted = "an RSA key" if kind is RSAPrivateKey else "an Ed25519 key"
        raise ValueError(f"{path} does not hold {wanted}")  # noqa: TRY004 - the file's fault, not the caller's
    if isinstance(found, RSAPrivateKey) and not RSA_LEAST <= found.key_size <= RSA_MOST:
        raise ValueError(
            f"{path} holds an RSA key of {found.key_size} bits; take {RSA_ADVISED}, "
            f"no fewer than {RSA_LEAST} and no more than {RSA_MOST} (RFC 8301)"
        )
    if not _is_whole(found):
        raise ValueError(f"{path} holds a damaged key, whose signatures do not verify")
    return found


def _octets(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            text = file.read(LONGEST_FILE)
            mode = path.stat().st_mode
    except FileNotFoundError as exc:
        raise ValueError(f"there is no file {path}; `digest dkim new` makes one") from exc
    except OSError as exc:
        raise ValueError(f"{path} cannot be read: {exc.strerror}") from exc
    except ValueError as exc:
        raise ValueError(f"cannot be read: {exc}") from exc
    if mode & _OTHERS:
        raise ValueError(f"others on this computer may use {path}: `chmod 600 {path}`")
    return text


def _parsed(path: Path, text: bytes) -> object:
    try:
        # Proving that an RSA key's factors are primes takes 40 ms, in every command; `_is_whole` takes one.
        return load_pem_private_key(text, None, unsafe_skip_rsa_key_validation=True)
    except TypeError as exc:
        raise ValueError(f"{path} is locked with a passphrase, which a service cannot type") from exc
    except (ValueError, UnsupportedAlgorithm) as exc:
        if b"PUBLIC KEY" in text:
            raise ValueError(f"{path} holds a public key; the private one signs") from exc
        raise ValueError(f"{path} holds no private key in PEM") from exc


def _is_whole(key: PrivateKey) -> bool:
    """Tell whether a key's two halves belong together, by a signature."""
    probe = b"digest"
    try:
        if isinstance(key, RSAPrivateKey):
            signature = key.sign(probe, PKCS1v15(), hashes.SHA256())
            key.public_key().verify(signature, probe, PKCS1v15(), hashes.SHA256())
        else:
            key.public_key().verify(key.sign(probe), probe)
    except (InvalidSignature, ValueError):
        return False
    return True
