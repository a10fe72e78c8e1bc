"""A site as an operator has it: a folder with config.toml, a feed on loopback, and the real command."""

import asyncio
import contextlib
import functools
import json
import logging
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import structlog
from typer.testing import CliRunner

from digest.cli.program import program
from digest.config.database import resolved_url
from digest.links import new_key
from digest.sample.site import SampleSite
from digest.store import subscribers
from digest.store.database import Store
from digest.store.schema import upgrade

DIGEST = Path(sys.executable).with_name("digest")

CONFIG = """\
[site]
name = "The Harbour Ledger"
url = "https://ledger.example"
feeds = ["{feed}"]
timezone = "America/New_York"
postal_address = "12 Quay Street, Port Averell"
contact = "editor@ledger.example"

[[newsletter]]
name = "daily"
schedule = "0 7 * * *"

[mail]
from = "The Harbour Ledger <news@ledger.example>"

[smtp]
host = "127.0.0.1"
port = {smtp}
security = "none"
connections = {connections}

[database]
url = "{database}"

[web]
public_url = "http://127.0.0.1:{web}"
port = {web}
verify = {verify}
"""


def free_port() -> int:
    """Give a port on which nothing listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@functools.cache
def _upgraded() -> bytes:
    """Give an empty database of SQLite's with its schema: the migrations take long."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "subscribers.db"
        with contextlib.closing(Store(f"sqlite:///{file}")) as fresh:
            upgrade(fresh, datetime.now(UTC))
        return file.read_bytes()


@contextlib.contextmanager
def sample_feed() -> Iterator[str]:
    """Serve the sample site on loopback; give its feed's address."""
    site = SampleSite(now=datetime.now(UTC))
    with asyncio.Runner() as runner:
        runner.run(site.__aenter__())
        yield site.feed_url
        runner.run(site.__aexit__(None, None, None))


class Site:
    """A folder in which `digest` runs as a process of its own."""

    def __init__(
        self,
        folder: Path,
        *,
        feed: str,
        smtp: int,
        database: str,
        connections: int = 10,
        verify: bool = False,
    ) -> None:
        self.folder, self.database, self.web = folder, database, free_port()
        text = CONFIG.format(
            feed=feed,
            smtp=smtp,
            database=database,
            connections=connections,
            web=self.web,
            verify=str(verify).lower(),
        )
        (folder / "config.toml").write_text(text, encoding="utf-8")
        self.environ = {**os.environ, "NO_COLOR": "1", "NO_PROXY": "*"}

    def install(self, readers: int) -> Sequence[str]:
        """Make the key and the database as `init` does, with so many readers; give their addresses."""
        key = self.folder / "secret.key"
        key.touch(mode=0o600)
        key.write_text(new_key() + "\n", encoding="utf-8")
        url = resolved_url(self.database, self.folder)
        addresses = [f"reader{number}@mail{number % 7}.example" for number in range(1, readers + 1)]
        now = datetime.now(UTC)
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).write_bytes(_upgraded())
        with contextlib.closing(Store(url)) as store:
            upgrade(store, now)
            with store.write() as session:
                newcomers = [subscribers.Newcomer(email=one, newsletter="daily") for one in addresses]
                subscribers.add(session, newcomers, now)
        return addresses

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start the command and go on."""
        return subprocess.Popen(
            [DIGEST, *arguments],
            cwd=self.folder,
            env=self.environ,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def run(self, *arguments: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command to its end, which must come with this exit code."""
        with self.start(*arguments) as process:
            out, err = process.communicate(timeout=60)
        assert process.returncode == exits, f"digest {' '.join(arguments)}\n{out}\n{err}"
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def here(self, *arguments: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
        """Run the command in this process, which saves a second: for a hand beside the one that is tested."""
        runner = CliRunner(env={**self.environ, "DIGEST_CONFIG": str(self.folder / "config.toml")})
        try:
            result = runner.invoke(program(), arguments, prog_name="digest")
        finally:
            # The program sends log lines to its standard error, which is gone.
            structlog.reset_defaults()
            logging.getLogger().handlers.clear()
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        out, err = result.stdout, result.stderr
        assert result.exit_code == exits, f"digest {' '.join(arguments)}\n{out}\n{err}"
        return subprocess.CompletedProcess(arguments, result.exit_code, out, err)

    def json(self, *arguments: str) -> Any:
        """Run the command with --json in this process, and read what it says."""
        return json.loads(self.here(*arguments, "--json").stdout)
