"""The one click of a mail program (RFC 8058). Whatever is not plain is left to the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import structlog

from digest.links import Link, LinkKind
from digest.model import Channel
from digest.store import departures
from digest.store.database import Store
from digest.store.departures import Act
from digest.store.prepared import Hand
from digest.web.leaving import IP_LENGTH, Visitor
from digest.web.together import Together

log = structlog.get_logger()


@dataclass(frozen=True, kw_only=True)
class Click:
    """A click, and who makes it."""

    link: Link
    visitor: Visitor
    at: datetime


class OneClick:
    """Answers clicks. Those that come at the same time leave in one transaction."""

    def __init__(self, store: Store, titles: Mapping[str, str]) -> None:
        self._titles = titles
        self._together = Together(store, self._leave)

    async def leave(self, link: Link, visitor: Visitor, now: datetime) -> bool:
        """Have a reader leave; False where that is not plain, and nothing was done.

        Raises StoreError where the ledger cannot be written; then nothing has changed.
        """
        if link.kind is not LinkKind.UNSUBSCRIBE:
            return False
        left = await self._together.do(Click(link=link, visitor=visitor, at=now))
        if left:
            log.info("reader.left", subscriber=link.subscriber_id, channel=Channel.ONE_CLICK.value)
        return left

    def _leave(self, hand: Hand, click: Click) -> bool:
        link = click.link
        one = departures.person(hand, link.subscriber_id)
        if one is None or one.address_version != link.address_version:
            return False
        newsletters = sorted({*self._titles, *one.newsletters})
        if link.issue_id:
            newsletter = departures.newsletter_of(hand, link.issue_id)
            if newsletter is None:
                return False
            newsletters = [newsletter]
        act = Act(
            at=click.at,
            channel=Channel.ONE_CLICK,
            issue_id=link.issue_id or None,
            ip=click.visitor.ip[:IP_LENGTH],
            agent=click.visitor.agent,
        )
        departures.leave(hand, one, newsletters, act)
        return True
