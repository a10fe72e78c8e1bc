"""The same thing twice counts once: read again, by two processes at once, or after a crash."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from comeback_scene import BOUNCES, DAY, FULL, Room, address, arf, dsn, letter
from ledger_scene import NOW

from digest.bounce.parts import READ_OCTETS
from digest.bounce.read import read
from digest.bounce.report import Report
from digest.errors import StoreError
from digest.model import SubscriberState
from digest.publish.returned import Arrival, Outcome, mail_key, take_in
from digest.store import returned
from digest.store.database import Store

ACTIVE, SUPPRESSED = SubscriberState.ACTIVE, SubscriberState.SUPPRESSED


@pytest.fixture
def room(store: Store, tmp_path: Path) -> Room:
    made = Room(store=store, folder=tmp_path)
    made.subscribe(2)
    return made


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """The same database, as another process has it."""
    with closing(Store(store.url.render_as_string(hide_password=False))) as second:
        yield second


def at_once(acts: Sequence[Callable[[], Outcome]]) -> list[Outcome]:
    start, results = threading.Barrier(len(acts)), list[Outcome]()

    def run(act: Callable[[], Outcome]) -> None:
        start.wait()
        results.append(act())

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def counted(room: Room) -> tuple[int, int, int, int]:
    row = room.rows("subscriber")[0]
    return (
        len(room.rows("returned")),
        len(room.rows("returned_about")),
        len(room.events("bounce.soft")),
        row.soft_bounces,
    )


def test_the_same_bytes_by_another_way_change_nothing(room: Room) -> None:
    raw = dsn(FULL, head=room.head(room.mail(), room.ids[0]))
    first = room.take(raw)
    again = room.take(raw, source="imap")
    assert (first.is_new, again.is_new) == (True, False)
    assert again == replace(first, is_new=False)
    assert counted(room) == (1, 1, 1, 1)


MAILS: dict[str, Callable[[Room, int], bytes]] = {
    "a bounce": lambda room, issue: dsn(head=room.head(issue, 1)),
    "forged": lambda _, issue: dsn(head=f"Message-ID: <{issue}.1.{'a' * 16}@x.example>\n"),
    "contradictory": lambda room, issue: dsn(sent_to=room.verp(issue, 1), head=room.head(issue, 2)),
    "a wish without proof": lambda *_: letter(sender=address(1), to=BOUNCES),
    "a stranger's letter": lambda *_: letter(sender="x@mail.example", to=BOUNCES, subject="Hello"),
    "a note": lambda *_: letter(sender=address(1), to=BOUNCES, head="Auto-Submitted: auto-replied\n"),
}


@pytest.mark.parametrize("mail", MAILS.values(), ids=MAILS)
def test_after_a_crash_between_booking_and_moving_it_is_found_as_it_was_judged(
    room: Room, mail: Callable[[Room, int], bytes]
) -> None:
    raw = mail(room, room.mail())
    first = room.take(raw)
    before = [room.rows(table) for table in ("subscriber", "event", "suppression", "reader_mail")]
    again = room.take(raw)
    assert again == replace(first, is_new=False)
    assert [room.rows(table) for table in ("subscriber", "event", "suppression", "reader_mail")] == before


@pytest.mark.parametrize("process", range(3))
def test_two_processes_that_book_the_same_at_once_count_it_once(
    room: Room, other: Store, process: int
) -> None:
    raw = dsn(FULL, head=room.head(room.mail(), room.ids[0]), sent_to=f"copy{process}@ledger.example")
    desk = room.desk
    arrival = Arrival(key=mail_key(raw), source="maildir", raw=raw)
    desks = [desk, replace(desk, store=other)] * 2
    results = at_once([partial(take_in, desk, arrival) for desk in desks])
    assert sorted(one.is_new for one in results) == [False, False, False, True]
    assert {one.id for one in results} == {results[0].id}
    assert counted(room) == (1, 1, 1, 1)


def test_different_reports_about_one_reader_at_once_are_all_booked_and_count_once(
    room: Room, other: Store
) -> None:
    head = room.head(room.mail(), room.ids[0])
    desk = room.desk
    raws = [dsn(FULL, head=f"{head}X-Copy: {number}\n") for number in range(4)]
    acts = [
        partial(take_in, desk, Arrival(key=mail_key(raw), source="maildir", raw=raw))
        for raw, desk in zip(raws, [desk, replace(desk, store=other)] * 2, strict=True)
    ]
    results = at_once(acts)
    assert sorted(one.effects for one in results) == [(), (), (), ("soft",)]
    assert room.rows("subscriber")[0].soft_bounces == 1


def test_readers_of_two_reports_in_opposite_order_never_wait_for_each_other(room: Room, other: Store) -> None:
    room.mail()
    desk = room.desk
    arrivals = [
        Arrival(key=f"ses:{pair}", source="ses", raw=b"{}", reports=reports(*pair), trusted=True)
        for pair in ((1, 2), (2, 1))
    ]
    acts = [
        partial(take_in, here, arrival)
        for here, arrival in zip([desk, replace(desk, store=other)], arrivals, strict=True)
    ]
    effects = sorted(one.effects for one in at_once(acts))
    assert effects == [(), ("suppressed", "suppressed")]
    assert room.states == [SUPPRESSED, SUPPRESSED]


def reports(*numbers: int) -> tuple[Report, ...]:
    return tuple(read(dsn(about=address(number))) for number in numbers)


def test_where_the_ledger_cannot_be_written_nothing_has_changed_and_it_is_taken_in_later(room: Room) -> None:
    raw = dsn(head=room.head(room.mail(), room.ids[0]))
    with room.store.write() as session:
        session.connection().execute(sa.text("ALTER TABLE suppression RENAME TO away"))
    with pytest.raises(StoreError):
        room.take(raw)
    with room.store.write() as session:
        session.connection().execute(sa.text("ALTER TABLE away RENAME TO suppression"))
    assert (room.rows("returned"), room.states) == ([], [ACTIVE, ACTIVE])
    assert room.take(raw).effects == ("suppressed",)


def test_raw_texts_are_kept_for_some_days_and_what_they_said_of_strangers_with_them(room: Room) -> None:
    room.take(dsn(head=room.head(room.mail(), room.ids[0])))
    room.take(dsn(about="stranger@mail.example"))
    room.clock.now += DAY
    late = room.take(arf("", about="stranger@mail.example"))
    with room.store.write() as session:
        assert returned.purge(session, keep_days=30, now=NOW + timedelta(days=30, hours=1)) == 2
    assert [row.id for row in room.rows("returned") if row.raw is not None] == [late.id]
    assert [(row.returned_id, row.subscriber_id) for row in room.rows("returned_about") if row.evidence] == [
        (1, room.ids[0]),
        (late.id, None),
    ]


def test_of_a_long_mail_no_more_is_kept_than_is_read(room: Room) -> None:
    raw = dsn(head=room.head(room.mail(), room.ids[0])) + b"x" * 2 * READ_OCTETS
    assert room.take(raw).effects == ("suppressed",)
    (row,) = room.rows("returned")
    assert len(row.raw) == READ_OCTETS


ODD = {
    "a NUL in the answer": dsn("550 5.1.1 <{address}>: user\0 unknown"),
    "NULs everywhere": dsn().replace(b"e", b"\0e"),
    "no text at all": b"",
    "octets of no charset": dsn().replace(b"unknown", b"\xff\xfeunknown"),
}


@pytest.mark.parametrize("raw", ODD.values(), ids=ODD)
def test_what_a_database_takes_for_no_text_is_booked_all_the_same(room: Room, raw: bytes) -> None:
    issue = room.mail()
    assert room.take(raw, sent_to=(room.verp(issue, room.ids[0]),)).is_new
    assert [row.raw for row in room.rows("returned")] == [raw]
