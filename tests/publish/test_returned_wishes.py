"""Complaints and mailed wishes to leave: who complains is never mailed again, and nobody else is changed."""

from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from comeback_scene import BOUNCES, DAY, DISABLED, FULL, VERP, Room, address, arf, dsn, letter, move
from ledger_scene import NOW, claim_all, sending, take
from press import ON_SQLITE

from digest.bounce.report import Kind, Recipient, Report, Verdict
from digest.model import Channel, SubscriberState
from digest.publish.returned import Arrival, take_in
from digest.store import bounces, erasure
from digest.store.bounces import Evidence
from digest.store.database import Store
from digest.store.tables import SUBSCRIPTION

ACTIVE, SUPPRESSED, UNSUBSCRIBED = (
    SubscriberState.ACTIVE,
    SubscriberState.SUPPRESSED,
    SubscriberState.UNSUBSCRIBED,
)
SAMPLES = Path(__file__).parent.parent / "bounce" / "samples"
BLACKED_OUT = "From: The Harbour Ledger <news@ledger.example>\nTo: redacted@mail.example\n"


@pytest.fixture
def room(store: Store, tmp_path: Path) -> Room:
    made = Room(store=store, folder=tmp_path)
    made.subscribe(3)
    return made


def body(room: Room, issue: int, reader: int) -> str:
    """A body in quoted-printable whose link is cut by a soft line break."""
    link = room.link(issue, reader)
    return f"Leave:\n=\n{link[:-6]}=\n{link[-6:]}\n"


COMPLAINTS: dict[str, Callable[[Room, int, int], bytes]] = {
    "with all marks": lambda room, issue, reader: arf(room.head(issue, reader), about=address(1)),
    "fraud": lambda room, issue, reader: arf(room.head(issue, reader), kind="fraud"),
    "opt-out": lambda room, issue, reader: arf(room.head(issue, reader), kind="opt-out"),
    "blacked out but for X-Digest-Delivery": lambda room, issue, reader: arf(
        f"{BLACKED_OUT}X-Digest-Delivery: {room.message_id(issue, reader)}\n"
    ),
    "blacked out but for the link": lambda room, issue, reader: arf(
        f"{BLACKED_OUT}List-Unsubscribe: <{room.link(issue, reader)}>\n"
    ),
    "blacked out but for the body": lambda room, issue, reader: arf(
        BLACKED_OUT, body=body(room, issue, reader)
    ),
    "blacked out but for the envelope": lambda room, issue, reader: arf(
        f"Return-Path: <{room.verp(issue, reader)}>\n{BLACKED_OUT}"
    ),
}


@pytest.mark.parametrize("complaint", COMPLAINTS.values(), ids=COMPLAINTS)
@pytest.mark.parametrize("environ", [{}, VERP], ids=["plain", "verp"])
def test_who_complains_leaves_everything_and_is_never_mailed_again(
    room: Room, complaint: Callable[[Room, int, int], bytes], environ: dict[str, str]
) -> None:
    room.environ = environ
    issue, first = room.mail(), room.ids[0]
    done = room.take(complaint(room, issue, first))
    assert (done.effects, done.understood) == (("suppressed",), True)
    assert room.states == [SUPPRESSED, ACTIVE, ACTIVE]
    one = room.reader(first)
    assert (one.newsletters, one.left_channel, one.left_at) == ((), Channel.COMPLAINT, NOW)
    assert room.events("complaint", "subscriber.suppressed", "subscriber.left") == [
        ("complaint", first, issue),
        ("subscriber.suppressed", first, issue),
    ]
    (kept,) = room.rows("suppression")
    assert kept.reason == "complaint"
    assert room.rows("reader_mail") == []


def test_who_has_left_and_complains_then_is_never_mailed_again_either(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    room.take(letter(sender=address(1), to=room.verp(issue, first, wish=True)))
    assert room.state(first) is UNSUBSCRIBED
    room.take(arf(room.head(issue, first)))
    assert (room.state(first), room.reader(first).left_channel) == (SUPPRESSED, Channel.MAILTO)


def test_a_complaint_that_names_an_address_alone_unsubscribes_and_no_more(room: Room) -> None:
    room.environ = VERP
    room.mail()
    done = room.take(arf(BLACKED_OUT, about=address(1)))
    assert done.effects == ("unsubscribed",)
    assert room.states == [UNSUBSCRIBED, ACTIVE, ACTIVE]
    assert room.reader(room.ids[0]).left_channel is Channel.COMPLAINT
    assert room.rows("suppression") == []


def test_a_complaint_about_an_older_address_keeps_its_hash_alone(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    head = room.head(issue, first)
    room.clock.now += DAY
    move(room, first, "moved@mail.example")
    assert room.take(arf(head, about=address(1))).effects == ("remembered",)
    assert room.states == [ACTIVE] * 3


def test_a_complaint_whose_mark_is_damaged_is_worth_what_an_address_is(room: Room) -> None:
    issue = room.mail()
    head = f"X-Digest-Delivery: <{issue}.{room.ids[0]}.{'a' * 16}@ledger.example>\n"
    done = room.take(arf(head, about=address(1)))
    assert (done.effects, done.understood) == (("unsubscribed",), True)
    assert room.states == [UNSUBSCRIBED, ACTIVE, ACTIVE]
    assert room.rows("suppression") == []


def test_a_complaint_with_a_mark_beside_a_damaged_one_is_proved(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    damaged = room.head(issue, first).replace(
        room.message_id(issue, first), f"<{issue}.{first}.{'a' * 16}@x>", 1
    )
    assert room.take(arf(damaged)).effects == ("suppressed",)


@pytest.mark.parametrize("about", ["", "stranger@mail.example"])
def test_a_complaint_that_does_nothing_is_looked_at(room: Room, about: str) -> None:
    issue = room.mail()
    head = f"X-Digest-Delivery: <{issue}.{room.ids[0]}.{'a' * 16}@ledger.example>\n"
    done = room.take(arf(head, about=about))
    assert (done.effects, done.understood) == ((), False)


def by_provider(room: Room, key: str) -> tuple[str, ...]:
    """Take in a complaint about the first reader that a hook brings, without a mark of ours."""
    who = Recipient(address=address(1), verdict=Verdict.HARD, reason="complaint")
    report = Report(kind=Kind.COMPLAINT, recipients=(who,))
    return take_in(
        room.desk, Arrival(key=key, source="ses", raw=b"{}", reports=(report,), trusted=True)
    ).effects


def test_a_providers_complaint_about_no_message_of_ours_unsubscribes_and_no_more(room: Room) -> None:
    assert by_provider(room, "ses:1") == ("unsubscribed",)
    assert room.rows("suppression") == []


def test_a_providers_complaint_that_overtakes_the_relays_answer_is_about_that_issue(room: Room) -> None:
    issue = sending(room.store)
    claim_all(room.store, take(room.store, issue), NOW)
    assert by_provider(room, "ses:1") == ("suppressed",)
    assert room.events("complaint") == [("complaint", room.ids[0], issue.id)]


CHANGES_NOBODY = sorted(
    path.name
    for path in SAMPLES.glob("*.eml")
    if path.name.startswith(
        ("vacation", "dmarc", "arf-not-spam", "arf-auth", "receipt", "ticket", "challenge")
    )
    or "delay" in path.name
)


@ON_SQLITE
@pytest.mark.parametrize("name", CHANGES_NOBODY)
@pytest.mark.parametrize("purpose", ["bounce", "wish"])
def test_a_note_or_a_report_changes_nobody_but_an_answer_to_the_address_for_leaving_leaves(
    room: Room, name: str, purpose: str
) -> None:
    issue, first = room.mail(), room.ids[0]
    to = room.verp(issue, first, wish=purpose == "wish")
    done = room.take((SAMPLES / name).read_bytes(), sent_to=(to,))
    leaves = purpose == "wish" and done.kind is Kind.AUTO_REPLY
    assert (done.effects, done.understood) == (("left",) if leaves else (), True)
    assert room.states == [UNSUBSCRIBED if leaves else ACTIVE, ACTIVE, ACTIVE]
    assert room.rows("reader_mail") == []
    assert room.rows("subscriber")[0].soft_bounces == 0


def test_every_case_of_such_notes_and_reports_is_there() -> None:
    assert len(CHANGES_NOBODY) >= 12


WISHES = {
    "a subject": {},
    "a subject that says more": {"subject": "Unsubscribe me from The Daily Ledger, now"},
    "no subject": {"subject": ""},
    "a mail program's": {"head": "Auto-Submitted: auto-generated\n"},
    "a mail program's, with another subject": {
        "subject": "Leave",
        "head": "Auto-Submitted: auto-generated\n",
    },
}


@pytest.mark.parametrize("said", WISHES.values(), ids=WISHES)
def test_a_mailed_wish_leaves_the_newsletter_of_that_issue(room: Room, said: dict[str, str]) -> None:
    first = room.ids[0]
    room.subscribe(3, newsletter="weekly")
    issue = room.mail(newsletter="weekly")
    to = room.verp(issue, first, wish=True)
    done = room.take(letter(sender="whoever@mail.example", to=to, **said))
    assert (done.effects, done.understood) == (("left",), True)
    one = room.reader(first)
    assert (one.newsletters, one.state) == (("daily",), ACTIVE)
    again = room.take(letter(sender="whoever@mail.example", to=to, body="again", **said))
    assert (again.effects, again.understood) == ((), True)
    left = ("subscriber.left", "subscriber.left_again")
    assert room.events(*left) == [(kind, first, issue) for kind in left]
    assert [room.reader(other).newsletters for other in room.ids[1:]] == [("daily", "weekly")] * 2


def test_the_last_newsletter_that_is_left_by_mail_unsubscribes(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    room.take(letter(sender=address(1), to=room.verp(issue, first, wish=True)))
    one = room.reader(first)
    assert (one.state, one.left_channel, one.left_at) == (UNSUBSCRIBED, Channel.MAILTO, NOW)
    assert room.states[1:] == [ACTIVE, ACTIVE]


def queued(room: Room) -> list[tuple[str, int, str]]:
    return [(row.kind, row.subscriber_id, row.email) for row in room.rows("reader_mail")]


def test_a_wish_without_proof_changes_nobody_and_brings_its_reader_the_link_once_a_day(room: Room) -> None:
    first = room.ids[0]
    done = room.take(letter(sender=f"Reader <{address(1).upper()}>", to=BOUNCES))
    assert (done.effects, done.understood) == (("asked",), True)
    again = room.take(letter(sender=address(1), to=BOUNCES, body="please!"))
    assert again.effects == ()
    assert room.states == [ACTIVE] * 3
    assert queued(room) == [("settings", first, address(1))]


@pytest.mark.parametrize("version", [2, 1])
def test_a_wish_by_a_mark_of_another_address_brings_its_reader_the_link(room: Room, version: int) -> None:
    issue, first = room.mail(), room.ids[0]
    mark = room.verp(issue, first, version, wish=True)
    if version == 1:
        room.clock.now += DAY
        move(room, first, "moved@mail.example")
    before = len(queued(room))
    assert room.take(letter(sender="x@mail.example", to=mark)).effects == ("asked",)
    assert queued(room)[before:] == [("settings", first, room.reader(first).email)]
    assert room.state(first) is ACTIVE


def test_a_wish_by_a_forged_mark_changes_nobody(room: Room) -> None:
    issue = room.mail()
    forged = f"bounces+u{issue}.{room.ids[0]}.1.{'a' * 16}@ledger.example"
    assert room.take(letter(sender="x@mail.example", to=forged)).effects == ()
    assert room.states == [ACTIVE] * 3
    assert room.rows("reader_mail") == []


def test_the_address_for_bounces_is_none_to_leave_by(room: Room) -> None:
    issue = room.mail()
    done = room.take(letter(sender="x@mail.example", to=room.verp(issue, room.ids[0])))
    assert (done.effects, done.understood, room.states) == ((), False, [ACTIVE] * 3)


@pytest.mark.parametrize("subject", ["unsubscribe", "Lovely issue"])
def test_what_nobody_understands_or_a_strangers_wish_is_looked_at(room: Room, subject: str) -> None:
    done = room.take(letter(sender="stranger@mail.example", to=BOUNCES, subject=subject))
    assert (done.effects, done.understood) == ((), False)


def test_a_wish_that_a_provider_brings_is_of_everything(room: Room) -> None:
    room.mail()
    who = Recipient(address=address(1), verdict=Verdict.HARD, reason="unsubscribe")
    report = Report(kind=Kind.UNSUBSCRIBE, recipients=(who,))
    arrival = Arrival(key="mailgun:1", source="mailgun", raw=b"{}", reports=(report,), trusted=True)
    assert take_in(room.desk, arrival).effects == ("unsubscribed",)
    assert room.states == [UNSUBSCRIBED, ACTIVE, ACTIVE]


def test_a_late_bounce_about_one_who_has_left_keeps_the_hash_and_changes_no_state(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    room.take(letter(sender=address(1), to=room.verp(issue, first, wish=True)))
    before = room.reader(first)
    assert room.take(dsn(head=room.head(issue, first))).effects == ("remembered",)
    assert room.reader(first) == before
    assert len(room.rows("suppression")) == 1


def test_a_late_bounce_about_one_who_is_suppressed_changes_nothing(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    with room.store.write() as session:
        bounces.blame(session, first, bounces.Effect.SUPPRESS, Evidence(reason="dead"), NOW)
    before = room.reader(first), room.rows("suppression")
    for one in (dsn(head=room.head(issue, first)), arf(room.head(issue, first))):
        assert room.take(one).effects == ()
    assert (room.reader(first), room.rows("suppression")) == before


def test_of_one_who_was_erased_nothing_is_kept_that_comes_later(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    late = dsn(head=room.head(issue, first)), dsn()
    with room.store.write() as session:
        erasure.erase(session, room.reader(first), NOW)
    for one in late:
        assert room.take(one).effects == ()
    assert [row.raw for row in room.rows("returned")] == [None, None]
    assert [row.evidence for row in room.rows("returned_about")] == ["", ""]


def test_of_one_who_was_suppressed_and_then_erased_nothing_is_kept_that_comes_later(room: Room) -> None:
    issue, first = room.mail(), room.ids[0]
    room.take(dsn(head=room.head(issue, first)))
    with room.store.write() as session:
        erasure.erase(session, room.reader(first), NOW)
    room.take(dsn())
    assert [row.reason for row in room.rows("suppression")] == ["no such address"]
    assert [row.raw for row in room.rows("returned")] == [None, None]
    assert [row.evidence for row in room.rows("returned_about")] == ["", ""]


def test_everything_that_named_who_is_erased_goes_with_them(room: Room) -> None:
    issue, (first, second, _) = room.mail(), room.ids
    mails = [
        dsn(head=room.head(issue, first)),
        dsn(sent_to=f"{room.verp(issue, first)}\nTo: {room.verp(issue, second)}"),
        letter(sender=address(1), to=BOUNCES, subject="I am away", head="Auto-Submitted: auto-replied\n"),
        letter(sender=address(1), to=BOUNCES, subject="Lovely issue"),
    ]
    for one in mails:
        room.take(one)
    kept = room.take(dsn(about=address(2), head=room.head(issue, second)))
    with room.store.write() as session:
        erasure.erase(session, room.reader(first), NOW)
    assert [row.id for row in room.rows("returned") if row.raw is not None] == [kept.id]
    assert [row.returned_id for row in room.rows("returned_about") if row.evidence] == [kept.id]
    assert {row.domain for row in room.rows("returned_about") if row.subscriber_id == first} == {""}
    with room.store.read() as session:
        members = sa.select(SUBSCRIPTION.c.subscriber_id).where(SUBSCRIPTION.c.subscriber_id == first)
        assert session.connection().execute(members).all() == []


def test_of_a_mail_to_one_reader_a_bounce_suppresses_and_a_wish_leaves_everything(room: Room) -> None:
    first, second, _ = room.ids
    assert room.take(dsn(), sent_to=(room.verp(0, first),)).effects == ("suppressed",)
    room.subscribe(3, newsletter="weekly")
    to = room.verp(0, second, wish=True)
    assert room.take(letter(sender=address(2), to=to)).effects == ("left",)
    assert room.reader(second).newsletters == ()
    assert room.states == [SUPPRESSED, UNSUBSCRIBED, ACTIVE]


@pytest.mark.parametrize("said", [FULL, DISABLED])
def test_of_a_mail_to_one_reader_nothing_softer_counts(room: Room, said: str) -> None:
    first = room.ids[0]
    for day in (0, 4):
        room.clock.now = NOW + day * DAY
        assert room.take(dsn(said, at=room.clock()), sent_to=(room.verp(0, first),)).effects == ()
    assert room.states == [ACTIVE] * 3
