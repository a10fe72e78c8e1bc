"""The sections about the relays, and how fast they and single recipient domains may be fed.

A field's docstring is its help in `digest config schema` and in the message about a missing key.
"""

import re
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    SecretStr,
    ValidationInfo,
    WithJsonSchema,
    field_validator,
    model_validator,
)

from digest import address
from digest.config.addresses import Line
from digest.config.kinds import WHOLE, Port, Rate, tables
from digest.config.secretfile import Secret
from digest.config.section import Section
from digest.config.values import Host, filled, is_loopback, suggestion
from digest.delivery.presets import PLAIN, PRESETS
from digest.errors import AddressError

MAIN = "main"
"""The name of the relay of [smtp] itself among the others."""


def provider(text: str) -> str:
    """Read the name of a service that something is known about, or nothing."""
    if text and text not in PRESETS:
        raise ValueError(f"must be {', '.join(PRESETS)}, or left out{suggestion(text, PRESETS)}")
    return text


def relay_name(text: str) -> str:
    """Read a further relay's name. It stands in names of variables, which know no hyphen and no case."""
    if not re.fullmatch(r"[a-z0-9](?:_?[a-z0-9]){0,31}", text):
        raise ValueError("a relay's name must be 1 to 32 of a-z and 0-9, with a single _ between them")
    if text == MAIN:
        raise ValueError(f'"{MAIN}" is [smtp] itself; give the relay another name')
    return text


def recipient_domain(text: str) -> str:
    """Read a domain; give it in lower case and as A-label (RFC 5890)."""
    try:
        return address.domain(address.normalise(f"someone@{text}"))
    except AddressError as exc:
        raise ValueError('must be the domain of readers\' addresses, in quotes: [pace."gmail.com"]') from exc


def further(value: object) -> object:
    """Read the tables of further relays, by name."""
    return tables(value, "[smtp.relays.NAME]")


def by_domain(value: object) -> object:
    """Read the tables of recipient domains; none may come twice, in two spellings."""
    found = tables(value, '[pace."gmail.com"]')
    if len({_spelled(str(key)) for key in found}) < len(found):
        raise ValueError("names a domain twice")
    return found


def _spelled(domain: str) -> str:
    """Give the one spelling of a domain, or what is there where it is none, which is told elsewhere."""
    try:
        return recipient_domain(domain)
    except ValueError:
        return domain.lower()


Provider = Annotated[
    str, AfterValidator(provider), WithJsonSchema({"type": "string", "enum": ["", *PRESETS]})
]
Connections = Annotated[int, Field(ge=1, le=1000), WHOLE]


class RelaySection(Section):
    """What is said about any relay. What its provider is known for stands in for keys that are left out."""

    host: Host = ""
    """The relay's name or address; empty: messages go to the folder `outbox` and nobody is mailed."""
    port: Port = 587
    """The relay's port."""
    security: Literal["starttls", "tls", "none"] = "starttls"
    """How the connection is protected."""
    ca_file: Line = ""
    """A file with certificates (PEM) that are trusted beside the system's."""
    username: Line = ""
    """The account at the relay."""
    password: Secret = SecretStr("")
    """The account's password; better from password_file or the environment."""
    password_file: Line = ""
    """A file that holds the password."""
    provider: Provider = ""
    """The service behind it, where something is known about that."""
    connections: Connections = PLAIN.connections
    """How many connections a process holds open at most."""
    messages_per_connection: Annotated[int, Field(ge=1, le=1_000_000), WHOLE] = PLAIN.messages_per_connection
    """After so many messages a connection is replaced."""
    rate: Rate = PLAIN.rate
    """Messages a second over all processes; 0 is no limit."""
    weight: Annotated[int, Field(ge=0, le=1000), WHOLE] = 1
    """Its share of the mail beside the other relays; with 0 it is used only while they are in trouble."""

    @model_validator(mode="before")
    @classmethod
    def _preset(cls, data: object) -> object:
        if not isinstance(data, dict) or not isinstance(data.get("provider"), str):
            return data
        known = PRESETS.get(data["provider"], PLAIN)
        return {
            "connections": known.connections,
            "messages_per_connection": known.messages_per_connection,
            "rate": known.rate,
            **data,
        }

    @field_validator("username")
    @classmethod
    def _username(cls, name: str, info: ValidationInfo) -> str:
        host = str(info.data.get("host", ""))
        if name and host and info.data.get("security") == "none" and not is_loopback(host):
            raise ValueError(
                'would go with its password over an open line to another computer; set security to "starttls"'
            )
        return name


class FurtherRelay(RelaySection):
    """A relay beside the one of [smtp]."""

    host: Annotated[Host, AfterValidator(filled)]
    """The relay's name or address."""


Relays = Annotated[dict[Annotated[str, AfterValidator(relay_name)], FurtherRelay], BeforeValidator(further)]


class Smtp(RelaySection):
    """The relay, and the others beside it. Without a host everything is a rehearsal."""

    timeout: Annotated[int, Field(ge=1, le=3600), WHOLE] = 300
    """Seconds that a relay may take for an answer (RFC 5321, section 4.5.3.2)."""
    relays: Relays = Field(default_factory=dict)
    """Further relays, by name."""

    @model_validator(mode="after")
    def _weights(self) -> "Smtp":
        if not any(relay.weight for relay in (self, *self.relays.values())):
            raise ValueError("one relay at least must have a weight of 1 or more")
        return self


class DomainPace(Section):
    """What a recipient domain is to be spared."""

    rate: Rate = 0
    """Messages a second to this domain, over all processes; 0 is no limit."""
    connections: Annotated[int, Field(ge=0, le=1000), WHOLE] = 0
    """Messages to this domain that a process has on the wire at a time; 0 is no limit."""

    @model_validator(mode="after")
    def _limits(self) -> "DomainPace":
        if not self.rate and not self.connections:
            raise ValueError("limits nothing; give it a rate, or connections")
        return self


Domains = Annotated[
    dict[Annotated[str, AfterValidator(recipient_domain)], DomainPace], BeforeValidator(by_domain)
]
