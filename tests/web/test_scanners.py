"""A storm of machines that follow every link of every mail: nobody leaves, joins or changes a thing by it."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from html import unescape
from pathlib import Path
from typing import Any

import httpx2
import sqlalchemy as sa
from plain import PLAIN
from press import ON_SQLITE, SLOT, Press, live_at, press
from sqlmodel import Session, col
from web_served import served

from digest import resources
from digest.alerts import Alerts
from digest.config import Archive
from digest.links import Link, LinkKind
from digest.model import Channel
from digest.service.postbox import Postbox
from digest.store import asking, confirmations, newaddress, ownlink, readermail, subscribers
from digest.store.asking import Rates, Wish
from digest.store.database import Store
from digest.store.prepared import hand
from digest.store.reader_tables import ReaderMailRow
from digest.store.subscribers import Visit
from digest.store.tables import EVENT, metadata
from digest.web.desk import pages

CLIENTS = 50
VISIT = Visit(channel=Channel.PAGE)

WAYS: Sequence[tuple[str, Mapping[str, str]]] = (
    ("HEAD", {"User-Agent": "Scanner/1.0"}),
    ("GET", {"User-Agent": "Mozilla/5.0"}),
    ("GET", {"Sec-Purpose": "prefetch;prerender", "Purpose": "prefetch"}),
    ("GET", {"X-Moz": "prefetch", "X-Purpose": "preview"}),
    ("GET", {"List-Unsubscribe": "One-Click", "Content-Type": "application/x-www-form-urlencoded"}),
)
"""How machines look at a link before, or instead of, its reader."""

ISSUES = {"digest", "letter"}
"""Templates of what goes to everybody."""


def single() -> set[str]:
    """The kinds of mail to one reader, by their templates; the last issue has no template of its own."""
    found = (resources.templates() / "email").glob("*.txt.j2")
    return {one.name.partition(".")[0] for one in found} - ISSUES | {readermail.ISSUE}


async def mail_everything(room: Press) -> list[EmailMessage]:
    """Send an issue, and every mail that a reader alone can get; give them all."""
    service = room.service()
    await live_at(service, room.clock, SLOT.instant - timedelta(hours=1), SLOT.instant)
    with room.store.write() as session:
        for email in ("rosa@mail.example", "lena@mail.example", "reader1@mail.example"):
            _sign_up(session, email, room)
        one, two, three = [_id(session, f"reader{number}@mail.example") for number in (1, 2, 3)]
        ownlink.ask(session, one, VISIT, room.clock())
        newaddress.ask(session, two, "two@mail.example", VISIT, room.clock())
        newaddress.ask(session, three, "three@mail.example", VISIT, room.clock())
    await post(room)
    with room.store.write() as session:
        greeted = [readermail.WELCOME, readermail.ISSUE]
        signed_up = _question(session, "lena@mail.example", readermail.CONFIRM)
        done = confirmations.confirm(
            session, signed_up, VISIT, room.clock(), offered=["daily"], welcome=greeted
        )
        assert done is not None
        newaddress.confirm_change(
            session, _question(session, "reader3@mail.example", newaddress.CHANGE), VISIT, room.clock()
        )
    await post(room)
    with room.store.read() as session:
        assert set(session.scalars(sa.select(col(ReaderMailRow.kind)))) == single()
    return [message_from_bytes(one.data, _class=EmailMessage, policy=policy.default) for one in room.mailed]


async def post(room: Press) -> None:
    desk = room.desk()
    await Postbox(desk, Alerts(desk)).once()


def _sign_up(session: Session, email: str, room: Press) -> None:
    rates = Rates(per_ip=0, per_network=0, in_all=0)
    asking.ask(hand(session), Wish(email=email, newsletters=("daily",)), rates, room.clock())


def _id(session: Session, email: str) -> int:
    found = subscribers.find(session, email)
    assert found is not None
    return found.id


def _question(session: Session, email: str, kind: str) -> Link:
    """What the link of a mail says that waits for its reader's answer."""
    reader = _id(session, email)
    wanted = sa.select(col(ReaderMailRow.id)).where(
        col(ReaderMailRow.subscriber_id) == reader, col(ReaderMailRow.kind) == kind
    )
    return Link(kind=LinkKind.CONFIRM, subscriber_id=reader, issue_id=session.scalars(wanted).one() or 0)


def links(letters: Sequence[EmailMessage], base: str) -> list[str]:
    """Every address of ours that stands anywhere in some mails, as paths."""
    found = set[str]()
    for letter in letters:
        parts = [part.get_content() for part in letter.walk() if part.get_content_maintype() == "text"]
        for text in (*parts, *(str(value) for value in letter.values())):
            found |= set(re.findall(rf'{re.escape(base)}(/[^\s"<>]*)', unescape(text)))
    return sorted(found)


def state(store: Store) -> dict[str, list[Any]]:
    """Every row of every table; of the events those that are an act."""
    with store.read() as session:
        rows = {
            table.name: list(session.connection().execute(sa.select(table).order_by(*table.primary_key)))
            for table in metadata.sorted_tables
        }
    rows[EVENT.name] = [row for row in rows[EVENT.name] if row.kind != "unsubscribe.viewed"]
    return rows


async def scan(base: str, paths: Sequence[str], method: str, headers: Mapping[str, str]) -> set[int]:
    """Follow every link on one connection of one's own; give the answers' codes."""
    async with httpx2.AsyncClient(base_url=base, trust_env=False, verify=PLAIN, timeout=60) as client:
        return {(await client.request(method, path, headers=headers)).status_code for path in paths}


async def linked(base: str, paths: Sequence[str]) -> list[str]:
    """Every further address of ours to which the pages of some links lead."""
    async with httpx2.AsyncClient(base_url=base, trust_env=False, verify=PLAIN, timeout=60) as client:
        texts = [(await client.get(path)).text for path in paths]
    found = {unescape(path) for text in texts for path in re.findall(r'href="(/[^"]*)"', text)}
    return sorted(found - set(paths))


@ON_SQLITE
async def test_a_storm_of_scanners_changes_nothing(store: Store, tmp_path: Path) -> None:
    async with press(store, tmp_path) as room:
        paths = links(await mail_everything(room), room.site.base)
        assert {path[:3] for path in paths if path[2:3] == "/"} == {"/u/", "/p/", "/c/"}
        before = state(store)
        made = replace(pages(room.desk()), archive=Archive(public=True))
        async with served(made) as base:
            further = await linked(base, paths)
            storm = [scan(base, paths, *WAYS[number % len(WAYS)]) for number in range(CLIENTS)]
            answers = await asyncio.gather(*storm, *(scan(base, further, *way) for way in WAYS))
        assert any(path.startswith("/p/") for path in further)
        assert state(store) == before
    assert set[int]().union(*answers) <= {200, 404}
