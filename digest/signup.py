"""Decides what a sign-up form says and what it leads to. Knows no database, page, mail or clock.

A form of ours carries a signed mark of when and where it was shown. One that a site embeds carries none, so
it leads to our page first: no page of a stranger's can have us mail anybody.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from ipaddress import IPv6Address, ip_address, ip_network

from digest import address
from digest.errors import AddressError
from digest.links import Keys
from digest.mac import mac
from digest.model import SubscriberState

FASTEST = timedelta(seconds=2)
"""A person needs longer to fill in the form; most robots do not."""

LONGEST = timedelta(days=1)
"""How long a form that was shown can be sent."""

UNCONFIRMED = timedelta(days=7)
"""How long a confirmation can be given. After that the address is forgotten."""

TRAP = "website"
"""The field that no person sees, and that robots fill in."""

FORM_CHARACTERS = 300
"""How much of a form's URL is kept."""

_TIME_OCTETS, _MAC_OCTETS = 5, 12
_MARK_CHARACTERS = 1800
"""What the time, the MAC and a URL of 300 characters, each of four octets at most, have in base64."""

_NETWORK_BITS = {4: 24, 6: 56}


@dataclass(frozen=True, kw_only=True)
class Form:
    """What a form said. `email` is as it was typed, stripped; nothing in it is checked yet."""

    email: str = ""
    newsletters: tuple[str, ...] = ()
    mark: str = ""
    trap: str = ""

    @property
    def address(self) -> str | None:
        """The address in wire form; None where it is none."""
        try:
            return address.normalise(self.email)
        except AddressError:
            return None


@dataclass(frozen=True, kw_only=True)
class Mark:
    """When a form was shown, aware, and the URL of the page that it stands on, empty where nobody knows."""

    at: datetime
    url: str = ""


class Next(Enum):
    """What is done with a form."""

    SHOW = "show our page, the address filled in, with one button"
    CORRECT = "show our page with what is wrong"
    IGNORE = "say what is always said, and do nothing"
    ACT = "act"


class Lead(Enum):
    """What a sign-up leads to. The visitor is told the same each time."""

    CONFIRM = "confirm"
    """A mail that asks whether it was the reader."""
    ALREADY = "already"
    """A mail that says that the reader gets all of it already."""
    NOTHING = "nothing"


def read(fields: Iterable[tuple[str, str]], offered: Collection[str]) -> Form:
    """Read a form's fields; of a newsletter that is not offered there is nothing to say."""
    said: dict[str, list[str]] = {}
    for name, value in fields:
        said.setdefault(name.strip().lower(), []).append(value.strip())
    chosen = [name for name in said.get("newsletter", ()) if name in offered]
    return Form(
        email=_first(said, "email"),
        newsletters=tuple(dict.fromkeys(chosen)),
        mark=_first(said, "mark"),
        trap=_first(said, TRAP),
    )


def _first(said: dict[str, list[str]], name: str) -> str:
    return next(iter(said.get(name, ())), "")


def what_next(form: Form, mark: Mark | None, *, foreign: bool, now: datetime) -> Next:
    """Decide what is done with a form. `mark` is None where it carries none of ours.

    `foreign` is whether the visitor's browser says that another site's page has sent it.
    """
    if mark is None or foreign or not FASTEST <= now - mark.at <= LONGEST:
        return Next.SHOW if form.address and form.newsletters else Next.CORRECT
    if form.trap:
        return Next.IGNORE
    return Next.ACT if form.address and form.newsletters else Next.CORRECT


def lead(
    *, state: SubscriberState | None, has: Collection[str], wanted: Sequence[str], suppressed: bool
) -> tuple[Lead, tuple[str, ...]]:
    """Decide what asking for newsletters leads to, and for which of them.

    `state` is None for an unknown address, `has` what the subscriber gets now. One who has left may come
    back: only the click in the mail revives, and that is a deliberate act.
    """
    if suppressed or state is SubscriberState.SUPPRESSED:
        return Lead.NOTHING, ()
    if state is not SubscriberState.ACTIVE:
        return Lead.CONFIRM, tuple(wanted)
    missing = tuple(name for name in wanted if name not in has)
    return (Lead.CONFIRM, missing) if missing else (Lead.ALREADY, tuple(wanted))


def signed_mark(mark: Mark, keys: Keys) -> str:
    """Give a mark as a form carries it: time, MAC (RFC 2104) and URL in base64url (RFC 4648 5)."""
    payload = int(mark.at.timestamp()).to_bytes(_TIME_OCTETS, "big") + mark.url[:FORM_CHARACTERS].encode(
        "utf-8", "replace"
    )
    return urlsafe_b64encode(_code(payload, keys[0]) + payload).rstrip(b"=").decode()


def read_mark(text: str, keys: Keys, now: datetime) -> Mark | None:
    """Give what a mark says, in the zone of `now`; None for one that is not ours."""
    if not text or len(text) > _MARK_CHARACTERS or not text.isascii():
        return None
    try:
        octets = urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except ValueError:
        return None
    code, payload = octets[:_MAC_OCTETS], octets[_MAC_OCTETS:]
    # Under every key, whichever it is: how long that takes tells nothing.
    if not any([hmac.compare_digest(_code(payload, key), code) for key in keys]):  # noqa: C419 - as above
        return None
    at = datetime.fromtimestamp(int.from_bytes(payload[:_TIME_OCTETS], "big"), now.tzinfo)
    return Mark(at=at, url=payload[_TIME_OCTETS:].decode("utf-8", "replace"))


def _code(payload: bytes, key: bytes) -> bytes:
    return mac(key).digest(b"digest sign-up form\0" + payload)[:_MAC_OCTETS]


def network(ip: str) -> tuple[str, str]:
    """Give an IP address and its network, as `192.0.2.7` and `192.0.2.0/24`; `unknown` for what is none."""
    try:
        found = ip_address(ip.strip())
    except ValueError:
        return "unknown", "unknown"
    if isinstance(found, IPv6Address) and found.ipv4_mapped:
        found = found.ipv4_mapped
    # Without a zone: `fe80::1%eth0` is in no network that could be written.
    plain = type(found)(int(found))
    return str(plain), str(ip_network((plain, _NETWORK_BITS[plain.version]), strict=False))
