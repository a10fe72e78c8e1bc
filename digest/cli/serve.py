"""`digest serve`: the reader pages and the API alone, with or without a service beside them."""

import asyncio
from collections.abc import Callable
from typing import Annotated

import typer

from digest import log
from digest.cli import loop, output
from digest.cli.context import open_desk, options
from digest.desk import Desk
from digest.stopping import on_stop
from digest.web.desk import reader_pages
from digest.web.server import serve as serve_until


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="serve", rich_help_panel="Readers")(serve)


def serve(
    ctx: typer.Context,
    host: Annotated[str, typer.Option(help="The address to listen on.", show_default="[web] host")] = "",
    port: Annotated[
        int | None,
        typer.Option(min=0, max=65535, help="The port; 0 takes a free one.", show_default="[web] port"),
    ] = None,
) -> None:
    """Serve the reader pages and the API alone. `digest run` does so too, unless it is told not to.

    Example: digest serve --port 8026
    """
    log.configure(verbose=options(ctx).verbose)
    with open_desk(ctx) as desk:
        loop.run(_alone(desk, host, port))


async def _alone(desk: Desk, host: str, port: int | None) -> None:
    stop = asyncio.Event()
    with on_stop(stop.set):
        await serve_pages(desk, stop=stop, host=host, port=port)


async def serve_pages(
    desk: Desk,
    *,
    stop: asyncio.Event,
    stopping: Callable[[], bool] | None = None,
    host: str = "",
    port: int | None = None,
) -> None:
    """Serve a site's pages until `stop`, and print where. `host` and `port` stand in for the settings'."""
    web = desk.settings.web
    await serve_until(
        reader_pages(desk),
        host or web.host,
        web.port if port is None else port,
        stop=stop,
        stopping=stopping,
        started=lambda url: output.say(f"Reader pages: {url}, for readers {web.public_url}"),
        proxies=web.proxies,
    )
