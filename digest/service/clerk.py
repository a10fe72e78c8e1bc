"""Books the mails of one way in, and counts what they were."""

from collections import Counter
from dataclasses import dataclass, field

import structlog

from digest.bounce.report import Kind, Report
from digest.desk import Desk
from digest.errors import DigestError
from digest.publish.returned import Arrival, mail_key, take_in

log = structlog.get_logger()


@dataclass(kw_only=True)
class Tally:
    """What a clerk has seen since it began."""

    kinds: Counter[Kind] = field(default_factory=Counter)
    """Of what was new."""
    effects: Counter[str] = field(default_factory=Counter)
    known: int = 0
    """Booked before, and read again: a crash came between, or another scan."""
    unread: int = 0
    """Nobody understood them."""

    @property
    def read(self) -> int:
        """How many mails there were."""
        return self.kinds.total() + self.known


class Clerk:
    """What a way in is handed. `source` is its name in the ledger."""

    def __init__(self, desk: Desk, source: str) -> None:
        self._desk, self._source = desk, source
        self.tally = Tally()

    def __call__(self, raw: bytes, sent_to: tuple[str, ...] = (), report: Report | None = None) -> bool:
        """Book a mail, and say whether it was understood. Blocking. Raises StoreError where it is not booked.

        `report` is what has been read of it already.

        A stranger's mail that brings our reading to its knees is put by like one that nobody understands: it
        must not end the service, and the mail behind it is read.
        """
        reports = None if report is None else (report,)
        arrival = Arrival(key=mail_key(raw), source=self._source, raw=raw, reports=reports, sent_to=sent_to)
        try:
            outcome = take_in(self._desk, arrival)
        except DigestError:
            raise
        except Exception:  # as above
            log.exception("returned.broken", key=arrival.key, source=self._source)
            self.tally.kinds[Kind.NONE] += 1
            self.tally.unread += 1
            return False
        if outcome.is_new:
            self.tally.kinds[outcome.kind] += 1
            self.tally.effects.update(outcome.effects)
        else:
            self.tally.known += 1
        self.tally.unread += not outcome.understood
        return outcome.understood
