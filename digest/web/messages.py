"""What the API takes and gives: the models of its requests, its answers, and its problems (RFC 9457).

They are the OpenAPI document too: what a schema allows is accepted, what it does not is refused.
"""

import re
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Annotated, Any

from pydantic import AfterValidator, AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field

from digest import address
from digest.errors import AddressError
from digest.model import Channel, Subscriber, SubscriberState
from digest.store.software import Change

MOST_ID = 2**63 - 1
"""The largest number that the database counts with."""

PLAIN = r"^[^\x00-\x1f\x7f]*$"
"""Text without control characters: nothing that could end a header, or a line of a log."""

TAG = r"^([A-Za-z]{2,3}(-[A-Za-z0-9]{2,8}){0,3})?$"
"""A language tag, as far as we use them (BCP 47)."""

IP = r"^[0-9A-Fa-f:.]*$"

EARLIEST = datetime(1990, 1, 1, tzinfo=UTC)
"""No consent to mail is older."""

AHEAD = timedelta(days=1)
"""How far another computer's clock may be ahead of ours."""

_INSTANT = re.compile(r"\d{4}-\d\d-\d\d[Tt]\d\d:\d\d:\d\d(\.\d{1,9})?([Zz]|[+-]\d\d:\d\d)")


def _normal(text: str) -> str:
    try:
        return address.normalise(text)
    except AddressError as exc:
        raise ValueError("is no address that mail can be sent to") from exc


def _written(value: object) -> object:
    """Take an instant as RFC 3339 writes it; pydantic would also take a number."""
    if not isinstance(value, str) or not _INSTANT.fullmatch(value):
        raise ValueError("must be an instant as 2026-11-24T07:00:00Z (RFC 3339)")
    return value


Email = Annotated[
    str,
    Field(max_length=address.MAX_ADDRESS, json_schema_extra={"format": "email"}),
    AfterValidator(_normal),
]
Moment = Annotated[AwareDatetime, BeforeValidator(_written)]


def _text(most: int, pattern: str = PLAIN) -> Any:  # noqa: ANN401 - pydantic's
    return Field(default="", max_length=most, pattern=pattern)


class _Asked(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Consent(_Asked):
    """What proves that the reader has asked for it."""

    at: Moment
    """When the reader did."""
    how: str = Field(min_length=1, max_length=200, pattern=PLAIN)
    """By which way: `checkout of the shop`, `membership form`."""
    text: str = _text(300)
    """The words that the reader agreed to, or their version."""
    form: str = _text(300)
    """The URL of the form."""
    ip: str = _text(45, IP)
    """The reader's IP address."""
    agent: str = _text(300)
    """The reader's browser, as it names itself."""


class Addition(_Asked):
    """An address to add. With `consent` it is mailed from now on, without it the reader is asked by mail."""

    email: Email
    newsletters: list[str] = Field(min_length=1, max_length=100)
    """The newsletters, by name."""
    name: str = _text(200)
    """What the mail may call the reader."""
    language: str = _text(35, TAG)
    """The reader's language (BCP 47) for the mail that asks."""
    consent: Consent | None = None
    ip: str = _text(45, IP)
    """Without consent: the IP address of the reader who has filled in the form, which is counted."""
    form: str = _text(300)
    """Without consent: the URL of that form."""


class Departure(_Asked):
    """Which newsletters end."""

    newsletters: list[str] = Field(default_factory=list, max_length=100)
    """Their names; none: all of them."""


class ByAddress(_Asked):
    """Whom to look up."""

    email: Email
    """The address, in any spelling of its case."""


class Since(_Asked):
    """Which changes."""

    since: int = Field(default=0, ge=0, le=MOST_ID)
    """`next` of the last answer."""
    limit: int = Field(default=100, ge=1, le=1000)
    """How many at most."""


class Reader(BaseModel):
    """A subscriber."""

    id: int
    email: str
    name: str
    state: SubscriberState
    newsletters: list[str]
    """Those that the subscriber gets now, by name."""
    created_at: datetime
    confirmed_at: datetime | None
    consent: str
    left_at: datetime | None
    left_channel: Channel | None
    left_issue: str
    """The slot of the issue whose link was used."""

    @classmethod
    def of(cls, one: Subscriber) -> "Reader":
        """Give a subscriber as the API tells it."""
        told = {name: getattr(one, name) for name in cls.model_fields}
        return cls.model_validate(told | {"newsletters": list(one.newsletters)})


class Added(BaseModel):
    """What became of an addition."""

    subscriber: Reader
    outcome: str = Field(json_schema_extra={"enum": ["added", "updated", "unchanged"]})
    asked: bool
    """Whether a mail asks the reader for the confirmation. It goes to one address once a day."""


class Happened(BaseModel):
    """Something that happened to a subscriber."""

    id: int
    at: datetime
    kind: str
    subscriber_id: int | None
    email: str
    """The present address; empty where the subscriber has been erased since."""
    newsletter: str
    channel: Channel | None
    issue_id: int | None

    @classmethod
    def of(cls, one: Change) -> "Happened":
        """Give a change as the API tells it."""
        return cls.model_validate({name: getattr(one, name) for name in cls.model_fields})


class Changes(BaseModel):
    """What has happened, oldest first."""

    changes: list[Happened]
    next: int
    """What to ask `since` next time."""
    more: bool
    """Whether there is more already."""


class Problem(BaseModel):
    """What did not work (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


PROBLEM = "application/problem+json"


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Give what the OpenAPI document says of answers that are problems."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {
        status: {
            "description": HTTPStatus(status).phrase,
            "content": {PROBLEM: {"schema": schema}},
        }
        for status in statuses
    }
