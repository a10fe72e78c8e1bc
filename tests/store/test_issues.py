"""An issue's states, decisions and bytes."""

from datetime import timedelta

import pytest
from ledger_scene import NOW, SLOT, draft, frozen, readers, sending, state

from digest.errors import IssueError
from digest.issue import Selection
from digest.model import Article, Decided, Decision, Issue, IssueState, LedgerArticle, Rendering, Slot
from digest.store import articles, issues, ledger
from digest.store.database import Store

RENDERING = Rendering(subject="Tides", preheader="High", html="<p>Tides</p>", text="Tides", nonce="0" * 16)


def test_a_slot_has_one_issue_and_the_second_finds_it(store: Store) -> None:
    first = draft(store)
    assert first.state is IssueState.DRAFT
    assert draft(store) == first
    assert draft(store, newsletter="weekly").id != first.id
    with store.read() as session:
        assert len(issues.listing(session)) == 2
        assert issues.find(session, "daily", SLOT.name) == first
        assert issues.find(session, "daily", "2026-11-25T07:00") is None


@pytest.mark.parametrize("came_from", ["draft", "approved", "frozen", "sending"])
def test_a_held_issue_goes_back_to_where_it_came_from(store: Store, came_from: str) -> None:
    readers(store, 1)
    issue = {"draft": draft, "approved": _approved, "frozen": frozen, "sending": sending}[came_from](store)
    with store.write() as session:
        held = issues.hold(session, issue, "relay", "the relay is down", NOW)
    assert (held.state, held.held_from, held.hold_code) == (IssueState.HELD, IssueState(came_from), "relay")
    assert (held.reason, held.held_at) == ("the relay is down", NOW)
    with store.write() as session:
        resumed = issues.resume(session, held, NOW)
    assert (resumed.state, resumed.held_from, resumed.held_at) == (IssueState(came_from), None, None)
    assert (resumed.hold_code, resumed.reason) == ("", "")


def _approved(store: Store) -> Issue:
    issue = draft(store)
    with store.write() as session:
        issues.save_rendering(session, issue.id, RENDERING, NOW)
        return issues.approve(session, issue, NOW)


def test_holding_twice_keeps_the_first_reason_and_state(store: Store) -> None:
    issue = sending(store)
    with store.write() as session:
        issues.hold(session, issue, "relay", "the relay is down", NOW)
        again = issues.hold(session, issue, "operator", "lunch", NOW)
    assert (again.hold_code, again.held_from) == ("relay", IssueState.SENDING)


def test_resuming_can_confirm_an_odd_audience(store: Store) -> None:
    issue = draft(store)
    with store.write() as session:
        issues.hold(session, issue, "audience", "it has halved", NOW)
        assert issues.resume(session, issue, NOW, confirm_audience=True).audience_confirmed


def test_only_a_held_issue_is_resumed(store: Store) -> None:
    issue = draft(store)
    with pytest.raises(IssueError, match="daily 2026-11-24T07:00 is draft"), store.write() as session:
        issues.resume(session, issue, NOW)


def test_an_ended_issue_is_neither_held_nor_cancelled(store: Store) -> None:
    issue = sending(store)
    with store.write() as session:
        ledger.finish(session, issue, NOW)
    with pytest.raises(IssueError, match="is sent"), store.write() as session:
        issues.hold(session, issue, "operator", "late", NOW)
    with pytest.raises(IssueError, match="is sent"), store.write() as session:
        issues.cancel(session, issue, "late", NOW)


def test_a_held_issue_can_be_cancelled(store: Store) -> None:
    issue = draft(store)
    with store.write() as session:
        issues.hold(session, issue, "operator", "a look", NOW)
        cancelled = issues.cancel(session, issue, "no", NOW)
    assert (cancelled.state, cancelled.held_from, cancelled.reason) == (IssueState.CANCELLED, None, "no")


def test_nothing_is_approved_before_there_are_bytes(store: Store) -> None:
    issue = draft(store)
    with pytest.raises(IssueError, match="nothing to approve"), store.write() as session:
        issues.approve(session, issue, NOW)
    with store.write() as session:
        issues.save_rendering(session, issue.id, RENDERING, NOW)
        approved = issues.approve(session, issue, NOW)
    assert (approved.state, approved.approved_at) == (IssueState.APPROVED, NOW)
    with pytest.raises(IssueError, match="is approved"), store.write() as session:
        issues.approve(session, issue, NOW)


def test_a_move_from_a_state_it_has_left_changes_nothing(store: Store) -> None:
    issue = draft(store)
    with store.write() as session:
        moved = issues.move(session, issue, IssueState.SENT, NOW, allowed=(IssueState.SENDING,))
    assert moved is None
    assert state(store, issue) is IssueState.DRAFT


def test_the_bytes_of_a_draft_are_replaced(store: Store) -> None:
    issue = draft(store)
    other = Rendering(
        subject="Fish", preheader="", html="<p>Fish</p>", text="Fish", nonce="1" * 16, shortened=2
    )
    with store.write() as session:
        assert issues.latest_rendering(session, issue.id) is None
        issues.save_rendering(session, issue.id, RENDERING, NOW)
    with store.write() as session:
        issues.save_rendering(session, issue.id, other, NOW)
    with store.read() as session:
        assert issues.latest_rendering(session, issue.id) == other


def test_issues_are_listed_newest_first_and_the_unfinished_oldest_first(store: Store) -> None:
    slots = [
        Slot(name=f"2026-11-{day}T07:00", instant=NOW + timedelta(days=day - 24)) for day in (24, 25, 26)
    ]
    made = [draft(store, slot=slot) for slot in slots]
    weekly = draft(store, newsletter="weekly", slot=slots[0])
    with store.write() as session:
        issues.cancel(session, made[1], "no", NOW)
    with store.read() as session:
        assert [i.slot for i in issues.listing(session, newsletter="daily")] == [
            slot.name for slot in reversed(slots)
        ]
        assert len(issues.listing(session, limit=2)) == 2
        assert {i.id for i in issues.unfinished(session)} == {made[0].id, made[2].id, weekly.id}
        assert issues.unfinished(session)[-1].id == made[2].id


def test_the_issue_before_is_the_last_one_that_was_sent(store: Store) -> None:
    days = [Slot(name=f"2026-11-2{n}T07:00", instant=NOW + timedelta(days=n)) for n in range(4)]
    sent = [sending(store, slot=slot) for slot in days[:2]]
    with store.write() as session:
        for issue in sent:
            ledger.finish(session, issue, NOW)
    skipped, latest = draft(store, slot=days[2]), draft(store, slot=days[3])
    with store.write() as session:
        issues.move(session, skipped, IssueState.SKIPPED, NOW, allowed=(IssueState.DRAFT,), reason="empty")
    with store.read() as session:
        previous = issues.before(session, latest)
        assert previous is not None
        assert previous.id == sent[1].id
        assert issues.before(session, sent[0]) is None


def _in_ledger(store: Store, *titles: str) -> list[LedgerArticle]:
    shown = [
        Article(guid=title, link=f"https://ledger.example/{title}/", title=title, published_at=NOW)
        for title in titles
    ]
    with store.write() as session:
        feed = articles.feed(session, "https://ledger.example/feed/")
        articles.upsert(session, feed.id, shown, NOW)
        return articles.recent(session, [feed.url], 10)


def test_decisions_are_replaced_as_a_whole_and_keep_their_order(store: Store) -> None:
    issue = draft(store)
    tides, fish = _in_ledger(store, "fish", "tides")
    first = Selection(
        decided=(
            Decided(article=tides, decision=Decision.INCLUDED, reason="new"),
            Decided(article=fish, decision=Decision.CARRIED, reason="the issue is full"),
        )
    )
    second = Selection(decided=(Decided(article=fish, decision=Decision.INCLUDED, reason="new"),))
    with store.write() as session:
        issues.save_decisions(session, issue.id, first)
        assert [row.title for row, _ in issues.decisions(session, issue.id)] == ["tides", "fish"]
        assert issues.included(session, issue.id) == 1
        issues.save_decisions(session, issue.id, second)
        assert [link.reason for _, link in issues.decisions(session, issue.id)] == ["new"]
        issues.save_decisions(session, issue.id, Selection(decided=()))
        assert issues.decisions(session, issue.id) == []


def test_an_issue_is_overtaken_by_edits_and_by_the_bin_but_not_by_comments(store: Store) -> None:
    issue = draft(store)
    decided = tuple(
        Decided(article=one, decision=Decision.INCLUDED, reason="new")
        for one in _in_ledger(store, "edited", "trashed", "discussed")
    )
    with store.write() as session:
        issues.save_decisions(session, issue.id, Selection(decided=decided))
        assert issues.overtaken(session, issue.id) == []
    with store.write() as session:
        feed = articles.feed(session, "https://ledger.example/feed/")
        rows = {article.title: article for article in articles.recent(session, [feed.url], 10)}
        shown = [
            Article(guid="edited", link=rows["edited"].link, title="edited!", published_at=NOW),
            Article(
                guid="discussed", link=rows["discussed"].link, title="discussed", published_at=NOW, comments=9
            ),
            Article(
                guid="old", link="https://ledger.example/o/", title="old", published_at=NOW - timedelta(1)
            ),
        ]
        articles.upsert(session, feed.id, shown, NOW)
        assert sorted(issues.overtaken(session, issue.id)) == ["edited!", "trashed"]
