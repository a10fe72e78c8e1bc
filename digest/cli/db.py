"""`digest db`: the schema of the database."""

import typer

from digest.cli.context import settings, unchecked
from digest.cli.output import say, tell
from digest.desk import utc_now
from digest.errors import StoreError
from digest.store import schema


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Create or upgrade the database.")
    group.command()(upgrade)
    group.command()(current)
    app.add_typer(group, name="db")


def upgrade(ctx: typer.Context) -> None:
    """Bring the database to this version's schema; make it where there is none.

    Doing it twice does no harm. Example: `digest db upgrade`
    """
    with unchecked(settings(ctx)) as store:
        before = schema.current(store)
        schema.upgrade(store, utc_now())
        after = schema.current(store)
        if before == after:
            say(f"{store.where} has schema {after} already.")
        elif before:
            say(f"{store.where}: from schema {before} to {after}.")
        else:
            say(f"{store.where}: made, with schema {after}.")


def current(ctx: typer.Context) -> None:
    """Say which schema the database has; exit 1 where it is not this version's.

    Example: `digest db current`
    """
    with unchecked(settings(ctx)) as store:
        found, needed = schema.current(store), schema.head()
        if not found:
            raise StoreError(f"There is no database of ours at {store.where}: `digest db upgrade` makes it.")
    say(found)
    if found != needed:
        tell(f"digest: this version needs {needed}: run `digest db upgrade`.")
        raise typer.Exit(1)
