"""Leaves, returns, or only looks: what a reader's link does to the ledger, and which page says so.

Only an act changes anything; a look never does. Knows neither HTTP nor templates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import Enum

import structlog
from sqlalchemy.exc import NoResultFound
from sqlmodel import Session

from digest.errors import StoreError
from digest.links import Link, LinkKind
from digest.model import Channel, Subscriber, SubscriberState
from digest.store import issues, subscribers
from digest.store.database import Store
from digest.store.subscribers import Visit
from digest.web.forms import Act

log = structlog.get_logger()

IP_LENGTH = 45
"""The longest IPv6 address in text; a proxy may have passed on anything."""


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


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Which page a reader gets, what it shows, and HTTP's status."""

    page: str
    status: int = 200
    shown: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class _Reader:
    """What the ledger says about a link."""

    link: Link
    issue_id: int | None
    newsletters: Sequence[str]
    """What the link speaks of: its issue's newsletter, or all of them where it came with no issue."""
    subscriber: Subscriber | None

    @property
    def standing(self) -> Standing:
        subscriber = self.subscriber
        if self.link.kind is not LinkKind.UNSUBSCRIBE:
            return Standing.TEST
        if subscriber is None:
            return Standing.ERASED
        if subscriber.address_version != self.link.address_version:
            return Standing.MOVED
        if subscriber.state is SubscriberState.SUPPRESSED:
            return Standing.SUPPRESSED
        reads = any(name in self.newsletters for name in subscriber.newsletters)
        return Standing.READING if reads else Standing.LEFT

    def visit(self, channel: Channel, visitor: Visitor) -> Visit:
        return Visit(channel=channel, issue_id=self.issue_id, ip=visitor.ip[:IP_LENGTH], agent=visitor.agent)


class Leaving:
    """Answers the links of one store's mail. Every call blocks on the database: keep it off the loop."""

    def __init__(self, store: Store, titles: Mapping[str, str], site_name: str) -> None:
        self._store = store
        self._titles = titles
        self._site_name = site_name

    def look(self, link: Link, visitor: Visitor, now: datetime) -> Answer:
        """Give the page of a link and count the look. Scanners fetch every link: nothing else changes."""
        with self._store.read() as session:
            reader = self._reader(session, link)
        try:
            with self._store.write() as session:
                _count(session, reader, visitor, now)
        except StoreError as exc:
            # A full disk must not keep the button from a reader; the act will tell whether it worked.
            log.warning("web.view_not_counted", error=str(exc))
        return self._answer(reader)

    def act(self, link: Link, act: Act, visitor: Visitor, now: datetime) -> Answer:
        """Do what a reader asks for, at once and as often as asked; give the page that says how it stands.

        Raises StoreError where the ledger cannot be written; then nothing has changed.
        """
        with self._store.write() as session:
            reader = self._reader(session, link)
            if reader.standing is Standing.MOVED:
                _count(session, reader, visitor, now)
            if reader.standing not in (Standing.READING, Standing.LEFT, Standing.SUPPRESSED):
                return self._answer(reader)
            done = _act(session, reader, act, visitor, now)
            after = self._reader(session, link)
        log.info(
            "reader.returned" if act is Act.RETURN else "reader.left",
            subscriber=link.subscriber_id,
            newsletter=",".join(reader.newsletters),
            channel=(Channel.ONE_CLICK if act is Act.ONE_CLICK else Channel.PAGE).value,
            changed=done,
        )
        if act is not Act.RETURN:
            return self._answer(after)
        if after.standing is Standing.READING:
            return Answer(page="back", shown=self._shown(after))
        answer = self._answer(after)
        # Refused: one who is suppressed, or never had this newsletter, does not come in by this door.
        return Answer(page=answer.page, status=409, shown=answer.shown)

    def _reader(self, session: Session, link: Link) -> _Reader:
        subscriber = subscribers.get(session, link.subscriber_id)
        issue_id, newsletters = None, sorted({*self._titles, *(subscriber.newsletters if subscriber else ())})
        try:
            if link.issue_id:
                issue = issues.get(session, link.issue_id)
                issue_id, newsletters = issue.id, [issue.newsletter]
        except NoResultFound:
            # The link is ours but the issue is not here: a database restored from before it. It still leaves.
            log.warning("web.issue_unknown", issue=link.issue_id)
        return _Reader(link=link, issue_id=issue_id, newsletters=newsletters, subscriber=subscriber)

    def _answer(self, reader: _Reader) -> Answer:
        standing, shown = reader.standing, self._shown(reader)
        if standing is Standing.READING:
            return Answer(page="leave", shown=shown)
        if standing is Standing.LEFT:
            return Answer(page="left", shown=shown)
        return Answer(page="nothing", shown={**shown, "why": standing.value})

    def _shown(self, reader: _Reader) -> dict[str, object]:
        subscriber = reader.subscriber if reader.standing is not Standing.MOVED else None
        one = reader.newsletters[0] if len(reader.newsletters) == 1 else ""
        others = [name for name in subscriber.newsletters if name != one] if subscriber and one else []
        return {
            "newsletter": self._titles.get(one, self._site_name),
            "address": masked(subscriber.email) if subscriber else "",
            "others": [self._titles[name] for name in others if name in self._titles],
            # A link to several newsletters cannot tell which of them the reader had.
            "can_return": bool(one),
        }


def masked(email: str) -> str:
    """Give `r•••@mail.example`: a reader knows it again, whoever else holds the link does not learn it."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1] if len(local) > 1 else ''}•••@{domain}"


def _act(session: Session, reader: _Reader, act: Act, visitor: Visitor, now: datetime) -> bool:
    """Do it; True where that changed anything."""
    subscriber_id, newsletters = reader.link.subscriber_id, reader.newsletters
    channel = Channel.ONE_CLICK if act is Act.ONE_CLICK else Channel.PAGE
    visit = reader.visit(channel, visitor)
    if act is not Act.RETURN:
        return subscribers.leave(session, subscriber_id, list(newsletters), visit, now)
    if len(newsletters) != 1 or reader.standing is not Standing.LEFT:
        return False
    return subscribers.come_back(session, subscriber_id, newsletters[0], visit, now)


def _count(session: Session, reader: _Reader, visitor: Visitor, now: datetime) -> None:
    """Count a visit that does nothing, by its method. One who was erased leaves no new trace."""
    if reader.standing in (Standing.TEST, Standing.ERASED):
        return
    counted = Visitor(method=visitor.method, ip=visitor.ip, agent=f"{visitor.method} {visitor.agent}".strip())
    visit = reader.visit(Channel.PAGE, counted)
    newsletter = reader.newsletters[0] if len(reader.newsletters) == 1 else ""
    subscribers.viewed(session, reader.link.subscriber_id, newsletter, visit, now)
