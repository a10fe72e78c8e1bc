"""The sections about running it: deliveries, alerts, what is kept, the database, the web.

A field's docstring is its help in `digest config schema` and in the message about a missing key.
"""

import shlex
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from digest.config.addresses import Address, Line
from digest.config.database import normal_url
from digest.config.kinds import WHOLE, Duration, Flag, listed
from digest.config.section import Section, more_than_nothing
from digest.config.values import BaseUrl, Filled, Host, Page, filled, network

Addresses = Annotated[tuple[Address, ...], BeforeValidator(listed)]
Networks = Annotated[tuple[Annotated[str, AfterValidator(network)], ...], BeforeValidator(listed)]
Hosts = Annotated[tuple[Annotated[Host, AfterValidator(filled)], ...], BeforeValidator(listed)]
Days = Annotated[int, Field(ge=1, le=3660), WHOLE]


class Delivery(Section):
    """What is done where a delivery's outcome is in doubt or late."""

    on_unknown: Literal["resend", "ask"] = "resend"
    """Whether a message that may or may not have arrived goes out again."""
    expire_after: Duration = timedelta(hours=24)
    """How long a delivery is tried, from its first attempt."""

    @field_validator("expire_after")
    @classmethod
    def _expire_after(cls, span: timedelta) -> timedelta:
        return more_than_nothing(span)


class Alerts(Section):
    """Who is told when something is wrong, and what each issue came to."""

    to: Addresses = ()
    """Mail addresses for alerts and reports."""
    ping_url: Page = ""
    """Called after each issue that went out or was rightly empty."""
    command: Line = ""
    """Run for each alert, which it finds on its standard input."""

    @field_validator("command")
    @classmethod
    def _command(cls, text: str) -> str:
        try:
            shlex.split(text)
        except ValueError as exc:
            raise ValueError(f"is no command line: {str(exc).lower()}") from exc
        return text


class Privacy(Section):
    """How long traces of readers are kept."""

    keep_ip_days: Days = 90
    """Days after which IP addresses are erased from the events."""
    keep_deliveries_days: Days = 400
    """Days after which delivery rows are removed; the counters stay."""


class Database(Section):
    """Where the ledger is."""

    url: Annotated[str, AfterValidator(normal_url)] = Field(default="sqlite:///subscribers.db", repr=False)
    """`sqlite:///file.db`, or `postgresql+psycopg://user:password@host/name`."""


class Web(Section):
    """The reader pages and hooks."""

    public_url: BaseUrl = "http://localhost:8025"
    """Where readers reach the pages; links in the mail begin with it."""
    host: Annotated[Host, AfterValidator(filled)] = "127.0.0.1"
    """The address to listen on."""
    port: Annotated[int, Field(ge=0, le=65535), WHOLE] = 8025
    """The port to listen on; 0 takes a free one."""
    secret_file: Filled = "secret.key"  # noqa: S105 - a file's name
    """The file with the keys that sign links; one a line, the first signs."""
    verify: Flag = True
    """Whether public_url must answer before an issue is frozen for a relay."""
    proxies: Networks = ("127.0.0.1", "::1")
    """The proxies in front, as addresses or networks: they alone may say who the visitor is."""
    hosts: Hosts = ()
    """The hosts that are answered for, besides that of public_url and this computer; none: all."""
    hsts_days: Annotated[int, Field(ge=0, le=3660), WHOLE] = 0
    """How long a browser that was here comes by https alone (RFC 6797); 0: it is not told so."""

    @field_validator("hsts_days")
    @classmethod
    def _hsts_days(cls, days: int, info: ValidationInfo) -> int:
        if days and not info.data.get("public_url", "https:").startswith("https:"):
            raise ValueError("needs a public_url with https, which browsers would be sent to")
        return days
