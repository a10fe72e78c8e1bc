"""Says whether this process can do its work now, for whoever sends it requests or starts it again.

`/healthz` says who answers; this asks more: that the database can be written, and has our schema.
"""

import time
from collections.abc import Callable
from functools import cache
from threading import Lock

import sqlalchemy as sa
from fastapi import FastAPI, Request, Response

from digest.errors import StoreError
from digest.store import schema
from digest.store.database import Store
from digest.web import dress
from digest.web.pages import Pages

KEEP_SECONDS = 2.0
"""How long an answer stands: nobody has us write to the disk more often by asking."""

STOPPING = "digest.stopping"
"""Where the server says in a request's scope whether it is about to stop."""

_head = cache(schema.head)


def readiness(made: FastAPI, pages: Pages) -> None:
    """Add `/readyz` to the application: 200, or 503 with what is wrong."""
    asked = Readiness(pages.store)

    @made.api_route("/readyz", methods=["GET", "HEAD"])
    def ready(request: Request) -> Response:
        trouble = "it is about to stop" if request.scope.get(STOPPING) else asked.trouble()
        return dress.json({"ready": not trouble, "trouble": trouble}, 503 if trouble else 200)


class Readiness:
    """Asks a store. Every call blocks on the database: keep it off the loop."""

    def __init__(self, store: Store, clock: Callable[[], float] = time.monotonic) -> None:
        self._store, self._clock = store, clock
        self._lock = Lock()
        self._trouble, self._asked_at = "", -KEEP_SECONDS

    def trouble(self) -> str:
        """Give what is wrong, in a few words for an operator; empty where nothing is."""
        with self._lock:
            if self._clock() - self._asked_at >= KEEP_SECONDS:
                self._trouble = self._ask()
                self._asked_at = self._clock()
            return self._trouble

    def _ask(self) -> str:
        try:
            found = schema.current(self._store)
            if found != _head():
                return "the database has another schema than this program: run `digest db upgrade`"
            with self._store.write() as session:
                # Written for true, changing nothing: a full disk lets everything else pass.
                session.connection().execute(sa.text("UPDATE installation SET uid = uid"))
        except StoreError:
            return "the database cannot be written"
        return ""
