"""HMAC-SHA256 (RFC 2104) under a key that makes many: its two padded blocks are hashed once.

The library hashes them anew each time, and looks its algorithm up: a sixth of what a message costs.
"""

import itertools
from functools import lru_cache
from hashlib import sha256

LETTERS = 16
"""How many `Mac.letters` gives: 80 bits in base32 (RFC 4648 6), none of them padding."""

_BLOCK = 64

# Written by pairs, ten bits each: the library's way takes a sixth of what a message takes.
_PAIRS = ["".join(pair) for pair in itertools.product("abcdefghijklmnopqrstuvwxyz234567", repeat=2)]
_OCTETS = LETTERS * 5 // 8
_SHIFTS = range(_OCTETS * 8 - 10, -1, -10)


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

    def letters(self, message: bytes) -> str:
        """Give a message's code in 16 letters and digits (base32, lower case): case may be lost."""
        number = int.from_bytes(self.digest(message)[:_OCTETS], "big")
        return "".join([_PAIRS[number >> shift & 1023] for shift in _SHIFTS])


@lru_cache(maxsize=64)
def mac(key: bytes) -> Mac:
    """Give what authenticates under a key; made once."""
    return Mac(key)
