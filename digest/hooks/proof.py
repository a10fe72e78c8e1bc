"""Proves that a service sent what was posted: secrets, and the age of what is signed."""

import base64
import binascii
import hmac
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from digest.hooks.event import Headers

OLDEST = timedelta(days=1)
"""The services try for hours, up to a day, to get rid of what they tell. What is older is a replay."""
AHEAD = timedelta(minutes=10)
"""By which their clock may be before ours."""

SECRET_HEADERS = ("x-digest-secret", "x-messagesystems-webhook-token")
"""Where a secret may stand as it is; the second is SparkPost's own."""


class NotProvedError(Exception):
    """Nothing proves that the service sent it. Says why, for the log; whoever posted it is not told."""


def demand_secret(headers: Headers, secret: str) -> None:
    """Refuse a request without a secret: password (RFC 7617), token (RFC 6750) or own header.

    Raises NotProvedError.
    """
    told = [hmac.compare_digest(one.encode("utf-8", "replace"), secret.encode()) for one in _told(headers)]
    if not secret or not any(told):
        raise NotProvedError("another secret than ours")


def _told(headers: Headers) -> Iterator[str]:
    scheme, _, value = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            yield base64.b64decode(value, validate=True).decode("utf-8", "replace").partition(":")[2]
        except (binascii.Error, ValueError):
            return
    elif scheme.lower() == "bearer":
        yield value.strip()
    yield from (headers[name] for name in SECRET_HEADERS if name in headers)


def of_seconds(text: str) -> datetime | None:
    """Read a Unix time; None where it is none."""
    if not (text.isascii() and text.isdigit()) or len(text) > len("9999999999"):
        return None
    return datetime.fromtimestamp(int(text), tz=UTC)


def demand_recent(at: datetime | None, now: datetime, oldest: timedelta = OLDEST) -> None:
    """Refuse what was signed too long ago. Raises NotProvedError."""
    if at is None or not now - oldest <= at <= now + AHEAD:
        raise NotProvedError("its time is not now")
