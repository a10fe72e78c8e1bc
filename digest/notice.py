"""Writes the plain mails to the operator: an alert, a report, a test. Knows no relay, clock or database.

As `message.py` does, it gives what goes on the wire and what DKIM signs: nothing in it is dot-stuffed.
"""

from collections.abc import Sequence
from datetime import datetime
from email.utils import format_datetime

from digest import quoted
from digest.config import SigningKey
from digest.dkim import signed
from digest.headers import fold, unstructured


def notice(
    *,
    sender: str,
    to: Sequence[str],
    subject: str,
    text: str,
    message_id: str,
    date: datetime,
    extra: Sequence[tuple[str, str]] = (),
    keys: Sequence[SigningKey] = (),
    unsigned: frozenset[str] = frozenset(),
) -> bytes:
    """Give a mail of plain text (RFC 5322), signed with each of the `keys`.

    `sender` and `to` are addresses, `message_id` has its angle brackets, `date` is aware. The relay's ways:
    `extra` are fields that it wants, `unsigned` those that it rewrites. No robot answers it (RFC 3834 5).
    """
    head = b"".join(
        (
            f"From: digest <{sender}>\r\n".encode(),
            f"To: {f',{_FOLD}'.join(to)}\r\n".encode(),
            unstructured("Subject", subject),
            fold("Date", format_datetime(date)),
            fold("Message-ID", message_id),
            b"Auto-Submitted: auto-generated\r\n",
            *(unstructured(name, value) for name, value in extra),
            b"MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n",
            b"Content-Transfer-Encoding: quoted-printable\r\n",
        )
    )
    body = quoted.encode((text.strip() or subject) + "\n")
    return signed(keys, head, body, date, unsigned=unsigned)


_FOLD = "\r\n "
