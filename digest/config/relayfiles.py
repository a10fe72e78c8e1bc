"""The files that the relays' sections name: passwords, and certificates of authorities."""

import ssl
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from digest.config.environment import Tables, variable_of
from digest.config.kinds import tables
from digest.config.secretfile import secret_trouble, with_secret

Finding = tuple[tuple[str, ...], str]
RelayTable = Mapping[str, Any]


def with_passwords(data: Tables, folder: Path) -> Tables:
    """Give the tables with each relay's password read from its file, where one is named and none is given."""
    smtp = data.get("smtp")
    if not isinstance(smtp, dict):
        return data
    smtp = with_secret(smtp, "password", folder)
    further = _further(smtp)
    if further:
        smtp["relays"] = {name: with_secret(relay, "password", folder) for name, relay in further.items()}
    return {**data, "smtp": smtp}


def relay_mistakes(smtp: RelayTable, folder: Path) -> Iterator[Finding]:
    """Give the keys of the relays that name a file of no use, or go without what they need, and why."""
    yield from _mistakes(("smtp",), smtp, folder)
    for name, relay in _further(smtp).items():
        yield from _mistakes(("smtp", "relays", name), relay, folder)


def _further(smtp: RelayTable) -> dict[str, Any]:
    """Give the tables of further relays; none where they are none, which is told elsewhere."""
    try:
        return tables(smtp.get("relays", {}), "")
    except ValueError:
        return {}


def _mistakes(at: tuple[str, ...], relay: RelayTable, folder: Path) -> Iterator[Finding]:
    name, password = relay.get("password_file"), relay.get("password")
    if trouble := secret_trouble(relay, "password", folder):
        yield (*at, "password_file"), trouble
    elif relay.get("host") and relay.get("username") and not (password or name):
        variable = variable_of((*at, "password"))
        yield (*at, "username"), f"needs a password: give password_file or {variable}"
    elif relay.get("host") and (password or name) and not relay.get("username"):
        yield (*at, "password" if password else "password_file"), "is of no use without a username"
    authorities = relay.get("ca_file")
    if isinstance(authorities, str) and authorities and (trouble := _authority_trouble(folder, authorities)):
        yield (*at, "ca_file"), trouble


def _authority_trouble(folder: Path, name: str) -> str:
    """Say what is wrong with a file of certificates, by having it read as a connection would."""
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cafile=folder / name)
    except ssl.SSLError:
        return f"{folder / name} holds no certificate in PEM"
    except OSError as exc:
        return f"{folder / name} cannot be read: {exc.strerror}"
    except ValueError as exc:
        return f"cannot be read: {exc}"
    return ""
