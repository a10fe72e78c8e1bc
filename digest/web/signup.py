"""The pages on which readers sign up: `/subscribe`, and `/c/TOKEN`, to which the mail of a sign-up leads.

Looking changes nothing. What is said to a visitor is the same for every address, known or not.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from urllib.parse import urlsplit

import structlog
from fastapi import FastAPI, HTTPException, Request, Response
from starlette.concurrency import run_in_threadpool

from digest import links, signup
from digest.errors import TokenError
from digest.links import Link, LinkKind
from digest.model import Channel
from digest.signup import Form, Mark, Next
from digest.store import asking, confirmations, readermail
from digest.store.asking import Asked, Rates, Wish
from digest.store.confirmations import Question
from digest.store.prepared import Hand
from digest.store.subscribers import Visit
from digest.web import forms
from digest.web.dress import Dress
from digest.web.leaving import IP_LENGTH, Answer, masked
from digest.web.pages import Pages
from digest.web.together import Together

log = structlog.get_logger()

WELCOMES: Mapping[str, Sequence[str]] = {
    "none": (),
    "mail": (readermail.WELCOME,),
    "issue": (readermail.WELCOME, readermail.ISSUE),
}
"""The mails that greet a new reader, by the setting."""

CONFIRM, NOT_ME = "confirm", "not-me"
"""What a POST to the link of a confirmation may ask for."""

_MAIN = re.compile(r"<main>.*</main>", re.DOTALL)
_LOOK = ["GET", "HEAD"]


def routes(made: FastAPI, pages: Pages, clothes: Dress) -> None:
    """Add the pages to the application."""
    signing_up = SigningUp(pages, version=_version(clothes))

    @made.api_route("/subscribe", methods=[*_LOOK, "POST"])
    async def subscribe(request: Request) -> Response:
        """Show the form, or take one in: ours acts, an embedded one leads to ours."""
        if not pages.signup.enabled:
            raise HTTPException(404)
        if request.method == "POST":
            form = signup.read(await forms.fields(request), signing_up.offered)
            answer = await signing_up.submit(
                form,
                _visit(request),
                referer=request.headers.get("referer", ""),
                foreign=forms.foreign(request, pages.public_url),
                now=pages.clock(),
            )
        else:
            answer = signing_up.form(pages.clock())
        return clothes.page(answer.page, answer.shown, answer.status)

    @made.api_route("/c/{token:path}", methods=[*_LOOK, "POST"])
    async def confirm(request: Request, token: str) -> Response:
        """Ask whether it was the reader, or do what the answer asks for."""
        link = links.read(token, pages.keys)
        if link.kind is not LinkKind.CONFIRM:
            raise TokenError("This link does something else: use the one in the mail as it stands.")
        if request.method == "POST":
            act = _act(await forms.fields(request))
            if forms.foreign(request, pages.public_url):
                raise forms.FormError("unclear", 403)
            answer = await run_in_threadpool(signing_up.act, link, act, _visit(request), pages.clock())
        else:
            answer = await run_in_threadpool(signing_up.look, link, pages.clock())
        return clothes.page(answer.page, answer.shown, answer.status)


class SigningUp:
    """Answers the forms and the links of confirmations. All calls but `submit` block on the database.

    `version` names the words of the form.
    """

    def __init__(self, pages: Pages, *, version: str) -> None:
        self._pages, self._version = pages, version
        names = pages.signup.newsletters or tuple(pages.titles)
        self.offered = {name: pages.titles[name] for name in names if name in pages.titles}
        """The titles of the newsletters that one can sign up for, by name."""
        self._rates = Rates(
            per_ip=pages.signup.per_ip, per_network=pages.signup.per_network, in_all=pages.signup.in_all
        )
        self._together: Together[tuple[Wish, datetime], Asked] = Together(pages.store, self._write)

    def form(self, now: datetime) -> Answer:
        """Give the empty form."""
        return self._form(Form(newsletters=tuple(self.offered)), self._mark("", now))

    async def submit(self, form: Form, visit: Visit, *, referer: str, foreign: bool, now: datetime) -> Answer:
        """Take a form in. `foreign` is whether the browser says that another site's page has sent it.

        Raises StoreError where the ledger cannot be written; then nothing has changed.
        """
        mark = signup.read_mark(form.mark, self._pages.keys, now)
        if len(self.offered) == 1 or (mark is None and not form.newsletters):
            form = Form(email=form.email, newsletters=tuple(self.offered), mark=form.mark, trap=form.trap)
        what = signup.what_next(form, mark, foreign=foreign, now=now)
        if what in {Next.SHOW, Next.CORRECT}:
            too_fast = mark is not None and not foreign and now - mark.at <= signup.LONGEST
            again = form.mark if too_fast else self._mark(self._origin(referer), now)
            return self._form(form, again, corrected=what is Next.CORRECT)
        if what is Next.ACT:
            await self._ask(form, mark, visit, now)
        else:
            log.info("signup.trapped")
        return Answer(page="check")

    async def _ask(self, form: Form, mark: Mark | None, visit: Visit, now: datetime) -> None:
        assert form.address is not None
        assert mark is not None
        wish = Wish(
            email=form.address,
            newsletters=form.newsletters,
            ip=visit.ip,
            agent=visit.agent,
            form=mark.url,
            text=self._version,
        )
        asked = await self._together.do((wish, now))
        log.info("signup.asked", lead=asked.lead.value, over=asked.over)

    def _write(self, hand: Hand, asked: tuple[Wish, datetime]) -> Asked:
        wish, now = asked
        return asking.ask(hand, wish, self._rates, now)

    def _form(self, form: Form, mark: str, *, corrected: bool = False) -> Answer:
        wrong = ""
        if corrected:
            wrong = "newsletters" if form.address else "address"
        return Answer(
            page="subscribe",
            status=422 if wrong else 200,
            shown={
                "email": form.email[:320],
                "wrong": wrong,
                "choices": [
                    {"name": name, "title": title, "chosen": name in form.newsletters}
                    for name, title in self.offered.items()
                ],
                "mark": mark,
                # What comes from elsewhere is filled in, and wants one button.
                "ready": bool(form.email) and not wrong,
            },
        )

    def _mark(self, url: str, now: datetime) -> str:
        own = f"{self._pages.public_url.rstrip('/')}/subscribe"
        return signup.signed_mark(Mark(at=now, url=url or own), self._pages.keys)

    def _origin(self, referer: str) -> str:
        """Give the page that a form stands on, where that is one of the site's or ours."""
        ours = {_origin(self._pages.site_url), _origin(self._pages.public_url)}
        return referer.partition("?")[0].partition("#")[0] if _origin(referer) in ours - {""} else ""

    def look(self, link: Link, now: datetime) -> Answer:
        """Give the page of a confirmation's link."""
        with self._pages.store.read() as session:
            asked = confirmations.question(session, link, now)
        if asked is None:
            return Answer(page="lapsed", status=410)
        return Answer(page="welcome" if asked.done else "confirm", shown=self._shown(asked))

    def act(self, link: Link, act: str, visit: Visit, now: datetime) -> Answer:
        """Sign the reader up, or forget the address, as often as asked; give the page that says so.

        Raises StoreError where the ledger cannot be written; then nothing has changed.
        """
        with self._pages.store.write() as session:
            if act == NOT_ME:
                refused = confirmations.refuse(session, link, visit, now)
                return Answer(page="notme") if refused else Answer(page="lapsed", status=410)
            asked = confirmations.confirm(
                session,
                link,
                visit,
                now,
                offered=self._pages.titles,
                welcome=WELCOMES[self._pages.signup.welcome],
            )
        if asked is None:
            return Answer(page="lapsed", status=410)
        log.info("signup.confirmed", subscriber=link.subscriber_id, again=asked.done)
        return Answer(page="welcome", shown=self._shown(asked))

    def _shown(self, asked: Question) -> dict[str, object]:
        titles = [self._pages.titles[name] for name in asked.mail.newsletters if name in self._pages.titles]
        own = Link(
            kind=LinkKind.PREFERENCES,
            subscriber_id=asked.subscriber.id,
            address_version=asked.subscriber.address_version,
        )
        return {
            "address": masked(asked.subscriber.email),
            "chosen": titles,
            "preferences_url": links.preferences_url(self._pages.root, own, self._pages.keys),
        }


def _act(fields: Sequence[tuple[str, str]]) -> str:
    acts = {value.strip().lower() for name, value in fields if name.strip().lower() == "act"}
    if len(acts) != 1 or not acts <= {CONFIRM, NOT_ME}:
        raise forms.FormError(*forms.UNCLEAR)
    return acts.pop()


def _version(clothes: Dress) -> str:
    """Name the words that the form shows, whatever template and catalog they come from, by their hash."""
    shown = {"email": "", "wrong": "", "choices": [], "mark": "", "ready": False}
    page = bytes(clothes.page("subscribe", shown).body).decode()
    found = _MAIN.search(page)
    return sha256((found[0] if found else page).encode()).hexdigest()[:12]


def _origin(url: str) -> str:
    """Give the origin of a web page (RFC 6454 4), empty where it is none."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return ""
    return f"{parts.scheme}://{parts.hostname}:{port or {'http': 80, 'https': 443}[parts.scheme]}"


def _visit(request: Request) -> Visit:
    ip = request.client.host if request.client else ""
    return Visit(channel=Channel.PAGE, ip=ip[:IP_LENGTH], agent=request.headers.get("user-agent", ""))
