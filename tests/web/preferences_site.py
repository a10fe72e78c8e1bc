"""A reader's own page, as a test opens it."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import select
from web_site import KEY, NOW, OLD_KEY, Site

from digest.links import Link, LinkKind, sign
from digest.model import SubscriberState
from digest.store import preferences
from digest.store.database import Store
from digest.store.preferences import Preferences
from digest.store.reader_tables import ReaderMailRow
from digest.store.tables import metadata

CROSS_SITE = [
    {"Origin": "https://evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Origin": "null", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
]
"""What a browser says of a form that another site's page has sent."""

OURS = {"Origin": "null", "Sec-Fetch-Site": "same-origin"}
"""What it says of ours, which ask for no Referer."""


def own(site: Site, subscriber_id: int | None = None, **said: int) -> str:
    """The path of a reader's own page, Rosa's unless somebody else is named."""
    kind = LinkKind(said.pop("kind", LinkKind.PREFERENCES))
    key = OLD_KEY if said.pop("old_key", 0) else KEY
    return "/p/" + sign(Link(kind=kind, subscriber_id=subscriber_id or site.rosa, **said), (key,))


def chosen(site: Site, now: datetime = NOW) -> Preferences:
    with site.store.read() as session:
        found = preferences.read(session, site.rosa, now)
    assert found is not None
    return found


def untouched(site: Site) -> bool:
    """Whether Rosa is as she came, nothing was noted of her, and nobody is to get mail."""
    has = chosen(site)
    reader = has.subscriber
    return (
        (reader.newsletters, reader.state) == (("daily", "weekly"), SubscriberState.ACTIVE)
        and (reader.email, reader.address_version) == ("rosa@mail.example", 1)
        and (has.language, has.paused_until, has.new_address) == ("", None, "")
        and site.events() == []
        and mails(site) == []
    )


def mails(site: Site, kind: str = "") -> list[ReaderMailRow]:
    with site.store.read() as session:
        rows = session.exec(select(ReaderMailRow).order_by(sa.text("id"))).all()
    return [row for row in rows if kind in ("", row.kind)]


def dump(store: Store) -> str:
    """Every row of every table, as text."""
    with store.read() as session:
        rows: list[Any] = [
            row for table in metadata.sorted_tables for row in session.connection().execute(sa.select(table))
        ]
    return "\n".join(map(repr, rows))
