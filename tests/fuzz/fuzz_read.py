"""Fuzzes reading with Atheris, where that is installed: `python tests/fuzz/fuzz_read.py [FOLDER]`.

Stops at the first body that raises anything but a FeedError, or takes more than ten seconds, and keeps it.
"""

import sys
from datetime import UTC, datetime
from pathlib import Path

import atheris  # type: ignore[import-untyped]  # there where it was installed by hand

with atheris.instrument_imports(include=["digest.feed", "feedparser"]):
    from digest.errors import FeedError
    from digest.feed.read import read

NOW = datetime(2026, 11, 24, tzinfo=UTC)
SEEDS = Path(__file__).parent.parent / "feed" / "data"
CHARSETS = ("", "; charset=utf-8", "; charset=iso-8859-1", "; charset=utf-16", "; charset=nonsense")


def one(data: bytes) -> None:
    """Read one body; its first octet chooses the charset that the header names."""
    if not data:
        return
    header = {"content-type": "text/xml" + CHARSETS[data[0] % len(CHARSETS)]}
    try:
        reading = read(data[1:], header, url="https://ledger.example/feed/", now=NOW)
    except FeedError:
        return
    for article in reading.articles:
        repr(article).encode()


if __name__ == "__main__":
    folder = sys.argv[1:2] or [str(SEEDS)]
    atheris.Setup([sys.argv[0], "-timeout=10", "-max_len=60000", *folder, *sys.argv[2:]], one)
    atheris.Fuzz()
