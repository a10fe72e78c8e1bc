"""Editions that the tests of rendering share."""

from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

from digest.model import LedgerArticle, Picture
from digest.render import Edition

NONCE = "0123456789abcdef"
NOW = datetime(2026, 11, 24, 12, tzinfo=UTC)


def article(number: int, title: str, **fields: Any) -> LedgerArticle:
    return LedgerArticle(
        id=number,
        feed_url="https://ledger.example/feed/",
        first_seen_at=NOW,
        published_at=NOW,
        guid=f"https://ledger.example/?p={number}",
        link=f"https://ledger.example/2026/11/{number}/",
        title=title,
        **fields,
    )


def picture(name: str, *, alt: str = "", width: int | None = 1200, height: int | None = 800) -> Picture:
    return Picture(url=f"https://ledger.example/files/{name}.jpg", alt=alt, width=width, height=height)


STORIES = (
    article(
        1,
        "Harbour Commission approves dredging after six-hour hearing",
        author="Maeve O’Callahan",
        categories=("City Hall",),
        comments=25,
        words=420,
        picture=picture("cranes", alt="The crane row at night", width=1040, height=520),
        excerpt="The Harbour Commission voted 4–1 to dredge the inner channel for the first time in nineteen "
        "years, after a hearing that began in daylight and outlasted two stenographers.",
    ),
    article(
        2,
        "Robotics team teaches a machine to sort herring",
        author="Tomás Quintanar",
        categories=("Schools",),
        comments=1,
        words=300,
        picture=picture("herring", alt="Three pupils and a conveyor belt", width=800, height=600),
        excerpt="It took eleven weekends, two donated cameras and a great deal of ice.",
    ),
    article(
        3,
        "The night market moves to Eastmole, eels & all",
        author="Ines Varga",
        categories=("Arts & Culture",),
        words=200,
        picture=picture("market", width=None, height=None),
        excerpt="From Friday the stalls stand under the old customs roof. The rents stay; the wind does not.",
    ),
    article(4, "What the tide tables get wrong", words=250, excerpt="The sandbank has not read the almanac."),
    article(5, "Who took the weathercock?", words=80, comments=0),
    article(6, "Ferry fares frozen until March", words=80),
)

EDITION = Edition(
    site_name="The Harbour Ledger",
    site_url="https://ledger.example",
    language="en",
    postal_address="12 Quay Street, Port Averell",
    contact="editor@ledger.example",
    newsletter_name="daily",
    newsletter_title="The Daily Ledger",
    subject_template="{{ articles[0].title }}",
    day=date(2026, 11, 24),
    articles=STORIES,
    intro="Good morning. The dredgers won, and somebody has taught a robot to sort herring.",
)

# Nothing that is optional: one headline and its link.
BARE = replace(
    EDITION,
    intro="",
    newsletter_title="The Harbour Ledger",
    postal_address="",
    contact="",
    articles=(article(1, "Ferry fares frozen until March"),),
)


def long_edition(count: int, *, letters: str = "harbour dredging herring ", length: int = 2000) -> Edition:
    """An edition of stories that have everything, and excerpts of `length` characters."""
    excerpt = (letters * (length // len(letters) + 1))[:length]
    stories = tuple(
        article(
            number,
            f"Story {number} of a long day, with a headline that runs on to a second line of the page",
            author="Maeve O’Callahan",
            categories=("City Hall", "Harbour"),
            comments=number,
            words=500,
            picture=picture(f"picture-{number}", alt="What is to be seen in the picture"),
            excerpt=excerpt,
        )
        for number in range(1, count + 1)
    )
    return replace(EDITION, articles=stories)


def site_with(folder: Path, **templates: str) -> Path:
    """Write a site's own mail templates: `digest_html_j2="…"`."""
    place = folder / "email"
    place.mkdir(parents=True, exist_ok=True)
    for name, source in templates.items():
        (place / name.replace("_", ".")).write_text(source, encoding="utf-8")
    return folder
