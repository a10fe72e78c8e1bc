"""`digest demo`: issues on their way from a sample site to a thousand readers, on this machine alone."""

import asyncio
import shutil
import tempfile
import webbrowser
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from digest.cli.demoshow import Terminal, show, show_killing
from digest.cli.output import say, tell
from digest.demo import killing, story
from digest.demo.facts import facts, facts_of_killing
from digest.demo.report import Killing, Report
from digest.demo.souvenirs import Souvenir, keep
from digest.demo.world import no_proxy, world


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command(name="demo")(command)


def command(
    readers: Annotated[
        int, typer.Option(min=10, max=100_000, help="How many made-up readers to mail.")
    ] = 1000,
    kill: Annotated[
        bool, typer.Option("--kill", help="Kill the sending process (kill -9) in the middle, and go on.")
    ] = False,
    open_: Annotated[bool, typer.Option("--open", help="Show an issue in the browser at the end.")] = False,
    keep_all: Annotated[
        bool, typer.Option("--keep", help="Keep the demo's config.toml, keys and database to look at.")
    ] = False,
) -> None:
    """See it all at work: a sample site, a relay that only catches, and a thousand readers.

    Nothing leaves this machine, and nothing is written in this folder.
    """
    folder = Path(tempfile.mkdtemp(prefix="digest-demo-"))
    installation = folder / "installation"
    installation.mkdir()
    try:
        tell("A site, reader pages and a mail relay that only catches, all on this machine.")
        with no_proxy():
            report = asyncio.run((_kill if kill else _play)(installation, readers))
        checked = facts_of_killing(report) if isinstance(report, Killing) else facts(report)
        proven = all(fact.holds for fact in checked)
        kept = (
            [keep(folder, one, report.caught, report.site_url) for one in report.editions] if proven else []
        )
    except BaseException:
        shutil.rmtree(folder)
        raise
    if isinstance(report, Killing):
        show_killing(report, checked)
    else:
        show(report, checked)
    if not proven:
        tell(f"The demo failed: please report it. Everything it made is in {folder}")
        raise typer.Exit(1)
    if not keep_all:
        shutil.rmtree(installation)
    _after(kept, installation if keep_all else None)
    if open_:
        webbrowser.open(kept[0].html.as_uri())


async def _play(installation: Path, readers: int) -> Report | Killing:
    async with world(installation, datetime.now(UTC)) as made:
        return await story.play(made, readers, Terminal())


async def _kill(installation: Path, readers: int) -> Report | Killing:
    async with world(installation, datetime.now(UTC)) as made:
        told = await killing.play(made, readers, Terminal())
    # The catcher has ended: whatever it took is here, also what came just before the kill.
    return replace(told, caught=tuple(made.catcher.messages))


def _after(kept: Sequence[Souvenir], installation: Path | None) -> None:
    """Say what is left to look at, and what to do next."""
    say()
    say("An issue as a reader got it, as a page and as it went over the wire:")
    for path in (kept[0].html, kept[0].eml):
        say(f"  {path}")
    if installation is not None:
        say("The demo's installation:")
        say(f"  digest --config {installation / 'config.toml'} issues list")
    say()
    say("Nobody was mailed. For a digest of your own: digest init", style="bold")
