"""Erasure: nothing anywhere tells whom it was, not even the file."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from ledger_scene import NOW, readers
from sqlmodel import Session

from digest.address import suppression_key
from digest.bounce.report import Kind, Recipient, Verdict
from digest.marks import Proof
from digest.model import Channel, Subscriber
from digest.store import (
    bounces,
    erasure,
    installation,
    newaddress,
    preferences,
    readermail,
    returned,
    subscribers,
)
from digest.store.bounces import Evidence
from digest.store.database import Store
from digest.store.prepared import hand
from digest.store.subscribers import Newcomer, Visit
from digest.store.tables import metadata
from digest.whose import About

EVA = "Eva.Lind@ledger.example"
VISIT = Visit(channel=Channel.PAGE, ip="192.0.2.7", agent="Evas-Browser/1.0")


def eva(store: Store) -> Subscriber:
    """One of whom there is something in every table that knows people."""
    newcomer = Newcomer(email=EVA, name="Eva Lind", newsletter="daily", consent="on paper, by Eva Lind")
    with store.write() as session:
        subscribers.add(session, [newcomer], NOW)
        found = subscribers.find(session, EVA)
        assert found is not None
        preferences.pause(session, found.id, NOW + timedelta(days=7), VISIT, NOW)
        newaddress.ask(session, found.id, "eva.private@mail.example", VISIT, NOW)
        readermail.queue(hand(session), kind="welcome", subscriber_id=found.id, email=EVA, now=NOW)
        subscribers.leave(session, found.id, ["daily"], VISIT, NOW)
        said = Evidence(reason="dead", text=f"550 <{EVA}>: no such user")
        bounces.remember(session, EVA, said, NOW)
        came_back(session, found.id)
    return found


def came_back(session: Session, reader: int) -> None:
    """Book a bounce of a message to Eva, longer than a page of the file."""
    raw = f"To: {EVA}\n{'.' * 5000}\n<{EVA}>: no such user".encode()
    report = Recipient(address=EVA, verdict=Verdict.HARD, evidence=f"550 <{EVA}>: no such user")
    about = About(kind=Kind.BOUNCE, recipient=report, proof=Proof.VERP, subscriber_id=reader)
    booked, _ = returned.book(session, key="sha256:1", at=NOW, source="imap", kind="bounce", reason="")
    returned.fill(session, booked, [(about, "suppressed")], raw=raw)


def dump(store: Store) -> str:
    with store.read() as session:
        rows: list[Any] = []
        for table in metadata.sorted_tables:
            rows += session.connection().execute(sa.select(table))
    return "\n".join(map(repr, rows)).lower()


def test_no_row_anywhere_names_who_was_erased(store: Store) -> None:
    reader = eva(store)
    before = dump(store)
    for trace in ("eva.lind@", "eva.private@", "eva lind", "192.0.2.7", "evas-browser"):
        assert trace in before
    with store.write() as session:
        erasure.erase(session, reader, NOW)
        key = suppression_key(EVA, installation.permanent_key(session))
    after = dump(store)
    for trace in ("eva", "lind@", "192.0.2.7"):
        assert trace not in after
    assert key in after


def test_another_readers_wish_to_have_the_address_is_forgotten_with_it(store: Store) -> None:
    one, other = readers(store, 2)
    with store.write() as session:
        assert newaddress.ask(session, other, "READER1@ledger.example", Visit(channel=Channel.PAGE), NOW)
        reader = subscribers.get(session, one)
        assert reader is not None
        erasure.erase(session, reader, NOW)
    assert "reader1@" not in dump(store)


def test_who_erases_is_noted_with_nothing_but_the_number_of_whom(store: Store) -> None:
    reader = eva(store)
    with store.write() as session:
        erasure.erase(session, reader, NOW, Channel.PAGE)
    event = metadata.tables["event"]
    with store.read() as session:
        [row] = session.connection().execute(sa.select(event).where(event.c.kind == "subscriber.erased"))
    assert (row.subscriber_id, row.channel) == (reader.id, Channel.PAGE)
    assert (row.newsletter, row.ip, row.agent, row.detail) == ("", "", "", "")


def test_others_are_left_as_they_are(store: Store) -> None:
    (other,) = readers(store, 1)
    with store.write() as session:
        newaddress.ask(session, other, "reader.new@mail.example", VISIT, NOW)
        preferences.speak(session, other, "de", VISIT, NOW)
    reader = eva(store)
    with store.write() as session:
        erasure.erase(session, reader, NOW)
    with store.read() as session:
        kept = preferences.read(session, other, NOW)
    assert kept is not None
    assert (kept.new_address, kept.language, kept.subscriber.newsletters) == (
        "reader.new@mail.example",
        "de",
        ("daily",),
    )
    assert "192.0.2.7" in dump(store)


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_the_file_itself_holds_the_address_no_more(store: Store) -> None:
    readers(store, 300)
    reader = eva(store)
    readers(store, 300, first=301)
    assert store.path is not None
    checkpoint(store)
    assert b"Eva.Lind@" in store.path.read_bytes()
    with store.write() as session:
        erasure.erase(session, reader, NOW)
    checkpoint(store)
    held = store.path.read_bytes().lower()
    for trace in (b"eva.lind@", b"eva.private@", b"eva lind", b"evas-browser"):
        assert trace not in held


def checkpoint(store: Store) -> None:
    with store.write() as session:
        # Outside of a transaction, as SQLite wants it.
        session.connection().exec_driver_sql("COMMIT")
        session.connection().exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        session.connection().exec_driver_sql("BEGIN IMMEDIATE")
