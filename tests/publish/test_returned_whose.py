"""Whose it is that came back: the right reader is suppressed, and nobody without proof."""

from collections.abc import Callable
from pathlib import Path

import pytest
from comeback_scene import (
    BLOCKED,
    BOUNCES,
    DAY,
    DISABLED,
    FULL,
    PUBLIC,
    READ,
    UNKNOWN,
    VERP,
    Room,
    address,
    dsn,
    letter,
    move,
)
from ledger_scene import NOW

from digest import links, message
from digest.address import suppression_key
from digest.bounce.read import read
from digest.bounce.report import Kind, Report
from digest.links import Link, LinkKind
from digest.model import SubscriberState
from digest.publish.returned import Arrival, Outcome, take_in
from digest.store.database import Store
from digest.verp import Mark, Marker, Purpose

ACTIVE, SUPPRESSED = SubscriberState.ACTIVE, SubscriberState.SUPPRESSED
OTHERS = b"o" * 32
"""A key of another installation."""


@pytest.fixture
def room(store: Store, tmp_path: Path) -> Room:
    made = Room(store=store, folder=tmp_path)
    made.subscribe(3)
    return made


def only_first(room: Room) -> bool:
    """Whether the first reader is suppressed, and nobody else is touched."""
    return room.states == [SUPPRESSED, ACTIVE, ACTIVE]


BY_MARK: dict[str, Callable[[Room, int, int], bytes]] = {
    "verp": lambda room, issue, reader: dsn(sent_to=room.verp(issue, reader)),
    "message-id": lambda room, issue, reader: dsn(head=f"Message-ID: {room.message_id(issue, reader)}\n"),
    "delivery": lambda room, issue, reader: dsn(
        head=f"Message-ID: <010f@email.amazonses.com>\nX-Digest-Delivery: {room.message_id(issue, reader)}\n"
    ),
    "message-id and link": lambda room, issue, reader: dsn(head=room.head(issue, reader)),
    "all of them": lambda room, issue, reader: dsn(
        sent_to=room.verp(issue, reader).upper(), head=room.head(issue, reader)
    ),
}


PROOFS = ["verp", "message-id", "message-id", "message-id", "verp"]


@pytest.mark.parametrize(("bounce", "proof"), list(zip(BY_MARK.values(), PROOFS, strict=True)), ids=BY_MARK)
def test_whose_message_it_was_is_suppressed_at_once_and_nobody_else(
    room: Room, bounce: Callable[[Room, int, int], bytes], proof: str
) -> None:
    issue, first = room.mail(), room.ids[0]
    done = room.take(bounce(room, issue, first))
    assert only_first(room)
    assert (done.kind, done.is_new, done.understood, done.effects) == (
        Kind.BOUNCE,
        True,
        True,
        ("suppressed",),
    )
    assert room.events("bounce.hard", "subscriber.suppressed") == [
        ("bounce.hard", first, issue),
        ("subscriber.suppressed", first, issue),
    ]
    (kept,) = room.rows("suppression")
    assert kept.evidence == UNKNOWN.format(address=address(1))
    (about,) = room.rows("returned_about")
    assert (about.subscriber_id, about.issue_id, about.domain) == (first, issue, "ledger.example")
    assert about.proof == proof


def test_a_forward_that_fails_is_held_against_its_reader_the_second_time_days_later(room: Room) -> None:
    for day, effect in ((0, "disabled"), (1, "disabled"), (3, "suppressed")):
        assert room.states == [ACTIVE] * 3
        room.clock.now = NOW + day * DAY
        sent_to = room.verp(room.mail(), room.ids[0])
        assert room.take(dsn(about="elsewhere@mail.example", sent_to=sent_to)).effects == (effect,)
    assert only_first(room)


def test_an_envelope_that_the_way_in_knows_comes_before_the_header(room: Room) -> None:
    issue = room.mail()
    done = room.take(dsn(sent_to=room.verp(issue, room.ids[1])), sent_to=(room.verp(issue, room.ids[0]),))
    assert only_first(room)
    assert done.effects == ("suppressed",)


def wrong(text: str) -> str:
    """Change one letter of a mark's MAC."""
    place = text.index("@") - 1
    return text[:place] + ("a" if text[place] != "a" else "b") + text[place + 1 :]


def another_verp(issue: int, reader: int) -> str:
    return Marker(BOUNCES, "+", OTHERS)(Mark(Purpose.BOUNCE, issue, reader, 1))


def anothers_id(issue: int, reader: int) -> str:
    return message.message_id(key=OTHERS, issue_id=issue, subscriber_id=reader, domain="other.example")


def anothers_link(issue: int, reader: int) -> str:
    link = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=reader, issue_id=issue)
    return links.unsubscribe_url(PUBLIC, link, [OTHERS])


FORGED: dict[str, Callable[[Room, int, int], bytes]] = {
    "verp": lambda room, issue, reader: dsn(sent_to=wrong(room.verp(issue, reader))),
    "verp beside good marks": lambda room, issue, reader: dsn(
        sent_to=wrong(room.verp(issue, reader)), head=room.head(issue, reader)
    ),
    "message-id": lambda room, issue, reader: dsn(
        head=f"Message-ID: {wrong(room.message_id(issue, reader))}\n"
    ),
    "delivery beside a good link": lambda room, issue, reader: dsn(
        head=f"X-Digest-Delivery: {wrong(room.message_id(issue, reader))}\n"
        f"List-Unsubscribe: <{room.link(issue, reader)}>\n"
    ),
    "link": lambda room, issue, reader: dsn(head=f"List-Unsubscribe: <{room.link(issue, reader)}A>\n"),
    "another installation's verp": lambda _, issue, reader: dsn(sent_to=another_verp(issue, reader)),
    "another installation's message": lambda _, issue, reader: dsn(
        head=f"Message-ID: {anothers_id(issue, reader)}\nX-Digest-Delivery: {anothers_id(issue, reader)}\n"
    ),
    "another installation's link": lambda _, issue, reader: dsn(
        head=f"List-Unsubscribe: <{anothers_link(issue, reader)}>\n"
    ),
}


@pytest.mark.parametrize("bounce", FORGED.values(), ids=FORGED)
def test_a_mark_that_is_not_ours_changes_nobody_however_often_it_comes(
    room: Room, bounce: Callable[[Room, int, int], bytes]
) -> None:
    for day in (0, 4):
        room.clock.now = NOW + day * DAY
        issue = room.mail()
        done = room.take(bounce(room, issue, room.ids[0]))
        assert (done.effects, done.understood) == ((), True)
    assert room.states == [ACTIVE] * 3
    assert room.rows("suppression") == []
    assert room.events("bounce.hard") == []
    assert {one.proof for one in room.rows("returned_about")} == {"forged"}


CONTRADICTORY: dict[str, Callable[[Room, int, int, int], bytes]] = {
    "readers": lambda room, issue, one, two: dsn(sent_to=room.verp(issue, one), head=room.head(issue, two)),
    "two addresses": lambda room, issue, one, two: dsn(
        sent_to=f"{room.verp(issue, one)}\nX-Original-To: {room.verp(issue, two)}"
    ),
    "issues": lambda room, issue, one, _: dsn(
        sent_to=room.verp(issue, one), head=f"X-Digest-Delivery: {room.message_id(issue + 1, one)}\n"
    ),
    "versions": lambda room, issue, one, _: dsn(
        sent_to=room.verp(issue, one, 2), head=f"List-Unsubscribe: <{room.link(issue, one)}>\n"
    ),
}


@pytest.mark.parametrize("bounce", CONTRADICTORY.values(), ids=CONTRADICTORY)
def test_marks_that_contradict_each_other_change_nobody_and_are_looked_at(
    room: Room, bounce: Callable[[Room, int, int, int], bytes]
) -> None:
    done = room.take(bounce(room, room.mail(), *room.ids[:2]))
    assert (done.effects, done.understood) == ((), False)
    assert room.states == [ACTIVE] * 3


def test_a_damaged_link_beside_our_message_id_does_not_matter(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    head = (
        f"Message-ID: {room.message_id(issue, first)}\nList-Unsubscribe: <{room.link(issue, first)[:-3]}>\n"
    )
    room.take(dsn(head=head))
    assert only_first(room)


@pytest.mark.parametrize("kind", [LinkKind.INERT, LinkKind.PREFERENCES])
def test_a_link_of_another_kind_proves_nothing(room: Room, kind: LinkKind) -> None:
    issue = room.mail()
    link = room.link(issue, room.ids[0], kind=kind)
    done = room.take(dsn(about="x@mail.example", head=f"List-Unsubscribe: <{link}>\n"))
    assert (done.effects, room.states) == ((), [ACTIVE] * 3)


NO_EVIDENCE = {
    "relayed": dsn(action="relayed"),
    "delivered": dsn(action="delivered"),
    "delayed": dsn("451 4.4.1 <{address}>: timed out", action="delayed"),
    "delayed for an unknown user": dsn(action="delayed"),
}


@pytest.mark.parametrize("bounce", NO_EVIDENCE.values(), ids=NO_EVIDENCE)
def test_what_is_no_failure_changes_nobody(room: Room, bounce: bytes) -> None:
    issue = room.mail()
    done = room.take(bounce, sent_to=(room.verp(issue, room.ids[0]),))
    assert (done.effects, done.understood, room.states) == ((), True, [ACTIVE] * 3)
    assert room.events("bounce.hard", "bounce.soft", "bounce.ours") == []


def test_what_is_our_own_fault_is_noted_and_touches_nobody(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    done = room.take(dsn(BLOCKED), sent_to=(room.verp(issue, first),))
    assert (done.effects, room.states) == ((), [ACTIVE] * 3)
    assert room.events("bounce.ours") == [("bounce.ours", first, issue)]


def test_the_address_alone_is_believed_the_second_time_days_later(room: Room) -> None:
    room.mail()
    assert room.take(dsn()).effects == ("disabled",)
    room.clock.now += DAY
    room.mail()
    assert room.take(dsn(at=room.clock())).effects == ("disabled",)
    room.clock.now += 2 * DAY
    room.mail()
    assert room.take(dsn(at=room.clock())).effects == ("suppressed",)
    assert only_first(room)


LINKED: dict[str, Callable[[Room, int, int], str]] = {
    "link": lambda room, issue, reader: room.link(issue, reader),
    "mailto": lambda room, issue, reader: f"mailto:{room.verp(issue, reader, wish=True)}?subject=unsubscribe",
}


@pytest.mark.parametrize("link", LINKED.values(), ids=LINKED)
@pytest.mark.parametrize(("environ", "effects"), [(READ, ("disabled",)), (VERP, ())], ids=["plain", "verp"])
def test_a_link_which_readers_pass_on_makes_a_bounce_worth_no_more_than_the_address(
    room: Room,
    link: Callable[[Room, int, int], str],
    environ: dict[str, str],
    effects: tuple[str, ...],
) -> None:
    room.environ = environ
    head = f"List-Unsubscribe: <{link(room, room.mail(), room.ids[0])}>\n"
    assert room.take(dsn(head=head)).effects == effects
    assert room.take(dsn(about="elsewhere@mail.example", head=head)).effects == ()
    assert {one.proof for one in room.rows("returned_about")} == {"address", ""}


def test_the_address_alone_is_not_believed_where_nothing_was_mailed_to_it_lately(room: Room) -> None:
    assert room.take(dsn()).effects == ()
    room.mail()
    room.clock.now += 8 * DAY
    assert room.take(dsn(at=room.clock())).effects == ()
    assert room.rows("subscriber")[0].disabled_at is None


def test_the_address_alone_means_nothing_where_each_message_bears_a_mark(room: Room) -> None:
    room.environ = VERP
    for day in (0, 4):
        room.clock.now = NOW + day * DAY
        room.mail()
        assert room.take(dsn(at=room.clock())).effects == ()
    assert room.states == [ACTIVE] * 3
    assert room.events("bounce.hard") == []


@pytest.mark.parametrize("said", [FULL, BLOCKED])
def test_the_address_alone_counts_no_soft_bounce(room: Room, said: str) -> None:
    room.mail()
    assert room.take(dsn(said)).effects == ()
    assert room.rows("subscriber")[0].soft_bounces == 0


def test_a_provider_that_has_proved_itself_needs_no_mark(room: Room) -> None:
    issue = room.mail()
    done = hooked(room, dsn())
    assert (done.effects, only_first(room)) == (("suppressed",), True)
    assert room.events("bounce.hard") == [("bounce.hard", room.ids[0], issue)]


def hooked(room: Room, raw: bytes) -> Outcome:
    """Take in what a mail says, as a hook that has proved itself brings it."""
    reports = (read(raw),)
    return take_in(room.desk, Arrival(key="ses:1", source="ses", raw=b"{}", reports=reports, trusted=True))


MARKED: dict[str, Callable[[Room, int, int], bytes]] = {
    "verp": lambda room, issue, reader: dsn(sent_to=room.verp(issue, reader)),
    "message-id": lambda room, issue, reader: dsn(head=f"Message-ID: {room.message_id(issue, reader)}\n"),
}


@pytest.mark.parametrize("bounce", MARKED.values(), ids=MARKED)
def test_of_an_older_address_its_hash_alone_is_remembered(
    room: Room, bounce: Callable[[Room, int, int], bytes]
) -> None:
    issue, first = room.mail(), room.ids[0]
    room.clock.now += DAY
    move(room, first, "moved@mail.example")
    done = room.take(bounce(room, issue, first))
    assert done.effects == ("remembered",)
    assert room.states == [ACTIVE] * 3
    (kept,) = room.rows("suppression")
    assert (kept.address_hash, kept.evidence) == (suppression_key(address(1), room.key), "")


def test_an_issue_that_was_mailed_to_the_new_address_is_about_that(room: Room) -> None:
    first = room.ids[0]
    move(room, first, "moved@mail.example")
    room.clock.now += DAY
    issue = room.mail()
    # The new address forwards, so that the report names another one.
    done = room.take(dsn(about="inner@mail.example", head=f"Message-ID: {room.message_id(issue, first)}\n"))
    assert done.effects == ("disabled",)


def test_an_older_message_brings_the_hash_of_one_stranger_at_most_and_of_no_reader(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    room.clock.now += DAY
    move(room, first, "moved@mail.example")
    for number, victim in enumerate((address(2), address(1), "stranger@mail.example")):
        done = room.take(dsn(about=victim, sent_to=room.verp(issue, first)))
        assert done.effects == (("remembered",) if number == 1 else ())
    assert len(room.rows("suppression")) == 1
    assert room.states == [ACTIVE] * 3


@pytest.mark.parametrize("said", [FULL, DISABLED])
def test_of_an_older_address_nothing_softer_is_kept(room: Room, said: str) -> None:
    issue, first = room.mail(), room.ids[0]
    room.clock.now += DAY
    move(room, first, "moved@mail.example")
    assert room.take(dsn(said), sent_to=(room.verp(issue, first),)).effects == ()
    assert room.rows("suppression") == []
    assert room.rows("subscriber")[0].soft_bounces == 0


def test_a_report_without_an_address_is_soft_for_whose_mark_it_bears(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    report = Report(kind=Kind.BOUNCE, reason="the failed recipient cannot be told from it")
    arrival = Arrival(
        key="x:1", source="imap", raw=b"", reports=(report,), sent_to=(room.verp(issue, first),)
    )
    assert take_in(room.desk, arrival).effects == ("soft",)
    assert room.events("bounce.soft") == [("bounce.soft", first, issue)]


UNNAMED = {
    "hard": ("550 5.1.1 user unknown", ("suppressed",), "bounce.hard"),
    "ours": ("550 5.7.1 Blocked using Spamhaus", (), "bounce.ours"),
    "nothing told": ("It could not be done.", ("soft",), "bounce.soft"),
    "a NUL": ("550 5.1.1 user\0 unknown", ("suppressed",), "bounce.hard"),
}


@pytest.mark.parametrize(("said", "effects", "event"), UNNAMED.values(), ids=UNNAMED)
def test_a_bounce_that_names_nobody_is_judged_by_its_words_for_whose_mark_it_bears(
    room: Room, said: str, effects: tuple[str, ...], event: str
) -> None:
    issue, first = room.mail(), room.ids[0]
    sender, subject = "MAILER-DAEMON@mx.example", "Undelivered mail"
    text = f"Your message could not be delivered.\n\n{said}\n"
    raw = letter(sender=sender, to=room.verp(issue, first), subject=subject, body=text)
    assert room.take(raw).effects == effects
    assert room.events("bounce.hard", "bounce.soft", "bounce.ours") == [(event, first, issue)]


def test_a_report_that_names_nobody_is_looked_at(room: Room) -> None:
    report = Report(kind=Kind.BOUNCE, reason="the failed recipient cannot be told from it")
    done = take_in(room.desk, Arrival(key="x:1", source="imap", raw=b"", reports=(report,)))
    assert (done.understood, done.effects) == (False, ())
