"""All that a reader does with us, from the first page to the last, in a browser without JavaScript."""

import asyncio
import contextlib
import itertools
import re
import shutil
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
import pytest_asyncio
from installed import free_port
from playwright.async_api import Browser, Page, Route
from preferences_site import dump
from press import DAILY, SLOT, Press, live, live_at, press
from web_eyes import VIEWPORTS, Eyes, chromium, eyes

from digest.alerts import Alerts
from digest.service import Service
from digest.service.postbox import Postbox
from digest.store import preferences, subscribers
from digest.store.preferences import Preferences
from digest.store.schema import open_store
from digest.web.desk import reader_pages
from digest.web.server import serve

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

WEEKLY = """
[[newsletter]]
name = "weekly"
title = "The Weekly Ledger"
schedule = "0 7 * * 0"
"""
FINGER = 44
"""CSS pixels (WCAG 2.2, 2.5.5)."""
INBOX = "https://inbox.example/"
"""Where the reader's mail is read: our mail is a page of another site's."""


@dataclass(kw_only=True)
class Installation:
    """The whole of it, in one process: the line, the relay, the pages."""

    room: Press
    base: str
    service: Service
    postbox: Postbox
    days: Iterator[int] = field(default_factory=itertools.count)

    async def publish(self) -> None:
        """Let it be seven in the morning of another day, with a story to tell."""
        at = SLOT.instant + timedelta(days=next(self.days))
        self.room.clock.now = at - timedelta(minutes=20)
        self.room.publish(f"{at:%A}-in-the-harbour")
        await live_at(self.service, self.room.clock, at)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def installation(
    tmp_path_factory: pytest.TempPathFactory, upgraded: Path
) -> AsyncIterator[Installation]:
    folder, port = tmp_path_factory.mktemp("journey"), free_port()
    shutil.copy(upgraded, folder / "subscribers.db")
    base = f"http://127.0.0.1:{port}"
    with contextlib.closing(open_store(f"sqlite:///{folder / 'subscribers.db'}")) as store:
        async with press(store, folder, readers=0) as room:
            room.newsletters, room.environ = DAILY + WEEKLY, {"DIGEST_WEB__PUBLIC_URL": base}
            desk, stop = room.desk(), asyncio.Event()
            server = asyncio.create_task(serve(reader_pages(desk), "127.0.0.1", port, stop=stop))
            service = room.service()
            await live(service)
            yield Installation(room=room, base=base, service=service, postbox=Postbox(desk, Alerts(desk)))
            stop.set()
            await server


@dataclass(kw_only=True)
class Reader:
    """Somebody with a mailbox and a browser."""

    email: str
    page: Page
    eyes: Eyes
    at: Installation

    async def sees(self, heading: str) -> None:
        """Find oneself on a page, and find nothing wrong with it."""
        await self.page.get_by_role("heading", level=1, name=heading, exact=True).wait_for()
        await self.eyes.look(self.page)

    async def open(self, url: str, heading: str) -> None:
        await self.page.goto(url)
        await self.sees(heading)

    async def follow(self, link: str, heading: str) -> None:
        async with self.page.expect_navigation():
            await self.page.get_by_role("link", name=link, exact=True).click()
        await self.sees(heading)

    async def press(self, button: str, heading: str, *, said: str = "") -> None:
        found = self.page.get_by_role("button", name=button, exact=True)
        box = await found.bounding_box()
        assert box
        assert box["height"] >= FINGER
        async with self.page.expect_navigation():
            await found.click()
        await self.sees(heading)
        if said:
            assert said in await self.page.get_by_role("status").inner_text()

    async def is_shown(self, words: str) -> None:
        """Have something in sight, without scrolling for it."""
        box = await self.page.get_by_text(words).bounding_box()
        assert box
        assert self.page.viewport_size
        assert 0 <= box["y"] <= self.page.viewport_size["height"] - box["height"]

    def mail(self) -> EmailMessage:
        """The last mail that has come."""
        [*_, last] = [one.data for one in self.at.room.relay.received if one.recipient == self.email]
        return message_from_bytes(last, _class=EmailMessage, policy=policy.default)

    async def open_mail(self, mail: EmailMessage) -> None:
        """Open a mail, in a mail program on the web."""
        body = mail.get_body(("html",))
        assert body is not None
        html = body.get_content()

        async def answer(route: Route) -> None:
            # A browser may ask for more of a site than its page names.
            if route.request.is_navigation_request():
                await route.fulfill(body=html, content_type="text/html")
            else:
                await route.fulfill(status=204)

        await self.page.route(f"{INBOX}**", answer)
        await self.page.goto(INBOX)
        await self.eyes.look(self.page)

    def chosen(self) -> Preferences:
        """What the ledger knows."""
        with self.at.room.store.read() as session:
            found = subscribers.find(session, self.email)
            assert found is not None
            chosen = preferences.read(session, found.id, self.at.room.clock())
        assert chosen is not None
        return chosen

    def reads(self) -> tuple[str, ...]:
        return self.chosen().subscriber.newsletters


@contextlib.asynccontextmanager
async def reader(browser: Browser, where: str, at: Installation) -> AsyncIterator[Reader]:
    """Somebody who was never here. Whose browser has kept nothing and asked nobody else by the end."""
    complaints: list[str] = []
    asked: list[str] = []
    context = await browser.new_context(viewport=VIEWPORTS[where], java_script_enabled=False)
    page = await context.new_page()
    page.on("console", lambda told: complaints.append(f"{told.text} {told.location['url']}"))
    page.on("request", lambda request: asked.append(request.url))
    async with eyes(browser, where) as sharp:
        yield Reader(email=f"rosa.{where}@mail.example", page=page, eyes=sharp, at=at)
    assert await context.cookies() == []
    await context.close()
    # A form that wants mending comes with a status of its own (RFC 9110 15.5), and Chromium says so.
    assert [text for text in complaints if not re.search("status of (400|422)", text)] == []
    assert [url for url in asked if not url.startswith((at.base, INBOX))] == []


async def sign_up(rosa: Reader) -> None:
    """From the front door to the page that welcomes."""
    await rosa.open(rosa.at.base, "News by mail")
    await rosa.follow("Sign up", "Get our news by mail")
    rosa.at.room.clock.now += timedelta(seconds=20)
    await rosa.page.get_by_label("Your e-mail address").fill(rosa.email)
    for title in ("The Daily Ledger", "The Weekly Ledger"):
        await rosa.page.get_by_label(title).uncheck()
    await rosa.press("Sign up", "Get our news by mail")
    await rosa.is_shown("Choose at least one.")
    for title in ("The Daily Ledger", "The Weekly Ledger"):
        await rosa.page.get_by_label(title).check()
    rosa.at.room.clock.now += timedelta(seconds=20)
    await rosa.press("Sign up", "Check your inbox")
    assert rosa.reads() == ()

    assert await rosa.at.postbox.once() == 1
    await rosa.open_mail(rosa.mail())
    await rosa.follow("Yes, go on", "Was it you?")
    await rosa.press("Yes, sign me up", "You are signed up")
    assert rosa.reads() == ("daily", "weekly")


async def choose(rosa: Reader) -> None:
    """From an issue to a reader's own page, and what can be chosen there."""
    await rosa.open_mail(rosa.mail())
    await rosa.follow("Unsubscribe", "Leave The Daily Ledger")
    await rosa.follow("Take a pause, or change your settings", "Your settings")
    await rosa.press("2 weeks", "Your settings", said="Paused.")
    assert rosa.chosen().paused_until == rosa.at.room.clock.now + timedelta(weeks=2)
    await rosa.press("End the pause", "Your settings", said="The pause is over")
    assert rosa.chosen().paused_until is None
    await rosa.press("Mail me the link", "Your settings", said="A mail with the link goes to")

    assert await rosa.at.postbox.once() == 1
    await rosa.open_mail(rosa.mail())
    await rosa.follow("Your settings", "Your settings")
    await rosa.page.get_by_label("The Weekly Ledger").uncheck()
    await rosa.press("Save", "Your settings", said="Saved.")
    assert rosa.reads() == ("daily",)
    field = rosa.page.get_by_label("Your new e-mail address")
    await field.fill("rosa@mail")
    await rosa.press("Change it", "Your settings")
    await rosa.is_shown("We cannot send mail to this.")
    assert await field.input_value() == "rosa@mail"
    await rosa.press("Deutsch", "Ihre Einstellungen")
    assert rosa.chosen().language == "de"
    await rosa.press("English", "Your settings")


async def leave_and_return(rosa: Reader) -> None:
    """By the link in the issue, and back by the page that it leads to."""
    await rosa.follow("Unsubscribe", "Leave The Daily Ledger")
    assert rosa.reads() == ("daily",)
    await rosa.press("Unsubscribe", "You have left The Daily Ledger")
    assert rosa.reads() == ()
    await rosa.press("Too often", "You have left The Daily Ledger", said="Thank you.")
    await rosa.press("Undo", "You are back")
    assert rosa.reads() == ("daily",)


async def be_erased(rosa: Reader) -> None:
    """By the button of a reader's own page."""
    await rosa.press("Delete me", "Delete all that we know of you?")
    assert rosa.reads() == ("daily",)
    await rosa.press("Delete me for good", "You are deleted")
    assert rosa.email not in dump(rosa.at.room.store)


@pytest.mark.parametrize("where", VIEWPORTS)
async def test_a_reader_signs_up_reads_chooses_leaves_returns_and_is_forgotten(
    browser: Browser, installation: Installation, where: str
) -> None:
    async with reader(browser, where, installation) as rosa:
        await sign_up(rosa)
        await installation.publish()
        issue = rosa.mail()
        await choose(rosa)
        own_page = rosa.page.url

        await rosa.open_mail(issue)
        await rosa.follow("Read it in the browser", "The Harbour Ledger")
        await rosa.open_mail(issue)
        await leave_and_return(rosa)
        await rosa.open(own_page, "Your settings")
        await be_erased(rosa)
        await rosa.open(own_page, "This address gets nothing from us")
        await rosa.open(f"{installation.base}/archive", "Past issues")
