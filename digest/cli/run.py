"""`digest run`: the service. `digest serve`: the reader pages alone."""

import asyncio
from collections.abc import Callable

import typer

from digest import log
from digest.alerts import Alerts
from digest.cli import loop, output
from digest.cli.context import open_desk, options
from digest.desk import Desk
from digest.service import Service
from digest.stopping import on_stop
from digest.web.desk import reader_pages
from digest.web.server import serve as serve_pages


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command(name="run", rich_help_panel="Publish")(run)
    app.command(name="serve", rich_help_panel="Readers")(serve)


def run(ctx: typer.Context) -> None:
    """Live as the service: collect, draft, freeze and send on schedule, and serve the reader pages.

    It stops on SIGTERM or Ctrl-C once the relay has answered for what is on the wire. Let systemd start it.

    Example: digest --config /etc/digest/config.toml run
    """
    log.configure(verbose=options(ctx).verbose)
    with open_desk(ctx) as desk, desk.store.sender():
        if desk.settings.is_rehearsal:
            output.tell("[smtp] host is empty: issues go to the outbox, and nobody is mailed.")
        loop.run(_run(desk))


async def _run(desk: Desk) -> None:
    stop = asyncio.Event()
    service = Service(desk, Alerts(desk))

    async def serve_until(ended: asyncio.Event) -> None:
        await _serve(desk, ended, _told(desk))

    with on_stop(stop.set):
        await service.run(stop, serve_until)


def serve(ctx: typer.Context) -> None:
    """Serve the reader pages alone: unsubscribing, its undo, and /healthz. `digest run` does so too.

    Example: digest serve
    """
    log.configure(verbose=options(ctx).verbose)
    with open_desk(ctx) as desk:
        loop.run(_serve_alone(desk))


async def _serve_alone(desk: Desk) -> None:
    stop = asyncio.Event()
    with on_stop(stop.set):
        await _serve(desk, stop, _told(desk))


async def _serve(desk: Desk, stop: asyncio.Event, started: Callable[[str], None]) -> None:
    web = desk.settings.web
    await serve_pages(reader_pages(desk), web.host, web.port, stop=stop, started=started)


def _told(desk: Desk) -> Callable[[str], None]:
    return lambda url: output.say(f"Reader pages: {url}, for readers {desk.settings.web.public_url}")
