"""`digest run`: the service."""

import asyncio
from typing import Annotated

import typer

from digest import log
from digest.alerts import Alerts
from digest.cli import loop, output
from digest.cli.context import open_desk, options
from digest.cli.serve import serve_pages
from digest.desk import Desk
from digest.service import Service
from digest.stopping import on_stop


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="run", rich_help_panel="Publish")(run)


def run(
    ctx: typer.Context,
    *,
    pages: Annotated[
        bool, typer.Option("--pages/--no-pages", help="Serve the reader pages; else `digest serve` has to.")
    ] = True,
) -> None:
    """Live as the service: collect, draft, freeze and send on schedule, and serve the reader pages.

    It stops on SIGTERM or Ctrl-C once the relay has answered for what is on the wire. Let systemd start it.

    Example: digest --config /etc/digest/config.toml run
    """
    log.configure(verbose=options(ctx).verbose)
    with open_desk(ctx) as desk, desk.store.sender():
        if desk.settings.is_rehearsal:
            output.tell("[smtp] host is empty: issues go to the outbox, and nobody is mailed.")
        loop.run(_run(desk, pages=pages))


async def _run(desk: Desk, *, pages: bool) -> None:
    stop = asyncio.Event()
    service = Service(desk, Alerts(desk))

    async def serve_until(ended: asyncio.Event) -> None:
        if pages:
            # They end last: until then they say that we are about to stop.
            await serve_pages(desk, stop=ended, stopping=stop.is_set)
        else:
            await ended.wait()

    with on_stop(stop.set):
        await service.run(stop, serve_until)
