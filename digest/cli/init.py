"""`digest init`: the files of a new installation. What exists is left as it is."""

import os
from pathlib import Path
from typing import Annotated

import typer

from digest.cli import loop
from digest.cli.context import options, unchecked
from digest.cli.output import facts, say
from digest.cli.sitefile import filled, with_values
from digest.config import Settings, load, template_text
from digest.config.values import url as web_address
from digest.desk import utc_now
from digest.errors import UsageError
from digest.feed.fetch import client
from digest.feed.survey import Survey, survey
from digest.links import new_key
from digest.store import schema

MADE, KEPT = "made", "kept"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(init)


def init(
    ctx: typer.Context,
    folder: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="Where; made if it is missing.", show_default=False)
    ] = None,
    site: Annotated[
        str,
        typer.Option(
            metavar="URL",
            help="Ask this site for its feed, name, language, zone and logo, and fill them in.",
            show_default=False,
        ),
    ] = "",
) -> None:
    """Make config.toml, a key and a database, and say what to do next.

    Touches nothing that exists. Example: `digest init /srv/news --site https://ledger.example`
    """
    config = options(ctx).config if folder is None else folder / "config.toml"
    text, unknown = _for_site(config, site) if site else (template_text(), ())
    made_config = _write(config, text, 0o644)
    settings = load(config, os.environ)
    key = settings.secret_path
    made_key = _write(key, new_key() + "\n", 0o600)
    facts(
        (
            (made_config, _near(config), "the settings, each with a comment"),
            (made_key, _near(key), "signs the links in the mail: keep a copy of it"),
            _database(settings),
        )
    )
    if unknown:
        say()
        say(f"To fill in, in {_near(config)}:")
        facts((f"  {key}", why) for key, why in unknown)
    say()
    say("Next:")
    there = "" if config.absolute() == Path("config.toml").absolute() else f"--config {config} "
    sends = "rehearse: write the messages to outbox/, mail nobody" if settings.is_rehearsal else "mail it"
    facts(
        (
            (f"  digest {there}preview", "the next issue, in the browser"),
            (f"  digest {there}subscribers add you@example.org", "a first reader"),
            (f"  digest {there}send", sends),
        )
    )


def _for_site(config: Path, site: str) -> tuple[str, tuple[tuple[str, str], ...]]:
    """Give config.toml's text for a site, and its keys that are left to the operator. Writes nothing.

    Raises FeedError where the site cannot be reached or has no feed.
    """
    if config.exists():
        raise UsageError(f"{config} exists and is left as it is: --site fills in a new one alone.")
    address = site if "://" in site else f"https://{site}"
    try:
        web_address(address)
    except ValueError as error:
        raise UsageError(f"--site {site}: {error}.") from error
    found = loop.run(_ask(address))
    told = filled(found)
    rows = {"Site": ("site", "url"), "Name": ("site", "name"), "Feed": ("site", "feeds")}
    rows |= {"Language": ("site", "language"), "Zone": ("site", "timezone"), "Logo": ("theme", "logo")}
    facts((name, _shown(told.values[key])) for name, key in rows.items())
    say()
    return with_values(template_text(), told.values), told.open


async def _ask(address: str) -> Survey:
    async with client(address, address) as web:
        return await survey(web, address, now=utc_now())


def _shown(value: str | list[str]) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _write(path: Path, text: str, mode: int) -> str:
    """Write a file that is not there yet, readable by its owner and as `mode` allows."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    except FileExistsError as error:
        if not path.is_file():
            raise UsageError(f"{error.filename} is in the way: it is no file, or no folder.") from error
        return KEPT
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error
    with os.fdopen(handle, "w", encoding="utf-8") as file:
        file.write(text)
    return MADE


def _database(settings: Settings) -> tuple[str, str, str]:
    with unchecked(settings) as store:
        where = _near(store.path) if store.path else str(store.where)
        found = schema.current(store)
        if not found:
            schema.upgrade(store, utc_now())
            return MADE, where, "subscribers, articles, issues and every delivery"
    hint = "" if found == schema.head() else ": `digest db upgrade` brings it up to date"
    return KEPT, where, f"the database, schema {found}{hint}"


def _near(where: Path) -> str:
    """Give a path from here, where it lies below."""
    absolute, here = where.absolute(), Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(absolute)
