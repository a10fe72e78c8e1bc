"""A folder with a real installation in it, and the real program run on it."""

import contextlib
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from sqlmodel import Session
from typer.testing import CliRunner

from digest.cli.program import program
from digest.config import template_text
from digest.links import parse_keys
from digest.model import DeliveryState, Issue, Rendering, Slot
from digest.store import issues, ledger, subscribers
from digest.store.database import Store
from digest.store.schema import open_store
from digest.store.subscribers import Newcomer
from digest.store.tables import DELIVERY, DELIVERY_REPLY

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
SLOT = "2026-11-24T07:00"
READERS = ("rosa@mail.example", "ben@mail.example", "eva@mail.example")
RENDERING = Rendering(
    subject="The ferry was late",
    preheader="",
    html="<html><body><p>The ferry was late</p></body></html>",
    text="The ferry was late\n",
    nonce="0123456789abcdef",
)


@dataclass(frozen=True, kw_only=True)
class Said:
    """What a call of the program came to."""

    code: int
    out: str
    err: str


class Site:
    """An installation in a folder. Begins with nothing but the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.config = folder / "config.toml"

    def digest(self, *args: str, given: str | bytes = "", env: dict[str, str] | None = None) -> Said:
        """Run the program in this process."""
        runner = CliRunner(env={"DIGEST_CONFIG": str(self.config), "COLUMNS": "200"} | (env or {}))
        try:
            result = runner.invoke(program(), args, input=given, prog_name="digest")
        finally:
            # The program sends log lines to its standard error, which is gone.
            structlog.reset_defaults()
            logging.getLogger().handlers.clear()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Said(code=result.exit_code, out=result.stdout, err=result.stderr)

    def process(self, *args: str, env: dict[str, str] | None = None, **options: Any) -> subprocess.Popen[str]:
        """Start the program in a process of its own, its streams in pipes."""
        return subprocess.Popen(
            [sys.executable, "-c", "from digest.cli import main; main()", *args],
            cwd=self.folder,
            env=dict(os.environ) | (env or {}),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )

    def begin(self, *changes: tuple[str, str]) -> "Site":
        """Make a whole installation, its settings those of the template with some changes."""
        self.configure(*changes)
        assert self.digest("init").code == 0
        return self

    def configure(self, *changes: tuple[str, str]) -> None:
        """Write config.toml alone."""
        text = template_text()
        for old, new in changes:
            assert old in text
            text = text.replace(old, new)
        self.config.write_text(text, encoding="utf-8")

    @contextlib.contextmanager
    def store(self) -> Iterator[Store]:
        """Open its database as the program does."""
        with contextlib.closing(open_store(f"sqlite:///{self.folder / 'subscribers.db'}")) as opened:
            yield opened

    @contextlib.contextmanager
    def write(self) -> Iterator[Session]:
        with self.store() as opened, opened.write() as session:
            yield session

    @property
    def keys(self) -> Any:
        return parse_keys((self.folder / "secret.key").read_text())

    def readers(self, *emails: str) -> None:
        with self.write() as session:
            subscribers.add(session, [Newcomer(email=email, newsletter="daily") for email in emails], NOW)

    def draft(self, slot: str = SLOT, newsletter: str = "daily") -> Issue:
        """Make an issue that waits as a draft, with its bytes."""
        with self.write() as session:
            due = datetime.fromisoformat(slot).replace(tzinfo=UTC)
            issue = issues.open_draft(session, newsletter, Slot(name=slot, instant=due), NOW)
            issues.save_rendering(session, issue.id, RENDERING, NOW)
        return issue

    def frozen(self, slot: str = SLOT) -> Issue:
        """Make an issue whose deliveries wait, one for each reader."""
        issue = self.draft(slot)
        with self.write() as session:
            return ledger.freeze(session, issue, NOW)

    def settle(self, issue: Issue, *states: DeliveryState, reply: str = "550 5.1.1 no such user") -> Issue:
        """Bring an issue's deliveries, in the order of their readers, to their ends, and the issue too."""
        with self.write() as session:
            connection = session.connection()
            for number, state in enumerate(states, 1):
                mine = (DELIVERY.c.issue_id == issue.id, DELIVERY.c.subscriber_id == number)
                connection.execute(
                    DELIVERY.update().where(*mine).values(state=state.value, code=550, at=1_800_000_000)
                )
                if state is not DeliveryState.ACCEPTED:
                    about = {"issue_id": issue.id, "subscriber_id": number, "kind": "dead address"}
                    connection.execute(DELIVERY_REPLY.insert().values(**about, reply=reply, at=NOW))
            return ledger.finish(session, issue, NOW) or issues.get(session, issue.id)
