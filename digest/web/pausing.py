"""Between an issue and a reader's own page: a pause, and a mail with the way to all the rest.

An issue gets forwarded, and its links with it. From here nobody sees more of a reader than a masked address,
or does more than whoever can make the reader leave: the link to the rest goes to the reader's mailbox alone.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import structlog
from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from sqlmodel import Session

from digest.links import Link
from digest.store import ownlink, preferences
from digest.store.preferences import Preferences
from digest.store.subscribers import Visit
from digest.web import forms
from digest.web.dress import Dress
from digest.web.forms import Act, Form
from digest.web.leaving import Answer, Standing, Visitor, masked, standing
from digest.web.pages import Pages

log = structlog.get_logger()

ACTS = (Act.PAUSE, Act.RESUME, Act.LINK)
"""What the buttons of the page do."""

WEEKS = (1, 2, 4, 8)
"""How long a reader may pause."""


class Pausing:
    """Answers the links to this page. Its calls block on the database."""

    def __init__(self, pages: Pages, clothes: Dress) -> None:
        self._pages, self._clothes = pages, clothes

    def look(self, link: Link, visitor: Visitor, now: datetime) -> Answer:
        """Give the page of a link."""
        with self._pages.store.read() as session:
            reader = preferences.read(session, link.subscriber_id, now)
        return refused(link, reader) or self._page(reader, visitor, now)

    def act(self, link: Link, form: Form, visitor: Visitor, now: datetime) -> Answer:
        """Do what is asked for; give the page that says how it stands. Raises StoreError."""
        with self._pages.store.write() as session:
            reader = preferences.read(session, link.subscriber_id, now)
            answer = refused(link, reader)
            if answer or reader is None:
                return answer or Answer(page="nothing")
            said = _done(session, reader, form, visitor.visit(), now)
            after = preferences.read(session, link.subscriber_id, now)
        log.info("reader.chose", subscriber=link.subscriber_id, act=form.act.value, said=said)
        return self._page(after, visitor, now, said)

    def _page(self, reader: Preferences | None, visitor: Visitor, now: datetime, said: str = "") -> Answer:
        assert reader is not None
        tag = self._clothes.language(visitor.languages, reader.language)
        address = {"address": masked(reader.subscriber.email)}
        shown = pauses(reader, now, self._pages.timezone, tag) | address | {"said": said}
        return Answer(page="pause", language=tag, shown=shown)


def _done(session: Session, reader: Preferences, form: Form, visit: Visit, now: datetime) -> str:
    if form.act is Act.LINK:
        ownlink.ask(session, reader.subscriber.id, visit, now)
        return "mailed"
    return (
        resume(session, reader, visit, now)
        if form.act is Act.RESUME
        else pause(session, reader, form, visit, now)
    )


def pause(session: Session, reader: Preferences, form: Form, visit: Visit, now: datetime) -> str:
    """Pause for the weeks that a form names; give the word for it. Raises FormError."""
    weeks = {str(number): number for number in WEEKS}.get(form.one("weeks"))
    if weeks is None:
        raise forms.FormError(*forms.UNCLEAR)
    preferences.pause(session, reader.subscriber.id, now + timedelta(weeks=weeks), visit, now)
    return "paused"


def resume(session: Session, reader: Preferences, visit: Visit, now: datetime) -> str:
    """End a pause; give the word for it."""
    preferences.pause(session, reader.subscriber.id, None, visit, now)
    return "resumed"


def pauses(reader: Preferences, now: datetime, zone: str, tag: str) -> dict[str, object]:
    """Give what a page shows of a reader's pause, days as they are in a zone, in a language (BCP 47)."""
    reads = bool(reader.subscriber.newsletters)
    until = reader.paused_until if reads else None
    weeks: Sequence[dict[str, object]] = [
        {"number": number, "until": day(now + timedelta(weeks=number), zone, tag)} for number in WEEKS
    ]
    return {"reads": reads, "paused_until": day(until, zone, tag) if until else "", "weeks": weeks}


def day(when: datetime, zone: str, tag: str) -> str:
    """Give a day in words, as a language writes it."""
    try:
        locale = Locale.parse(tag, sep="-")
    except (UnknownLocaleError, ValueError):
        locale = Locale("en")
    return format_date(when.astimezone(ZoneInfo(zone)), format="long", locale=locale)


def refused(link: Link, reader: Preferences | None) -> Answer | None:
    """Give the page of one who has nothing to choose; None for one who has."""
    stands = standing(link, reader.subscriber if reader else None, ())
    if stands in (Standing.READING, Standing.LEFT):
        return None
    address = masked(reader.subscriber.email) if reader and stands is Standing.SUPPRESSED else ""
    language = reader.language if reader else ""
    return Answer(page="nothing", shown=nothing(stands.value, address), language=language)


def nothing(why: str, address: str = "") -> dict[str, object]:
    """Give what the page of a link shows that has nothing to do."""
    return {"why": why, "newsletter": "", "address": address, "others": [], "can_return": False}
