"""The program as a whole: its commands in the order of the help, its global options, and how it fails."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import structlog
import typer
from typer.core import TyperGroup

from digest import __version__, log
from digest.cli import (
    articles,
    collect,
    config,
    db,
    demo,
    doctor,
    init,
    issues,
    preview,
    run,
    send,
    stats,
    subscribers,
)
from digest.cli.context import Options
from digest.cli.failure import report
from digest.errors import DigestError

COMMANDS = {
    "Begin": (init, demo),
    "Publish": (collect, preview, send, issues, articles),
    "Readers": (subscribers, stats),
    "Look after it": (run, doctor, config, db),
}
"""Every module that brings commands with its `register`, as the help groups and orders them."""

INTERRUPTED = 130
"""As shells tell an end by SIGINT: 128 and its number."""
PIPE_CLOSED = 141
"""The same for SIGPIPE: whoever read our output had enough."""


class Program(TyperGroup):
    """The root command. Turns what an operator can mend into one line and an exit code."""

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
        context_settings={"help_option_names": ["-h", "--help"]},
    )
    app.callback()(globally)
    for panel, modules in COMMANDS.items():
        commands, groups = len(app.registered_commands), len(app.registered_groups)
        for module in modules:
            module.register(app)
        for command in app.registered_commands[commands:]:
            command.rich_help_panel = panel
        for group in app.registered_groups[groups:]:
            group.rich_help_panel = panel
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
