"""That the time in which a signed text is refused tells nothing of it: each key, always, in constant time."""

import hmac
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import FrameType
from typing import Any

import pytest

from digest import links, signup
from digest.errors import TokenError
from digest.links import Keys, Link, LinkKind
from digest.signup import Mark

KEYS = tuple(bytes([letter]) * 32 for letter in b"abcde")
NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
LINK = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=7, issue_id=3)


def link(key: bytes) -> str:
    return links.sign(LINK, (key,))


def mark(key: bytes) -> str:
    return signup.signed_mark(Mark(at=NOW, url="https://ledger.example/"), (key,))


def read_link(text: str, keys: Keys) -> bool:
    try:
        return links.read(text, keys) == LINK
    except TokenError:
        return False


def read_mark(text: str, keys: Keys) -> bool:
    return signup.read_mark(text, keys, NOW) is not None


def compared(act: Callable[[], bool]) -> tuple[bool, int]:
    """What is answered, and how often it was compared in constant time meanwhile."""
    count = 0

    def watch(_frame: FrameType, event: str, called: Any) -> None:
        nonlocal count
        count += event == "c_call" and called is hmac.compare_digest

    sys.setprofile(watch)
    try:
        answer = act()
    finally:
        sys.setprofile(None)
    return answer, count


@pytest.mark.parametrize(("sign", "read"), [(link, read_link), (mark, read_mark)], ids=["link", "mark"])
@pytest.mark.parametrize("signer", [*KEYS, b"z" * 32], ids="abcdez")
def test_every_key_is_compared_with_whichever_has_signed(
    sign: Callable[[bytes], str], read: Callable[[str, Keys], bool], signer: bytes
) -> None:
    text = sign(signer)
    assert compared(lambda: read(text, KEYS)) == (signer in KEYS, len(KEYS))


@pytest.mark.parametrize("at", [0, 8, -1])
def test_a_forged_end_is_refused_no_sooner_than_a_forged_beginning(at: int) -> None:
    text = [*mark(KEYS[0])]
    text[at] = "A" if text[at] != "A" else "B"
    assert compared(lambda: read_mark("".join(text), KEYS))[1] == len(KEYS)
