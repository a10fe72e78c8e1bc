"""A reader's own page, `/p/TOKEN`: what is read, at which address, a pause, a language, all data, the end.

The token is what a reader may do it by; looking changes nothing. It stands in mail to this reader alone, and
in no issue: `web.pausing` is what an issue leads to. The mail to a new address leads here too.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime

import structlog
from fastapi import FastAPI, Request, Response
from fastapi.encoders import jsonable_encoder
from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from digest import languages, links
from digest.address import MAX_ADDRESS, normalise
from digest.errors import AddressError, TokenError
from digest.links import Link, LinkKind
from digest.model import Channel, SubscriberState
from digest.store import erasure, history, newaddress, ownlink, preferences, subscribers
from digest.store.newaddress import Outcome
from digest.store.preferences import Preferences
from digest.store.subscribers import Visit
from digest.web import dress, forms, pausing
from digest.web.dress import Dress
from digest.web.forms import Act, Form
from digest.web.leaving import Answer, Visitor, masked
from digest.web.pages import Pages
from digest.web.pausing import Pausing, nothing, pause, pauses, refused, resume
from digest.web.visitor import visitor

log = structlog.get_logger()

ACTS = (
    *(Act.SAVE, Act.PAUSE, Act.RESUME, Act.LANGUAGE, Act.ADDRESS),
    *(Act.LEAVE, Act.DELETE, Act.ERASE, Act.DATA),
)
"""What the buttons of the page do."""

_LOOK = ["GET", "HEAD"]


def routes(made: FastAPI, pages: Pages, clothes: Dress) -> None:
    """Add the page to the application."""
    own, aside = Own(pages, clothes), Pausing(pages, clothes)
    doors = {
        LinkKind.PREFERENCES: _Door(look=own.look, act=own.act, among=ACTS),
        LinkKind.PAUSE: _Door(look=aside.look, act=aside.act, among=pausing.ACTS),
        LinkKind.CONFIRM: _Door(look=own.question, act=own.confirm, among=(Act.CHANGE,)),
    }

    @made.api_route("/p/{token:path}", methods=[*_LOOK, "POST"])
    async def preference(request: Request, token: str) -> Response:
        """Show what a reader has chosen, or do what a POST asks for."""
        link = links.read(token, pages.keys)
        door = doors.get(link.kind)
        if door is None:
            raise TokenError("This link does something else: use the one in the mail as it stands.")
        who = visitor(request)
        if request.method == "POST":
            form = await forms.read(request, door.among, public_url=pages.public_url)
            answer = await run_in_threadpool(door.act, link, form, who, pages.clock())
        else:
            answer = await run_in_threadpool(door.look, link, who, pages.clock())
        if isinstance(answer, Response):
            return answer
        language = clothes.language(who.languages, answer.language)
        return clothes.page(answer.page, answer.shown, answer.status, language=language)


@dataclass(frozen=True, kw_only=True)
class _Door:
    """Who answers a kind of link, and the acts that it is good for."""

    look: Callable[[Link, Visitor, datetime], Answer]
    act: Callable[[Link, Form, Visitor, datetime], Answer | Response]
    among: Collection[Act]


class Own:
    """Answers the links to readers' own pages. Its calls block on the database."""

    def __init__(self, pages: Pages, clothes: Dress) -> None:
        self._pages, self._store = pages, pages.store
        self._clothes, self._languages = clothes, clothes.languages
        self._acts: Mapping[Act, Callable[[Session, Preferences, Form, Visit, datetime], str]] = {
            Act.SAVE: self._save,
            Act.PAUSE: pause,
            Act.RESUME: lambda session, reader, _form, visit, now: resume(session, reader, visit, now),
            Act.LANGUAGE: self._language,
            Act.ADDRESS: self._address,
            Act.LEAVE: self._leave,
        }

    def look(self, link: Link, visitor: Visitor, now: datetime) -> Answer:
        """Give the page of a link."""
        with self._store.read() as session:
            reader = preferences.read(session, link.subscriber_id, now)
        return refused(link, reader) or self._page(reader, visitor, now)

    def act(self, link: Link, form: Form, visitor: Visitor, now: datetime) -> Answer | Response:
        """Do what a reader asks for, as often as asked; give the page that says how it stands.

        Raises StoreError where the ledger cannot be written; then nothing has changed.
        """
        visit = visitor.visit()
        with self._store.write() as session:
            reader = preferences.read(session, link.subscriber_id, now)
            answer = refused(link, reader)
            if answer or reader is None:
                return answer or Answer(page="nothing")
            ownlink.used(session, reader.subscriber.email, now)
            if form.act is Act.DATA:
                return _data(session, reader, visit, now)
            if form.act is Act.ERASE:
                erasure.erase(session, reader.subscriber, now, Channel.PAGE)
                log.info("reader.erased", subscriber=link.subscriber_id)
                return Answer(page="erased", language=reader.language)
            if form.act is Act.DELETE:
                shown = {"address": masked(reader.subscriber.email)}
                return Answer(page="erase", shown=shown, language=reader.language)
            said = self._acts[form.act](session, reader, form, visit, now)
            after = preferences.read(session, link.subscriber_id, now)
        log.info("reader.chose", subscriber=link.subscriber_id, act=form.act.value, said=said)
        return self._page(after, visitor, now, said, typed=form.one("email"))

    def question(self, link: Link, _visitor: Visitor, now: datetime) -> Answer:
        """Give the page of the link in the mail to a new address."""
        with self._store.read() as session:
            asked = newaddress.question(session, link, now)
            tag = preferences.language(session, link.subscriber_id)
        if asked is None:
            return Answer(page="nothing", status=410, shown=nothing("late"), language=tag)
        if asked.done:
            return Answer(page="changed", shown=_changed(asked.subscriber.email), language=tag)
        shown = {"address": masked(asked.email), "former": masked(asked.subscriber.email)}
        return Answer(page="change", shown=shown, language=tag)

    def confirm(self, link: Link, _form: Form, visitor: Visitor, now: datetime) -> Answer:
        """Give the reader the new address, as often as asked. Raises StoreError."""
        with self._store.write() as session:
            outcome = newaddress.confirm_change(session, link, visitor.visit(), now)
            reader = preferences.read(session, link.subscriber_id, now)
        log.info("reader.changed_address", subscriber=link.subscriber_id, outcome=outcome.value)
        tag = reader.language if reader else ""
        if outcome is Outcome.CHANGED and reader is not None:
            return Answer(page="changed", shown=_changed(reader.subscriber.email), language=tag)
        status = 409 if outcome is Outcome.TAKEN else 410
        return Answer(page="nothing", status=status, shown=nothing(outcome.value), language=tag)

    def _page(
        self, reader: Preferences | None, visitor: Visitor, now: datetime, said: str = "", *, typed: str = ""
    ) -> Answer:
        assert reader is not None
        subscriber, titles = reader.subscriber, self._pages.titles
        tag = self._clothes.language(visitor.languages, reader.language)
        return Answer(
            page="preferences",
            status=400 if said == "wrong-address" else 200,
            language=tag,
            shown={
                **pauses(reader, now, self._pages.timezone, tag),
                "said": said,
                "typed": typed[:MAX_ADDRESS] if said == "wrong-address" else "",
                "address": masked(subscriber.email),
                "new_address": masked(reader.new_address) if reader.new_address else "",
                "choices": [
                    {"name": name, "title": title, "chosen": name in subscriber.newsletters}
                    for name, title in titles.items()
                ],
                "pending": subscriber.state is SubscriberState.PENDING,
                "languages": [
                    {"tag": one, "name": languages.name(one), "chosen": one == tag} for one in self._languages
                ],
            },
        )

    # Each does one act, and gives the word for what the page says of it.

    def _save(self, session: Session, reader: Preferences, form: Form, visit: Visit, now: datetime) -> str:
        preferences.choose(
            session,
            reader.subscriber.id,
            form.every("newsletter"),
            visit,
            now,
            offered=list(self._pages.titles),
        )
        return "saved"

    def _language(
        self, session: Session, reader: Preferences, form: Form, visit: Visit, now: datetime
    ) -> str:
        if form.one("language") not in self._languages:
            raise forms.FormError(*forms.UNCLEAR)
        preferences.speak(session, reader.subscriber.id, form.one("language"), visit, now)
        return "saved"

    def _address(self, session: Session, reader: Preferences, form: Form, visit: Visit, now: datetime) -> str:
        try:
            email = normalise(form.one("email"))
        except AddressError:
            return "wrong-address"
        newaddress.ask(session, reader.subscriber.id, email, visit, now)
        return "asked"

    def _leave(self, session: Session, reader: Preferences, _form: Form, visit: Visit, now: datetime) -> str:
        known = sorted({*self._pages.titles, *reader.subscriber.newsletters})
        subscribers.leave(session, reader.subscriber.id, known, visit, now)
        return "left"


def _data(session: Session, reader: Preferences, visit: Visit, now: datetime) -> Response:
    """Answer with everything that is held about a reader (GDPR, article 15)."""
    preferences.note(session, "subscriber.data_given", reader.subscriber.id, visit, now)
    held = history.read(session, reader.subscriber.id)
    assert held is not None
    answer = dress.json(jsonable_encoder(asdict(reader.subscriber) | asdict(held)))
    answer.headers["Content-Disposition"] = 'attachment; filename="my-data.json"'
    return answer


def _changed(email: str) -> dict[str, object]:
    return {"address": masked(email)}
