"""Leaves, returns, or only looks: what a reader's link does to the ledger, and which page says so.

Only an act changes anything; a look never does. Knows neither HTTP nor templates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import Enum

import structlog
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session

from digest import links
from digest.errors import StoreError, TokenError
from digest.links import Link, LinkKind
from digest.model import Channel, Subscriber, SubscriberState
from digest.store import issues, preferences, subscribers
from digest.store.subscribers import Visit
from digest.web.forms import Act, Form
from digest.web.pages import Pages

log = structlog.get_logger()

IP_LENGTH = 45
"""The longest IPv6 address in text; a proxy may have passed on anything."""

REASONS = ("too-often", "not-interested", "did-not-sign-up", "other")
"""Why one may say that one has left."""

SAID = {
    Act.ONE_CLICK: "reader.left",
    Act.LEAVE: "reader.left",
    Act.RETURN: "reader.returned",
    Act.REASON: "reader.gave_reason",
    Act.RARER: "reader.reads_rarer",
}
"""What the log says of an act."""


class Standing(Enum):
    """How a link's reader stands to the newsletter of the link."""

    READING = "reading"
    LEFT = "left"
    SUPPRESSED = "suppressed"
    MOVED = "moved"
    """The reader has another address by now: this link speaks of the former one."""
    ERASED = "erased"
    TEST = "test"
    """The link of a test message: it does nothing."""


@dataclass(frozen=True, kw_only=True)
class Visitor:
    """Who opened a link, as far as HTTP tells."""

    method: str
    ip: str = ""
    agent: str = ""
    languages: str = ""
    """Those that the browser asks for, as in Accept-Language (RFC 9110 12.5.4)."""

    def visit(self, channel: Channel = Channel.PAGE, issue_id: int | None = None) -> Visit:
        """Give what an event keeps of it."""
        return Visit(channel=channel, issue_id=issue_id, ip=self.ip[:IP_LENGTH], agent=self.agent)


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Which page a reader gets, what it shows, HTTP's status, and the reader's language."""

    page: str
    status: int = 200
    shown: Mapping[str, object] = field(default_factory=dict)
    language: str = ""


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What the ledger says about a link."""

    link: Link
    issue_id: int | None
    newsletters: Sequence[str]
    """What the link speaks of: its issue's newsletter, or all of them where it came with no issue."""
    subscriber: Subscriber | None
    language: str = ""

    @property
    def standing(self) -> Standing:
        subscriber = self.subscriber
        if self.link.kind is not LinkKind.UNSUBSCRIBE:
            return Standing.TEST
        return standing(self.link, subscriber, self.newsletters)

    @property
    def one(self) -> str:
        """The newsletter that the link speaks of, empty where it speaks of several."""
        return self.newsletters[0] if len(self.newsletters) == 1 else ""


def standing(link: Link, subscriber: Subscriber | None, newsletters: Sequence[str]) -> Standing:
    """Give how the reader of a link that is no test's stands to some newsletters."""
    if subscriber is None:
        return Standing.ERASED
    if subscriber.address_version != link.address_version:
        return Standing.MOVED
    if subscriber.state is SubscriberState.SUPPRESSED:
        return Standing.SUPPRESSED
    reads = any(name in newsletters for name in subscriber.newsletters)
    return Standing.READING if reads else Standing.LEFT


class Leaving:
    """Answers the links of one store's mail. Every call blocks on the database: keep it off the loop."""

    def __init__(self, pages: Pages) -> None:
        self._pages, self._store, self._titles = pages, pages.store, pages.titles

    def look(self, link: Link, visitor: Visitor, now: datetime) -> Answer:
        """Give the page of a link and count the look. Scanners fetch every link: nothing else changes.

        Raises TokenError for a link to another page.
        """
        with self._store.read() as session:
            reader = self._reader(session, link)
        try:
            with self._store.write() as session:
                _count(session, reader, visitor, now)
        except StoreError as exc:
            # A full disk must not keep the button from a reader; the act will tell whether it worked.
            log.warning("web.view_not_counted", error=str(exc))
        return self._answer(reader)

    def act(self, link: Link, form: Form, visitor: Visitor, now: datetime) -> Answer:
        """Do what a reader asks for, at once and as often as asked; give the page that says how it stands.

        Raises StoreError where the ledger cannot be written; then nothing has changed. Raises TokenError.
        """
        with self._store.write() as session:
            reader = self._reader(session, link)
            if reader.standing is Standing.MOVED:
                _count(session, reader, visitor, now)
            if reader.standing not in (Standing.READING, Standing.LEFT, Standing.SUPPRESSED):
                return self._answer(reader)
            done = self._act(session, reader, form, visitor, now)
            after = replace(reader, subscriber=subscribers.get(session, link.subscriber_id))
        log.info(
            SAID[form.act],
            subscriber=link.subscriber_id,
            newsletter=",".join(reader.newsletters),
            channel=(Channel.ONE_CLICK if form.act is Act.ONE_CLICK else Channel.PAGE).value,
            changed=done,
        )
        if form.act in (Act.ONE_CLICK, Act.LEAVE):
            return self._answer(after)
        if form.act is Act.REASON and done:
            return self._answer(after, thanked=True)
        if form.act is Act.RARER and done:
            shown = self._shown(after) | {"newsletter": self._rarer(reader), "fresh": True}
            return Answer(page="back", shown=shown, language=after.language)
        if form.act is Act.RETURN and after.standing is Standing.READING:
            return Answer(page="back", shown=self._shown(after) | {"fresh": False}, language=after.language)
        answer = self._answer(after)
        # Refused: one who is suppressed, or never had this newsletter, does not come in by this door.
        return Answer(page=answer.page, status=409, shown=answer.shown, language=after.language)

    def _act(self, session: Session, reader: _Reader, form: Form, visitor: Visitor, now: datetime) -> bool:
        """Do it; True where that changed anything."""
        subscriber_id = reader.link.subscriber_id
        visit = visitor.visit(issue_id=reader.issue_id)
        if form.act is Act.ONE_CLICK:
            visit = visitor.visit(Channel.ONE_CLICK, reader.issue_id)
        if form.act in (Act.ONE_CLICK, Act.LEAVE):
            return subscribers.leave(session, subscriber_id, list(reader.newsletters), visit, now)
        if form.act is Act.RARER:
            rarer = self._rarer_name(reader)
            return bool(rarer) and preferences.join(session, subscriber_id, rarer, visit, now)
        if reader.standing is not Standing.LEFT:
            return False
        if form.act is Act.REASON:
            return _reason(session, reader, form.one("reason"), visit, now)
        return bool(reader.one) and subscribers.come_back(session, subscriber_id, reader.one, visit, now)

    def _reader(self, session: Session, link: Link) -> _Reader:
        if link.kind not in (LinkKind.UNSUBSCRIBE, LinkKind.INERT):
            raise TokenError("This link does something else: use the one in the mail as it stands.")
        subscriber = subscribers.get(session, link.subscriber_id)
        issue_id, newsletters = None, sorted({*self._titles, *(subscriber.newsletters if subscriber else ())})
        try:
            if link.issue_id:
                issue = issues.get(session, link.issue_id)
                issue_id, newsletters = issue.id, [issue.newsletter]
        except NoResultFound:
            # The link is ours but the issue is not here: a database restored from before it. It still leaves.
            log.warning("web.issue_unknown", issue=link.issue_id)
        return _Reader(
            link=link,
            issue_id=issue_id,
            newsletters=newsletters,
            subscriber=subscriber,
            language=preferences.language(session, link.subscriber_id),
        )

    def _answer(self, reader: _Reader, *, thanked: bool = False) -> Answer:
        shown = self._shown(reader)
        if reader.standing is Standing.READING:
            return Answer(page="leave", shown=shown, language=reader.language)
        if reader.standing is Standing.LEFT:
            left = {"rarer": self._rarer(reader), "reasons": REASONS, "thanked": thanked}
            return Answer(page="left", shown=shown | left, language=reader.language)
        return Answer(page="nothing", shown=shown | {"why": reader.standing.value}, language=reader.language)

    def _shown(self, reader: _Reader) -> dict[str, object]:
        subscriber = reader.subscriber if reader.standing is not Standing.MOVED else None
        one = reader.one
        others = [name for name in subscriber.newsletters if name != one] if subscriber and one else []
        return {
            "newsletter": self._titles.get(one, self._pages.site_name),
            "address": masked(subscriber.email) if subscriber else "",
            "others": [self._titles[name] for name in others if name in self._titles],
            # A link to several newsletters cannot tell which of them the reader had.
            "can_return": bool(one),
            "settings_url": settings_url(self._pages, subscriber) if subscriber else "",
        }

    def _rarer(self, reader: _Reader) -> str:
        """Give the title of a newsletter that comes less often, empty where there is none."""
        return self._titles.get(self._rarer_name(reader), "")

    def _rarer_name(self, reader: _Reader) -> str:
        has = reader.subscriber.newsletters if reader.subscriber else ()
        return next((name for name in self._pages.rarer.get(reader.one, ()) if name not in has), "")


def settings_url(pages: Pages, subscriber: Subscriber) -> str:
    """Give the path from an issue's link to a reader's settings. A forwarded one shows it to others, too."""
    link = Link(
        kind=LinkKind.PAUSE,
        subscriber_id=subscriber.id,
        address_version=subscriber.address_version,
    )
    return links.preferences_url(pages.root, link, pages.keys)


def masked(email: str) -> str:
    """Give `r•••@mail.example`: a reader knows it again, whoever else holds the link does not learn it."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}•••@{domain}"


def _reason(session: Session, reader: _Reader, reason: str, visit: Visit, now: datetime) -> bool:
    """Take note of why a reader has left; False for a reason that nobody was offered."""
    if reason not in REASONS:
        return False
    preferences.note(
        session,
        "subscriber.reason",
        reader.link.subscriber_id,
        visit,
        now,
        newsletter=reader.one,
        detail=reason,
    )
    return True


def _count(session: Session, reader: _Reader, visitor: Visitor, now: datetime) -> None:
    """Count a visit that does nothing, by its method. One who was erased leaves no new trace."""
    if reader.standing in (Standing.TEST, Standing.ERASED):
        return
    counted = Visitor(method=visitor.method, ip=visitor.ip, agent=f"{visitor.method} {visitor.agent}".strip())
    visit = counted.visit(issue_id=reader.issue_id)
    subscribers.viewed(session, reader.link.subscriber_id, reader.one, visit, now)
