"""`digest preview`: the next issue as a reader will get it. Needs no database and no key, and makes none."""

import asyncio
import base64
import contextlib
import re
import secrets
import sys
import tempfile
import webbrowser
from collections.abc import Iterator
from email import message_from_bytes, policy
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from digest import publish
from digest.cli.coming import Coming, coming
from digest.cli.context import keys, opened, settings
from digest.cli.output import tell
from digest.config import SAMPLE_FEED, Newsletter, Settings
from digest.desk import Desk, utc_now
from digest.engine.composer import composer
from digest.errors import UsageError
from digest.links import new_key, parse_keys
from digest.model import Recipient
from digest.sample.stories import SITE, UPLOADS, picture
from digest.store.database import Store
from digest.store.schema import upgrade

SAMPLE_PICTURE = re.compile(re.escape(SITE + UPLOADS) + r"([\w-]+\.jpg)")
STDOUT = Path("-")


class Format(Enum):
    """What is shown of the message."""

    HTML = "html"
    TEXT = "text"
    EML = "eml"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command()(preview)


def preview(
    ctx: typer.Context,
    newsletter: Annotated[
        str, typer.Option(help="Which newsletter, where there are several.", show_default=False)
    ] = "",
    slot: Annotated[str, typer.Option(help="Another slot than the next.", show_default=False)] = "",
    fmt: Annotated[
        Format, typer.Option("--format", help="eml is the whole message, its links inert.")
    ] = Format.HTML,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="A file; - is stdout.", show_default="the browser"),
    ] = None,
) -> None:
    """Show the next issue, from what the feed says now: in the browser, or wherever --output says.

    Example: `digest preview --format text --output -`
    """
    found = settings(ctx)
    with _desk(found) as desk:
        chosen = found.newsletter_named(newsletter or None)
        for feed in asyncio.run(publish.collect(desk)):
            if feed.error:
                tell(f"{feed.url} could not be collected: {feed.error} This is from what is known.")
        shown = coming(desk, chosen, slot)
        message = _message(desk, chosen, shown)
    tell(f"{chosen.name} {shown.slot}: {shown.rendering.subject}")
    tell(shown.remark)
    content = message if fmt is Format.EML else _part(found, message, fmt).encode()
    if output is not None and output != STDOUT:
        _write(output, content)
    elif output is None and fmt is Format.HTML and sys.stdout.isatty():
        _browse(content)
    else:
        sys.stdout.flush()
        sys.stdout.buffer.write(content)


@contextlib.contextmanager
def _desk(found: Settings) -> Iterator[Desk]:
    """Open the desk; what is missing of it is made up, and gone afterwards."""
    signing = keys(found) if found.secret_path.exists() else parse_keys(new_key())
    file = found.database_url.removeprefix("sqlite:///")
    with contextlib.ExitStack() as stack:
        if file != found.database_url and not Path(file).exists():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="digest-preview-"))
            store = stack.enter_context(contextlib.closing(Store(f"sqlite:///{folder}/ledger.db")))
            upgrade(store, utc_now())
        else:
            store = stack.enter_context(opened(found))
        yield Desk(settings=found, store=store, keys=signing)


def _message(desk: Desk, newsletter: Newsletter, shown: Coming) -> bytes:
    """Give the message that a reader would get, at the address of whoever looks after the site."""
    compose = composer(
        desk.settings,
        newsletter,
        slot=shown.slot,
        issue_id=0,
        rendering=shown.rendering,
        keys=desk.keys,
        signing=desk.signing,
        extra=desk.relay.headers,
        unsigned=desk.relay.unsigned,
        permanent_key=secrets.token_bytes(32),
        inert=True,
    )
    now = desk.clock()
    return compose(Recipient(id=1, email=desk_address(desk.settings), since=now), now)


def desk_address(found: Settings) -> str:
    """Give an address of the site's own: the first for alerts, else the contact's, else the sender's."""
    contact = found.site.contact if "@" in found.site.contact and "://" not in found.site.contact else ""
    return next(iter(found.alerts.to), "") or contact or found.mail.sender.address


def _part(found: Settings, message: bytes, fmt: Format) -> str:
    part = message_from_bytes(message, policy=policy.default).get_body(
        ("html",) if fmt is Format.HTML else ("plain",)
    )
    assert part is not None
    text = str(part.get_content()).replace("\r\n", "\n")
    return (
        SAMPLE_PICTURE.sub(_inline, text) if fmt is Format.HTML and SAMPLE_FEED in found.site.feeds else text
    )


def _inline(match: re.Match[str]) -> str:
    """Give a picture of the sample site as a data URL: that site is served by nobody."""
    try:
        return f"data:image/jpeg;base64,{base64.b64encode(picture(match[1])).decode()}"
    except KeyError:
        return match[0]


def _write(path: Path, content: bytes) -> None:
    try:
        path.write_bytes(content)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}.") from error


def _browse(content: bytes) -> None:
    with tempfile.NamedTemporaryFile(prefix="digest-preview-", suffix=".html", delete=False) as file:
        file.write(content)
    if not webbrowser.open(Path(file.name).as_uri()):
        tell(f"No browser was found; the page is {file.name}")
