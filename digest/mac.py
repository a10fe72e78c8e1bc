"""HMAC-SHA256 (RFC 2104) under a key that makes many: its two padded blocks are hashed once.

The library hashes them anew each time, and looks its algorithm up: a sixth of what a message costs.
"""

from functools import lru_cache
from hashlib import sha256

_BLOCK = 64


class Mac:
    """Authenticates messages under one key."""

    def __init__(self, key: bytes) -> None:
        block = (key if len(key) <= _BLOCK else sha256(key).digest()).ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(octet ^ 0x36 for octet in block))
        self._outer = sha256(bytes(octet ^ 0x5C for octet in block))

    def digest(self, message: bytes) -> bytes:
        """Give the 32 octets of a message."""
        inner, outer = self._inner.copy(), self._outer.copy()
        inner.update(message)
        outer.update(inner.digest())
        return outer.digest()


@lru_cache(maxsize=64)
def mac(key: bytes) -> Mac:
    """Give what authenticates under a key; made once."""
    return Mac(key)
