"""`digest run` as systemd starts and stops it: a process of its own, and a real signal."""

import asyncio
import contextlib
import os
import signal
import time
from datetime import UTC, datetime
from pathlib import Path

from installed import Site
from smtp_server import SmtpServer, serving

from digest.config import load
from digest.desk import Desk
from digest.links import parse_keys
from digest.publish import collect, draft, freeze
from digest.store.schema import open_store


def freeze_todays_issue(site: Site) -> None:
    """Bring today's issue to where a service that was killed at its slot left it."""

    async def make(desk: Desk) -> None:
        newsletter = desk.settings.newsletter[0]
        slot = desk.schedule(newsletter).today(datetime.now(UTC))
        assert slot is not None
        await collect(desk)
        await freeze(desk, newsletter, draft(desk, newsletter, slot).issue)

    settings = load(site.folder / "config.toml", {})
    keys = parse_keys((site.folder / "secret.key").read_text(encoding="utf-8"))
    with contextlib.closing(open_store(settings.database_url)) as store:
        asyncio.run(make(Desk(settings=settings, store=store, keys=keys)))


def until(relay: SmtpServer, count: int) -> None:
    deadline = time.monotonic() + 30
    while len(relay.received) < count:
        assert time.monotonic() < deadline, f"{len(relay.received)} of {count} came"
        time.sleep(0.01)


def test_sigterm_in_mid_send_drains_and_a_restart_finishes(tmp_path: Path) -> None:
    with serving(SmtpServer(pause=0.05)) as relay:
        site = Site(
            tmp_path, feed="sample:", smtp=relay.port, database="sqlite:///subscribers.db", connections=4
        )
        addresses = site.install(200)
        freeze_todays_issue(site)
        with site.start("run") as service:
            until(relay, 20)
            os.kill(service.pid, signal.SIGTERM)
            _, told = service.communicate(timeout=40)
        assert service.returncode == 0, told
        stopped = site.json("issues", "show")
        assert stopped["state"] == "sending"
        assert 20 <= stopped["accepted"] == len(relay.received) < 200
        assert (stopped["submitting"], stopped["unknown"], stopped["doubtful"]) == (0, 0, 0)
        relay.pause = 0
        with site.start("run") as service:
            until(relay, 200)
            service.send_signal(signal.SIGINT)
            service.communicate(timeout=40)
        assert service.returncode == 0
        assert sorted(relay.recipients) == sorted(addresses)
        assert site.json("issues", "show")["state"] == "sent"
