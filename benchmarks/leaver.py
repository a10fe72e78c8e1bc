"""Readers who leave while an issue goes out: `leaver.py WAY JSON`, or called within the sender's process.

Prints when each leave began and how long it took, as JSON.
"""

import http.client
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import stand

from digest import links, log
from digest.desk import Desk
from digest.links import Link, LinkKind
from digest.web.desk import pages
from digest.web.forms import Act, Form
from digest.web.leaving import Leaving, Visitor

Leaves: TypeAlias = list[tuple[float, float]]
"""When each began, by the system's clock, and the seconds until it was committed or answered."""
ONE_CLICK = "List-Unsubscribe=One-Click"
"""The body that a mail program posts (RFC 8058 section 3.1)."""
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


def by_ledger(desk: Desk, ids: Sequence[int], pause: float, enough: Path) -> Leaves:
    """Do what the pages do for a POST, straight on a store: from its first read to its commit."""
    leaving = Leaving(pages(desk))
    visitor = Visitor(method="POST", ip="127.0.0.1")

    def leave(link: Link) -> None:
        answer = leaving.act(link, Form(act=Act.ONE_CLICK), visitor, desk.clock())
        assert answer.page == "left", answer.page

    return _paced(leave, ids, pause, enough)


def by_http(desk: Desk, ids: Sequence[int], pause: float, enough: Path) -> Leaves:
    """Post what a mail program posts, each over a connection of its own, until the answer is there."""

    def leave(link: Link) -> None:
        client = http.client.HTTPConnection("127.0.0.1", desk.settings.web.port, timeout=60)
        client.request("POST", f"/u/{links.sign(link, desk.keys)}", ONE_CLICK, FORM)
        answer = client.getresponse()
        answer.read()
        client.close()
        assert answer.status == http.HTTPStatus.OK, answer.status

    return _paced(leave, ids, pause, enough)


def _paced(leave: Callable[[Link], None], ids: Sequence[int], pause: float, enough: Path) -> Leaves:
    """Let subscribers leave one after the other, so many seconds apart, until there is a file `enough`."""
    took: Leaves = []
    for subscriber_id in ids:
        if enough.exists():
            break
        link = Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=subscriber_id, issue_id=1)
        at, started = time.time(), time.perf_counter()
        leave(link)
        took.append((at, time.perf_counter() - started))
        time.sleep(pause)
    return took


def enough(desk: Desk) -> Path:
    """Give the file that ends the leaving, in this process or in another."""
    return desk.settings.folder / "enough"


WAYS = {"ledger": by_ledger, "http": by_http}


def main() -> None:
    """Leave by the way that is asked for, in this process."""
    way, task = sys.argv[1], json.loads(sys.argv[2])
    log.configure()
    desk = stand.open_desk(Path(task["folder"]))
    ids = range(task["first"], task["last"] + 1)
    print(json.dumps(WAYS[way](desk, ids, task["pause"], enough(desk))))
    desk.store.close()


if __name__ == "__main__":
    main()
