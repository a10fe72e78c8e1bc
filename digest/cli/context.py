"""What every command starts from: the global options, the settings, and the desk with its open store."""

import os
import stat
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import typer

from digest.cli.output import tell
from digest.config import Settings, SigningKey, load
from digest.delivery.presets import PLAIN, PRESETS
from digest.desk import Desk
from digest.errors import UsageError
from digest.links import Keys, parse_keys
from digest.store.database import Store
from digest.store.schema import open_store

OTHERS = stat.S_IRWXG | stat.S_IRWXO
"""The permissions of everybody but the owner."""


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options that stand before every command."""

    config: Path
    verbose: bool = False


def options(ctx: typer.Context) -> Options:
    """Give the global options of this call."""
    found = ctx.obj
    assert isinstance(found, Options)
    return found


def settings(ctx: typer.Context) -> Settings:
    """Read config.toml and the environment. Raises UsageError where there is none, or it is wrong."""
    path = options(ctx).config.absolute()
    if not path.exists():
        raise UsageError(
            f"There is no {path.name} in {path.parent}: `digest init` writes one, or name it with --config."
        )
    return load(path, os.environ)


@contextmanager
def open_desk(ctx: typer.Context) -> Iterator[Desk]:
    """Give the desk over the database and the keys of config.toml's folder; both have to exist."""
    found = settings(ctx)
    with opened(found) as store:
        desk = Desk(settings=found, store=store, keys=keys(found))
        for key in desk.signing:
            warn_of(key)
        yield desk


def warn_of(key: SigningKey) -> None:
    """Warn of a key that signs and is shorter than it should be."""
    if key.is_short:
        tell(
            f"Warning: the key of {key.record_name} is shorter than RFC 8301 advises: "
            "`digest dkim new` makes another, for a selector of its own."
        )


def warn_of_envelope(found: Settings) -> None:
    """Warn of relays that do not let an envelope for each message do what it is for."""
    providers = dict.fromkeys(relay.provider for relay in (found.smtp, *found.smtp.relays.values()))
    for provider in providers if found.is_verp else ():
        if reason := PRESETS.get(provider, PLAIN).envelope:
            tell(f'Warning: [mail] envelope = "verp" with provider = "{provider}": {reason}')


@contextmanager
def opened(found: Settings) -> Iterator[Store]:
    """Open the settings' database, and close it. Raises StoreError where it is missing or out of date."""
    with _driver():
        store = open_store(found.database_url)
    with closing(store):
        yield store


@contextmanager
def unchecked(found: Settings) -> Iterator[Store]:
    """Give the settings' database whatever its schema, to look at it or to upgrade it."""
    with _driver():
        store = Store(found.database_url)
    with closing(store):
        yield store


@contextmanager
def _driver() -> Iterator[None]:
    try:
        yield
    except ModuleNotFoundError as error:
        if error.name != "psycopg":
            raise
        raise UsageError(
            "PostgreSQL needs its driver: `pip install 'digest-newsletter[postgresql]'`, "
            "or set [database] url to sqlite:///subscribers.db."
        ) from error


def keys(found: Settings) -> Keys:
    """Read the keys that sign links, and warn where others may read them too.

    Raises UsageError where there are none.
    """
    path = found.secret_path
    try:
        text = path.read_text(encoding="utf-8")
        mode = path.stat().st_mode
    except FileNotFoundError as error:
        raise UsageError(
            f"There is no {path.name} in {path.parent}: `digest init` makes one, and a lost one comes back "
            "from the backup alone, since the links in sent mail need it."
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not text"
        raise UsageError(f"The key file {path} cannot be read: {why}.") from error
    try:
        found_keys = parse_keys(text)
    except UsageError as error:
        raise UsageError(f"{path}: {error}") from error
    if mode & OTHERS:
        tell(f"Warning: others on this computer may read {path}: `chmod 600 {path}`.")
    return found_keys
