"""Decides what is an address that mail can be sent to, and in what form it is written, compared and hashed.

Asks no DNS: whether a mailbox exists, the relay's reply tells.
"""

import hmac
import re

from email_validator import EmailNotValidError, validate_email

from digest.errors import AddressError

# RFC 5321 4.5.3.1, with erratum 1690 to RFC 3696: octets of a local part and of a whole address.
MAX_LOCAL = 64
MAX_ADDRESS = 254

# How much of a refused text a message repeats, in characters.
_SHOWN = 80

# What nearly every address is: an ASCII dot-atom (RFC 5322 3.2.3) at two or more LDH labels (RFC 1123 2.1),
# the last ending in a letter. Labels with `--` in third place (Punycode, and what RFC 5890 reserves) go to
# the library, as does everything that is not ASCII. An import asks once a row, of perhaps a million.
_ATEXT = r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+"
_LABEL = r"(?![A-Za-z0-9-]{2}--)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
_COMMON = re.compile(
    rf"(?P<local>(?=[^@]{{1,{MAX_LOCAL}}}@){_ATEXT}(?:\.{_ATEXT})*)@(?P<domain>(?:{_LABEL}\.)+{_LABEL}(?<=[A-Za-z]))"
)

# Top-level names that email-validator refuses as not public (RFC 6761, RFC 7686). A rehearsal, a test and an
# intranet mail to them all the same, so they are validated under a public name that is taken off again.
_SPECIAL = ("arpa", "invalid", "local", "localhost", "onion", "test")
_STAND_IN = ".com"


def normalise(text: str) -> str:
    """Give an address as it goes on the wire: stripped, the domain lower-case and as A-label (RFC 5890).

    The local part keeps its case, since only its host may fold it (RFC 5321 2.4). A non-ASCII local part is
    kept, in NFC: it needs a relay with SMTPUTF8.

    Raises AddressError, in one sentence, for anything that is not exactly one address.
    """
    address = text.strip()
    if len(address) > MAX_ADDRESS:
        raise AddressError(
            f"{_shown(address)} is longer than the {MAX_ADDRESS} characters an address may have."
        )
    common = _COMMON.fullmatch(address)
    if common:
        return f"{common['local']}@{common['domain'].lower()}"
    return _validated(address)


def _validated(address: str) -> str:
    """Let email-validator judge what the common form does not cover."""
    special = address.rpartition(".")[2].lower() in _SPECIAL
    try:
        judged = validate_email(address + _STAND_IN * special, check_deliverability=False, strict=True)
    except (EmailNotValidError, UnicodeError) as exc:
        reason = str(exc).rstrip(".")
        raise AddressError(f"{_shown(address)} cannot be mailed: {reason}.") from exc
    host = judged.ascii_domain.removesuffix(_STAND_IN) if special else judged.ascii_domain
    if len(judged.local_part.encode()) > MAX_LOCAL:
        raise AddressError(f"{_shown(address)} has more than {MAX_LOCAL} octets before the @-sign.")
    return f"{judged.local_part}@{host}"


def _shown(address: str) -> str:
    """Quote a refused text for a message, cut, its control characters escaped."""
    return repr(address if len(address) <= _SHOWN else address[:_SHOWN] + "…")


def address_key(address: str) -> str:
    """Give what two spellings of one mailbox share: the whole address in lower case.

    A host may tell `A@` from `a@` (RFC 5321 2.4), none does, and a reader types both.
    """
    return address.lower()


def domain(address: str) -> str:
    """Give the part after the last @-sign, in lower case."""
    return address.rpartition("@")[2].lower()


def is_ascii_local(address: str) -> bool:
    """Tell whether the address can be mailed without SMTPUTF8 (RFC 6531)."""
    return address.rpartition("@")[0].isascii()


def suppression_key(address: str, key: bytes) -> str:
    """Give a keyed hash of an address, in hex: it outlives an erasure and does not tell who it was."""
    return hmac.digest(key, b"digest suppression\0" + address_key(address).encode(), "sha256").hex()
