"""Extras: one of a name, in a minute of their own, and none of the schedule's business."""

import threading
from datetime import timedelta

import pytest
from ledger_scene import NOW, SLOT, frozen, readers, sending, state

from digest.errors import IssueError
from digest.model import Issue, IssueState, Slot
from digest.store import extras, issues, ledger
from digest.store.database import Store

MINUTES = [Slot(name=f"2026-11-24T07:{minute:02}", instant=NOW) for minute in (0, 1, 2)]


def opened(store: Store, name: str, newsletter: str = "daily") -> Issue:
    with store.write() as session:
        return extras.open_extra(session, newsletter, name, MINUTES, NOW)


def test_a_second_extra_of_a_name_finds_the_first(store: Store) -> None:
    first = opened(store, "correction")
    assert opened(store, "correction") == first
    assert (first.extra, first.slot, issues.name(first)) == (
        "correction",
        "2026-11-24T07:00",
        "daily 2026-11-24T07:00 (correction)",
    )
    assert opened(store, "correction", "weekly").id != first.id


def test_an_extra_takes_the_next_minute_that_no_issue_has(store: Store) -> None:
    frozen(store)
    assert [opened(store, name).slot[-2:] for name in ("one", "two")] == ["01", "02"]
    with pytest.raises(IssueError, match="every minute"):
        opened(store, "three")


def test_many_at_once_make_one_extra_of_a_name(store: Store) -> None:
    found: list[int] = []
    threads = [
        threading.Thread(target=lambda: found.append(opened(store, "correction").id)) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 4
    assert len(set(found)) == 1


def test_an_audience_is_compared_with_the_schedules_last_issue_and_not_with_an_extra(store: Store) -> None:
    readers(store, 2)
    first = sending(store)
    with store.write() as session:
        finished = issues.move(session, first, IssueState.SENT, NOW, allowed=(IssueState.SENDING,))
    assert finished is not None
    extra = opened(store, "correction")
    with store.write() as session:
        ledger.freeze(session, extra, NOW)
        issues.move(session, extra, IssueState.SENT, NOW, allowed=(IssueState.FROZEN,))
        later = Slot(name="2026-11-25T07:00", instant=SLOT.instant + timedelta(days=1))
        second = issues.open_draft(session, "daily", later, NOW)
        before = issues.before(session, second)
        assert before is not None
        assert before.id == first.id
        assert [one.id for one in issues.listing(session, scheduled=True)] == [second.id, first.id]
        assert len(issues.listing(session)) == 3
    assert state(store, extra) is IssueState.SENT
