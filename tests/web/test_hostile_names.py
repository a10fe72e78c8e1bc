"""Names that are code, markup or a header: as a site's, a newsletter's and a reader's they are text alone."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import feedparser
import httpx2
from plain import PLAIN
from press import DAILY, ON_SQLITE, SLOT, Press, live_at, press
from selectolax.lexbor import LexborHTMLParser
from web_served import served

from digest.alerts import Alerts
from digest.config import Archive
from digest.links import Link, LinkKind, sign
from digest.model import Channel
from digest.service.postbox import Postbox
from digest.store import asking, ownlink, readermail, subscribers
from digest.store.asking import Rates, Wish
from digest.store.database import Store
from digest.store.prepared import hand
from digest.store.subscribers import Newcomer, Visit
from digest.web.desk import pages

EVIL = (
    '</title><script>alert(1)</script> & "x" =?utf-8?q?a=0D=0ABcc:_all=40evil.example?= '
    "{{ 7*7 }} %0d%0aBcc: all@evil.example"
)
EMAIL = "o'rosa&b=0d=0a@mail.example"
KEYS = (b"k" * 32,)
ONCE = ("From", "To", "Subject", "Date", "Message-ID", "Content-Type", "MIME-Version")
TAGS = "script, img[src^=x], [onerror]"


async def mailed(room: Press) -> Sequence[EmailMessage]:
    """An issue, and mails to one reader; as they were on the wire."""
    room.newsletters = DAILY.replace('"The Daily Ledger"', f"'{EVIL}'")
    room.environ["DIGEST_SITE__NAME"] = EVIL
    with room.store.write() as session:
        subscribers.add(session, [Newcomer(email=EMAIL, name=EVIL, newsletter="daily")], room.clock())
    await live_at(room.service(), room.clock, SLOT.instant - timedelta(hours=1), SLOT.instant)
    with room.store.write() as session:
        found = subscribers.find(session, EMAIL)
        assert found is not None
        rates = Rates(per_ip=0, per_network=0, in_all=0)
        asking.ask(
            hand(session), Wish(email="new'&b@mail.example", newsletters=("daily",)), rates, room.clock()
        )
        ownlink.ask(session, found.id, Visit(channel=Channel.PAGE), room.clock())
        readermail.queue(
            hand(session),
            kind=readermail.WELCOME,
            subscriber_id=found.id,
            email=EMAIL,
            newsletters=["daily"],
            now=room.clock(),
        )
    desk = room.desk()
    await Postbox(desk, Alerts(desk)).once()
    return [message_from_bytes(one.data, _class=EmailMessage, policy=policy.default) for one in room.mailed]


@ON_SQLITE
async def test_in_mail_they_make_neither_a_header_nor_markup(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=0) as room:
        letters = await mailed(room)
    assert len(letters) == 4
    for letter in letters:
        assert letter.defects == []
        assert [len(letter.get_all(name, [])) for name in ONCE] == [1] * len(ONCE)
        assert not {"bcc", "cc", "reply-to"} & {name.lower() for name in letter}
        html = letter.get_body(("html",))
        assert html is not None
        assert not LexborHTMLParser(html.get_content()).css(TAGS)
    subjects = [str(letter["Subject"]) for letter in letters if "Welcome" in str(letter["Subject"])]
    assert subjects == [f"Welcome to {EVIL}"]


@ON_SQLITE
async def test_on_pages_and_in_the_feed_they_are_text(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path, readers=0) as room:
        await mailed(room)
        with store.read() as session:
            found = subscribers.find(session, EMAIL)
        assert found is not None
        signs = {kind: sign(Link(kind=kind, subscriber_id=found.id), KEYS) for kind in LinkKind}
        paths = [
            *("/", "/subscribe", "/archive", "/archive/daily", f"/archive/daily/{SLOT.name}", "/nothing"),
            f"/u/{signs[LinkKind.UNSUBSCRIBE]}",
            *(f"/p/{signs[kind]}" for kind in (LinkKind.PREFERENCES, LinkKind.PAUSE)),
        ]
        made = replace(pages(room.desk()), archive=Archive(public=True))
        async with (
            served(made) as base,
            httpx2.AsyncClient(base_url=base, trust_env=False, verify=PLAIN) as client,
        ):
            answers = [await client.get(path) for path in paths]
            answers.append(await client.post(paths[-3], data={"act": "leave"}))
            answers.append(await client.post("/subscribe", data={"email": EVIL}))
            fed = feedparser.parse((await client.get("/archive/daily/feed.xml")).text)
    for answer in answers:
        assert answer.status_code < 500
        assert not LexborHTMLParser(answer.text).css(TAGS)
        assert "script>" not in str(answer.headers)
    assert (fed.bozo, fed.feed.title) == (False, EVIL)
