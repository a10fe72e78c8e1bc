import asyncio
import contextlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import httpx2
import pytest
from plain import PLAIN
from web_site import pages, serving

from digest.store.database import Store
from digest.store.schema import open_store, upgrade
from digest.web.app import app
from digest.web.ready import KEEP_SECONDS, Readiness
from digest.web.server import serve


@dataclass(kw_only=True)
class Watch:
    """Stands still until it is set."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


def may_only_read(store: Store, state: str) -> None:
    """Have the writer refuse to write, as on a disk that is mounted so."""
    with contextlib.closing(store._writer.raw_connection()) as raw:
        raw.cursor().execute(f"PRAGMA query_only = {state}")


async def test_one_that_can_work_is_ready(store: Store) -> None:
    async with serving(store) as site:
        for method in ("GET", "HEAD"):
            assert (await site.client.request(method, "/readyz")).status_code == 200
        assert (await site.client.get("/readyz")).json() == {"ready": True, "trouble": ""}
        assert site.events() == []


def test_a_schema_of_another_version_is_no_good(store: Store) -> None:
    with store.write() as session:
        session.connection().exec_driver_sql("UPDATE alembic_version SET version_num = '0001'")
    assert "db upgrade" in Readiness(store).trouble()


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_a_database_that_cannot_be_written_is_no_good_until_it_can(store: Store) -> None:
    watch = Watch()
    ready = Readiness(store, watch)
    may_only_read(store, "on")
    assert ready.trouble() == "the database cannot be written"
    may_only_read(store, "off")
    # An answer stands for a moment: nobody has us write more often by asking.
    assert ready.trouble() != ""
    watch.seconds += KEEP_SECONDS
    assert ready.trouble() == ""


async def test_one_that_is_about_to_stop_is_not_ready(tmp_path: Path, now: datetime) -> None:
    url = f"sqlite:///{tmp_path / 'subscribers.db'}"
    with contextlib.closing(Store(url)) as fresh:
        upgrade(fresh, now)
    stop, leaving = asyncio.Event(), asyncio.Event()
    started: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    with contextlib.closing(open_store(url)) as store:
        task = asyncio.create_task(
            serve(
                app(pages(store)),
                "127.0.0.1",
                0,
                stop=stop,
                stopping=leaving.is_set,
                started=started.set_result,
            )
        )
        async with httpx2.AsyncClient(base_url=await started, trust_env=False, verify=PLAIN) as client:
            assert (await client.get("/readyz")).status_code == 200
            leaving.set()
            answer = await client.get("/readyz")
            assert (answer.status_code, answer.json()["trouble"]) == (503, "it is about to stop")
            # Readers are answered until the end.
            assert (await client.get("/healthz")).status_code == 200
        stop.set()
        await task
