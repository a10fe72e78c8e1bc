"""A demo's report made by hand, so that its facts can be told without a run."""

from dataclasses import replace
from datetime import UTC, datetime

from digest.demo.caught import Caught
from digest.demo.report import Edition, Reader, Report
from digest.model import Counts, Slot

READERS = tuple(Reader(email=f"reader{number}@mail.example", name=f"Reader {number}") for number in range(6))
EARLY, LAST = READERS[1:3], READERS[4]
SECONDS = dict.fromkeys(("collect", "draft", "freeze", "send", "leave"), 0.5)
FIRST = Edition(
    slot=Slot(name="2026-11-24T07:00", instant=datetime(2026, 11, 24, 12, tzinfo=UTC)),
    subject="A ferry waits",
    stories=("A ferry waits", "A heron is banned"),
    counts=Counts(accepted=6),
    audience=6,
    left=2,
    seconds=SECONDS,
)
SECOND = replace(
    FIRST,
    slot=Slot(name="2026-11-25T07:00", instant=datetime(2026, 11, 25, 12, tzinfo=UTC)),
    subject="Every boat was lit",
    stories=("Every boat was lit",),
    counts=Counts(accepted=3, withdrawn=1),
    audience=4,
    left=1,
)


def message(reader: Reader, edition: Edition) -> Caught:
    return Caught(recipient=reader.email, head=f"Subject: {edition.subject}\r\n\r\n".encode())


CAUGHT = (
    *(message(reader, FIRST) for reader in READERS),
    *(message(reader, SECOND) for reader in READERS if reader not in (*EARLY, LAST)),
)
REPORT = Report(
    readers=READERS,
    import_seconds=0.1,
    first=FIRST,
    second=SECOND,
    early=EARLY,
    last=LAST,
    caught=CAUGHT,
    site_url="http://127.0.0.1:4711",
)
