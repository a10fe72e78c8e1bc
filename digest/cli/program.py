"""The program as a whole: its commands in the order of the help, its global options, and how it fails."""

import logging
import os
import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from typer.core import TyperCommand, TyperGroup

from digest import __version__, log
from digest.cli.context import Options
from digest.cli.failure import report
from digest.errors import DigestError

COMMANDS = {
    "init": "Begin",
    "demo": "Begin",
    "collect": "Publish",
    "preview": "Publish",
    "send": "Publish",
    "issues": "Publish",
    "articles": "Publish",
    "feeds": "Publish",
    "subscribers": "Readers",
    "bounces": "Readers",
    "embed": "Readers",
    "stats": "Readers",
    "run": "Look after it",
    "serve": "Look after it",
    "tokens": "Look after it",
    "doctor": "Look after it",
    "alerts": "Look after it",
    "dkim": "Look after it",
    "config": "Look after it",
    "db": "Look after it",
}
"""Every command in the order of the help, and the panel in which it stands there."""

SETTINGS = {"help_option_names": ["-h", "--help"]}

INTERRUPTED = 130
"""As shells tell an end by SIGINT: 128 and its number."""
PIPE_CLOSED = 141
"""The same for SIGPIPE: whoever read our output had enough."""


class Program(TyperGroup):
    """The root command. Turns what an operator can mend into one line and an exit code."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ANN401, ARG002 - as below
        """Name the commands without importing them."""
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ANN401, ARG002 - as below
        """Import the one command that is asked for: all of them would cost every call a second."""
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"digest.cli.{cmd_name}")
        alone = typer.Typer(rich_markup_mode="rich", context_settings=SETTINGS)
        module.register(alone)
        command = typer.main.get_group(alone).commands[cmd_name]
        assert isinstance(command, TyperCommand | TyperGroup)
        command.rich_help_panel = COMMANDS[cmd_name]
        return command

    def invoke(self, ctx: Any) -> Any:  # noqa: ANN401 - typer's context is of a private class here
        """Run the command that was asked for; a bug leaves with its traceback."""
        try:
            result = super().invoke(ctx)
            sys.stdout.flush()
        except DigestError as error:
            report(error, verbose=bool(ctx.params.get("verbose")))
            raise typer.Exit(error.exit_code) from error
        except KeyboardInterrupt as error:
            raise typer.Exit(INTERRUPTED) from error
        except BrokenPipeError as error:
            # Whatever is still buffered would be written, and complained about, at the very end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(PIPE_CLOSED) from error
        return result


def program() -> typer.Typer:
    """Build the program."""
    app = typer.Typer(
        cls=Program,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
        rich_markup_mode="rich",
        context_settings=SETTINGS,
    )
    app.callback()(globally)
    return app


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"digest {__version__}")
        raise typer.Exit


def globally(
    ctx: typer.Context,
    config: Annotated[
        Path,
        typer.Option(envvar="DIGEST_CONFIG", help="The settings; relative paths in it start at its folder."),
    ] = Path("config.toml"),
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log more, and show tracebacks.")] = False,
    version: Annotated[  # noqa: ARG001 - its callback does all
        bool, typer.Option("--version", help="Say which version this is.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Mail a site's readers a daily digest of what the site has published.

    Begin with `digest init`, or see it all at work with `digest demo`.
    """
    ctx.obj = Options(config=config, verbose=verbose)
    log.configure(verbose=verbose)
    if not verbose:
        # A command says in its own words what happened; the service asks for its log lines itself.
        structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
