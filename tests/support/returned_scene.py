"""What came back, put into the ledger without the mails."""

from collections.abc import Sequence
from datetime import datetime
from itertools import count

from sqlmodel import Session

from digest.store.returned_tables import RETURNED, RETURNED_ABOUT

_numbers = count(1)


def came_back(
    session: Session,
    at: datetime,
    readers: Sequence[int | None],
    *,
    issue_id: int | None = None,
    kind: str = "bounce",
    verdict: str = "hard",
    domain: str = "mail.example",
    reason: str = "no such address",
    evidence: str = "550 5.1.1 User unknown",
    proof: str = "verp",
    effect: str = "",
    raw: bytes | None = None,
) -> list[int]:
    """Book a mail about each reader; give their ids."""
    made = []
    for reader in readers:
        values = {"key": f"test:{next(_numbers)}", "at": at, "source": "maildir", "kind": kind, "raw": raw}
        insert = RETURNED.insert().values(**values, reason="").returning(RETURNED.c.id)
        made.append(int(session.connection().execute(insert).scalar_one()))
        about: dict[str, object] = {
            "returned_id": made[-1],
            "place": 0,
            "subscriber_id": reader,
            "issue_id": issue_id,
        }
        about |= {"domain": domain, "verdict": verdict, "status": "", "reason": reason}
        about |= {"evidence": evidence, "proof": proof, "effect": effect}
        session.connection().execute(RETURNED_ABOUT.insert().values(**about))
    return made
