"""Follows an issue that another process sends, from the ledger alone."""

import time

from digest.cli.progress import Sent, sending
from digest.desk import Desk
from digest.model import Issue
from digest.store import issues, revisions

EVERY_SECONDS = 1.0
SHARE = 10
"""A look at a million deliveries takes a third of a second: at most one part in so many of the time."""


def watch(desk: Desk, issue: Issue) -> None:
    """Show how an issue gets on until it is sent, held or cancelled."""
    with sending(issue.audience, _done(desk, issue)) as bar:
        while True:
            began = time.monotonic()
            with desk.store.read() as session:
                issue = issues.get(session, issue.id)
            if issue.state not in revisions.STARTED:
                return
            bar(_done(desk, issue))
            time.sleep(max(EVERY_SECONDS, SHARE * (time.monotonic() - began)))


def _done(desk: Desk, issue: Issue) -> Sent:
    with desk.store.read() as session:
        counted = issues.counts(session, issue.id)
    return Sent(accepted=counted.accepted, settled=counted.total - counted.open)
