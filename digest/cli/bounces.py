"""`digest bounces`: what came back to the envelope's address."""

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Annotated

import typer

from digest.bounce.parts import READ_OCTETS
from digest.bounce.read import read as report_of
from digest.bounce.report import Report
from digest.cli import against, returns, scanning
from digest.cli.applying import Applied, applying
from digest.cli.output import json_text, say
from digest.errors import UsageError

STDIN = "-"


def register(app: typer.Typer) -> None:
    """Add the group."""
    group = typer.Typer(no_args_is_help=True, help="Bounces, complaints, and what else came back.")
    group.command()(read)
    group.command()(scanning.scan)
    returns.register(group)
    against.register(group)
    app.add_typer(group, name="bounces")


def read(
    ctx: typer.Context,
    files: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE…", help="Mails, folders or Maildirs of them; - for one on standard input."
        ),
    ],
    *,
    as_json: Annotated[
        bool, typer.Option("--json", help="For a script: a line of JSON for each mail.")
    ] = False,
    apply: Annotated[
        bool, typer.Option("--apply", help="Book each mail, once, and do what it causes.")
    ] = False,
    recipient: Annotated[
        list[str] | None,
        typer.Option(metavar="ADDRESS", help="With --apply: where the mail server brings it to."),
    ] = None,
) -> None:
    """Tell what each mail is and whom it is about. Changes nobody, unless told to with --apply.

    Example: `digest bounces read ~/Maildir/new --json`
    """
    if STDIN in files and len(files) > 1:
        raise UsageError("Standard input is read alone: give - or files.")
    if not apply:
        for name, message in _mails(files):
            _tell(name, report_of(message), None, as_json=as_json)
        return
    with applying(ctx, piped=STDIN in files, recipients=recipient or ()) as book:
        for name, message in _mails(files):
            report = report_of(message)
            _tell(name, report, book(message, report), as_json=as_json)


def _tell(name: str, report: Report, applied: Applied | None, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json_text(_told(name, report) | (vars(applied) if applied else {})))
    else:
        say(_line(name, report) + (f" -> {applied}" if applied else ""))


def _mails(files: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """Give each mail with its name. Raises UsageError for a file that cannot be read."""
    for name in files:
        if name == STDIN:
            yield STDIN, _given()
            continue
        for path in _below(Path(name)):
            try:
                with path.open("rb") as file:
                    yield str(path), file.read(READ_OCTETS)
            except OSError as error:
                raise UsageError(f"{path} cannot be read: {error.strerror}.") from error


def _given() -> bytes:
    """Give what is on standard input, as far as it is looked at; who writes it gets rid of all of it."""
    mail = sys.stdin.buffer.read(READ_OCTETS)
    while sys.stdin.buffer.read(READ_OCTETS):
        pass
    return mail


def _below(path: Path) -> list[Path]:
    """Give a file, or a folder's files in their order; what a Maildir still writes (`tmp`) is left out."""
    if not path.is_dir():
        return [path]
    inside = (found.relative_to(path) for found in path.rglob("*") if found.is_file())
    return sorted(
        path / one for one in inside if "tmp" not in one.parts[:-1] and not one.name.startswith(".")
    )


def _told(name: str, report: Report) -> dict[str, object]:
    return {
        "file": name,
        "kind": report.kind,
        "reason": report.reason,
        "recipients": report.recipients,
        "sent_to": report.sent_to,
        "message_id": report.message_id,
        "delivery": report.delivery,
        "unsubscribe": report.unsubscribe,
    }


def _line(name: str, report: Report) -> str:
    """Give a mail as a line for a person."""
    about = "; ".join(
        f"{one.address} {one.verdict.value} ({one.reason}): {one.evidence}" for one in report.recipients
    )
    return f"{name}: {report.kind.value}: {about or report.reason or 'nobody is named'}"
