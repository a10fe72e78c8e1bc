"""Takes in what came back: whose it is, and what it causes, in one transaction; the same twice counts once."""

from dataclasses import dataclass
from hashlib import sha256

from digest.bounce.read import read
from digest.bounce.report import Kind, Report
from digest.desk import Desk
from digest.store import returned


@dataclass(frozen=True, kw_only=True)
class Arrival:
    """A mail that came back, or an event of a provider's hook."""

    key: str
    """`sha256:…` of a mail's bytes (`mail_key`), or a provider's name and its event's id: booked once."""
    source: str
    """maildir, imap, pipe, file, lmtp, or the provider's name."""
    raw: bytes
    """As it came; kept for `[bounces] keep_days`."""
    reports: tuple[Report, ...] | None = None
    """What a hook has read; None: it is a mail, and is read here."""
    trusted: bool = False
    """Its provider has proved itself: the address alone is proof enough."""
    sent_to: tuple[str, ...] = ()
    """The envelope's recipients, where the way in knows them: they come before the header's."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What became of it. `effects` are words, one for each address that something was done about."""

    id: int
    kind: Kind
    is_new: bool
    """False where it was booked before: then nothing was done."""
    understood: bool
    """False where a person should look at it."""
    effects: tuple[str, ...]


def mail_key(raw: bytes) -> str:
    """Give the key under which a mail's bytes are booked once."""
    return f"sha256:{sha256(raw).hexdigest()}"


def take_in(desk: Desk, arrival: Arrival) -> Outcome:
    """Book what came back and do what it causes, in one transaction.

    Idempotent by its key: what is booked already changes nothing, so a source is moved or marked only after.
    Blocking. Raises StoreError where the ledger cannot be written; then nothing has changed.
    """
    reports = (read(arrival.raw),) if arrival.reports is None else arrival.reports
    kind = reports[0].kind if reports else Kind.NONE
    with desk.store.write() as session:
        booked, is_new = returned.book(
            session,
            returned.Booking(
                key=arrival.key, at=desk.clock(), source=arrival.source, kind=kind.value, raw=arrival.raw
            ),
        )
    return Outcome(id=booked, kind=kind, is_new=is_new, understood=True, effects=())
