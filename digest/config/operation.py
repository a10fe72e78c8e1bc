"""The sections about running it: the relay, deliveries, alerts, what is kept, the database, the web.

A field's docstring is its help in `digest config schema` and in the message about a missing key.
"""

import shlex
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    PlainSerializer,
    SecretStr,
    ValidationInfo,
    field_validator,
)

from digest.config.addresses import Address, Line
from digest.config.database import normal_url
from digest.config.kinds import WHOLE, Duration, Flag, NotYetTable, Port, empty, listed
from digest.config.section import Section, more_than_nothing
from digest.config.values import BaseUrl, Filled, Host, Page, filled, is_loopback

MASK = "********"

Addresses = Annotated[tuple[Address, ...], BeforeValidator(listed)]
Days = Annotated[int, Field(ge=1, le=3660), WHOLE]
Secret = Annotated[
    SecretStr,
    PlainSerializer(lambda secret: MASK if secret.get_secret_value() else "", return_type=str),
]


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


class Smtp(Section):
    """The relay. Without a host everything is a rehearsal."""

    host: Host = ""
    """The relay's name or address; empty: messages go to the folder `outbox` and nobody is mailed."""
    port: Port = 587
    """The relay's port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected."""
    username: Line = ""
    """The account at the relay."""
    password: Secret = SecretStr("")
    """The account's password; better from password_file or DIGEST_SMTP__PASSWORD."""
    password_file: Line = ""
    """A file that holds the password."""
    provider: Annotated[str, AfterValidator(empty)] = ""
    """Presets for a known relay."""
    connections: Annotated[int, Field(ge=1, le=1000), WHOLE] = 10
    """How many connections a process holds open at most."""
    messages_per_connection: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] = 500
    """After so many messages a connection is replaced."""
    rate: Annotated[int, Field(ge=0, le=1_000_000), WHOLE] = 0
    """Messages a second in all; 0 is no limit."""
    timeout: Annotated[int, Field(ge=1, le=3600), WHOLE] = 300
    """Seconds that the relay may take for an answer (RFC 5321, section 4.5.3.2)."""
    relays: NotYetTable = Field(default_factory=dict)
    """Further relays."""

    @field_validator("username")
    @classmethod
    def _username(cls, name: str, info: ValidationInfo) -> str:
        host = str(info.data.get("host", ""))
        if name and host and info.data.get("security") == "none" and not is_loopback(host):
            raise ValueError(
                'would go with its password over an open line to another computer; set security to "starttls"'
            )
        return name


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
