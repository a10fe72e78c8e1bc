"""An amended issue: a row names the revision that it was sent with, and no old one goes out after it."""

from dataclasses import replace

import pytest
import sqlalchemy as sa
from ledger_scene import NOW, accepted, claim_all, draft, due, frozen, readers, sending, take, turn

from digest.errors import IssueError
from digest.model import Issue, IssueState, Rendering
from digest.store import issues, revisions
from digest.store.database import Store
from digest.store.tables import DELIVERY, EVENT

WRONG = Rendering(
    subject="The ferry was late", preheader="", html="<p>late</p>", text="late", nonce="0123456789abcdef"
)
RIGHT = replace(WRONG, subject="The ferry was on time", html="<p>on time</p>", text="on time")


def held(store: Store, issue: Issue) -> Issue:
    with store.write() as session:
        return issues.hold(session, issue, "operator", "wrong headline", NOW)


def resumed(store: Store, issue: Issue) -> Issue:
    with store.write() as session:
        return issues.resume(session, issue, NOW)


def amended(store: Store, issue: Issue, rendering: Rendering = RIGHT) -> Issue:
    with store.write() as session:
        return revisions.amend(session, issue, rendering, [revisions.SUBJECT, revisions.BODY], NOW)


def sent_with(store: Store, issue: Issue) -> dict[int, int]:
    with store.read() as session:
        query = sa.select(DELIVERY.c.subscriber_id, DELIVERY.c.revision)
        rows = session.connection().execute(query.where(DELIVERY.c.issue_id == issue.id))
        return {row.subscriber_id: row.revision for row in rows}


def test_a_sender_of_an_old_revision_claims_nothing_once_the_issue_was_amended_and_resumed(
    store: Store,
) -> None:
    first, *others = readers(store, 3)
    issue = sending(store)
    old = take(store, issue)
    rows = due(store, old)
    assert not turn(store, old, claim=rows[:1]).outdated
    again = resumed(store, amended(store, held(store, issue)))
    assert again.state is IssueState.SENDING
    told = turn(store, old, results=accepted(first), claim=rows[1:])
    assert (told.state, told.outdated, told.claimed) == (IssueState.SENDING, True, {})
    # What it had sent is recorded all the same, and is known to be of the old words.
    assert sent_with(store, issue)[first] == 1
    new = take(store, again)
    assert claim_all(store, new) == others
    turn(store, new, results=accepted(*others))
    assert sent_with(store, issue) == {first: 1, others[0]: 2, others[1]: 2}
    with store.read() as session:
        assert revisions.accepted(session, issue.id) == {1: 1, 2: 2}


def test_a_job_composed_before_an_amendment_is_outdated_though_its_batch_is_taken_after_it(
    store: Store,
) -> None:
    readers(store, 2)
    issue = sending(store)
    again = resumed(store, amended(store, held(store, issue)))
    late = take(store, issue)
    assert turn(store, late, claim=due(store, late)).outdated
    assert claim_all(store, take(store, again)) != []


def test_an_amendment_is_the_newest_rendering_and_an_event(store: Store) -> None:
    readers(store, 1)
    issue = draft(store)
    with store.write() as session:
        issues.save_rendering(session, issue.id, WRONG, NOW)
    issue = held(store, sending(store))
    assert issue.revision == 1
    again = amended(store, issue)
    assert (again.revision, again.state, again.held_from) == (2, IssueState.HELD, IssueState.SENDING)
    with store.read() as session:
        assert issues.latest_rendering(session, issue.id) == RIGHT
        assert revisions.subject_was_given(session, issue.id)
        told = session.connection().execute(sa.select(EVENT.c.detail).where(EVENT.c.kind == "issue.amended"))
        assert told.scalars().all() == ["revision 2: subject, body"]


def test_two_who_amend_at_once_do_not_overwrite_each_other(store: Store) -> None:
    readers(store, 1)
    issue = held(store, sending(store))
    amended(store, issue)
    with pytest.raises(IssueError, match="amended by somebody else"):
        amended(store, issue)


def test_an_issue_that_is_not_held_says_what_to_do_first(store: Store) -> None:
    readers(store, 1)
    issue = draft(store)
    with pytest.raises(IssueError, match="still a draft and follows the feed"):
        amended(store, issue)
    with pytest.raises(IssueError, match="still a draft and follows the feed"):
        amended(store, held(store, issue))
    resumed(store, issue)
    with pytest.raises(IssueError, match="hold it first"):
        amended(store, frozen(store))
    with store.write() as session:
        ended = issues.cancel(session, issue, "enough", NOW)
    with pytest.raises(IssueError, match="nobody waits for it"):
        amended(store, ended)
