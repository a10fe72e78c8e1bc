"""From a mail that came back to what an operator sees of it."""

from pathlib import Path

from comeback_scene import BLOCKED, FULL, Room, address, arf, dsn
from ledger_scene import NOW

from digest.bounce.report import Kind, Verdict
from digest.marks import Proof
from digest.rates import Level, What
from digest.store import rates, returns
from digest.store.database import Store
from digest.store.known import Known
from digest.store.returns import Filter


def test_a_dead_address_is_listed_with_its_proof_and_its_suppression(store: Store, tmp_path: Path) -> None:
    room = Room(store=store, folder=tmp_path)
    reader, _ = room.subscribe(2)
    issue = room.mail()
    mail = dsn(head=room.head(issue, reader))
    room.take(mail)
    room.take(dsn(FULL, about=address(2), head=room.head(issue, 2)))
    with store.read() as session:
        soft, dead = returns.listing(session, Filter(), None)
        case = returns.against(session, address(1), reader)
        text = returns.raw(session, dead.id)
    [whom] = dead.recipients
    assert (dead.kind, whom.email, whom.verdict, whom.effect) == (
        Kind.BOUNCE,
        address(1),
        Verdict.HARD,
        "suppressed",
    )
    assert whom.proof is Proof.MESSAGE
    assert soft.recipients[0].effect == "soft"
    assert text == mail
    assert case.suppression is not None
    assert case.returned == [dead]


def test_complaints_whose_readers_are_blacked_out_add_up_to_a_hold(store: Store, tmp_path: Path) -> None:
    room = Room(store=store, folder=tmp_path)
    room.subscribe(8)
    issue = room.mail()
    for reader in room.ids[:5]:
        room.take(arf(room.head(issue, reader).replace(address(reader), "[redacted]")))
    room.take(dsn(BLOCKED, about=address(8), head=room.head(issue, 8)))
    with store.read() as session:
        known = Known()
        back = rates.came(session, rates.recent(session, NOW), NOW, known)
        [standing] = rates.standings(session, back, NOW, known)
        [ours] = rates.ours(session, back)
    assert standing.level is Level.HOLD
    assert (standing.rates[0].what, standing.rates[0].count) == (What.COMPLAINTS, 5)
    assert (ours.count, ours.domains) == (1, ("ledger.example",))
    assert "block list" in ours.evidence
