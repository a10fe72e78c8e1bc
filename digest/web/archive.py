"""The archive's pages: which URL answers what. Each issue as it was sent, a list of them, an Atom feed.

Nothing here knows a reader. Where the archive is not public, there is none: every address of it is missing.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Annotated
from urllib.parse import urlsplit

from babel.dates import format_date
from fastapi import FastAPI, Query, Response
from starlette.exceptions import HTTPException

from digest import languages
from digest.render.urls import host, secure
from digest.store import archive
from digest.store.archive import Kept, Past
from digest.web.dress import HEADERS, Dress
from digest.web.issue_feed import Entry, Feed, atom, tag
from digest.web.issue_page import Facts, page
from digest.web.pages import Pages

LOOK = ["GET", "HEAD"]

LISTED = 50
"""Issues on one page of a list."""

FED = 30
"""Issues in a feed: a month of them, for readers that ask seldom."""

KEPT_SECONDS = 300
"""How long a proxy or a browser may keep a page: an amendment shows in a few minutes."""

ISSUE_CSP = (
    # A mail brings its styles and pictures along, and nothing that runs.
    "default-src 'none'; style-src 'unsafe-inline'; img-src https: data:; form-action 'none'; "
    "frame-ancestors 'none'; base-uri 'none'"
)

NEWSLETTER = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")
SLOT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d", re.ASCII)
ISSUE = re.compile(rf"{SLOT.pattern}|[A-Za-z0-9][A-Za-z0-9._-]{{0,39}}", re.ASCII)
"""A slot, or an extra's name. Whatever else an address holds names nothing, and no database is asked."""

Before = Annotated[str, Query()]


def routes(made: FastAPI, pages: Pages, clothes: Dress) -> None:
    """Add the archive's addresses, where it is public."""
    if not pages.archive.public:
        return
    shelf = _Shelf(pages, clothes)

    @made.api_route("/archive", methods=LOOK)
    def everything(before: Before = "") -> Response:
        return shelf.listing("", before)

    @made.api_route("/archive/feed.xml", methods=LOOK)
    def everything_fed() -> Response:
        return shelf.feed("")

    @made.api_route("/archive/{newsletter}", methods=LOOK)
    def of_newsletter(newsletter: str, before: Before = "") -> Response:
        return shelf.listing(_fit(NEWSLETTER, newsletter), before)

    @made.api_route("/archive/{newsletter}/feed.xml", methods=LOOK)
    def of_newsletter_fed(newsletter: str) -> Response:
        return shelf.feed(_fit(NEWSLETTER, newsletter))

    @made.api_route("/archive/{newsletter}/{issue}", methods=LOOK)
    def one(newsletter: str, issue: str) -> Response:
        return shelf.issue(_fit(NEWSLETTER, newsletter), _fit(ISSUE, issue))


def _fit(pattern: re.Pattern[str], text: str) -> str:
    """Give a part of an address that may name something. Raises HTTPException 404 for any other."""
    if not pattern.fullmatch(text):
        raise HTTPException(404)
    return text


class _Shelf:
    """Past issues, as answers."""

    def __init__(self, pages: Pages, clothes: Dress) -> None:
        self._pages = pages
        self._clothes = clothes
        self._headers = {
            "Cache-Control": f"public, max-age={KEPT_SECONDS}",
            "X-Robots-Tag": "all" if pages.archive.index else "noindex",
        }

    def listing(self, newsletter: str, before: str) -> Response:
        """Answer with a page of a list, of one newsletter or of all."""
        found, more = self._found(newsletter, _fit(SLOT, before) if before else "", LISTED)
        shown = {
            "title": self._title(newsletter) if newsletter else "",
            "feed_url": self._path(newsletter, "feed.xml"),
            "indexed": self._pages.archive.index,
        }
        if not found and not before:
            return self._clothes.page("archive_empty", shown, headers=self._headers)
        listed = {
            "issues": [self._line(past) for past in found],
            "older_url": f"{self._path(newsletter)}?before={more}" if more else "",
            "several": not newsletter and len(self._pages.titles) > 1,
        }
        return self._clothes.page("archive", shown | listed, headers=self._headers)

    def issue(self, newsletter: str, name: str) -> Response:
        """Answer with an issue as it was sent."""
        with self._pages.store.read() as session:
            kept = archive.find(session, newsletter, name)
        if kept is None:
            raise HTTPException(404)
        html = page(kept.rendering, self._facts(kept), self._words(newsletter))
        headers = HEADERS | self._headers | {"Content-Security-Policy": ISSUE_CSP}
        return Response(html, media_type="text/html; charset=utf-8", headers=headers)

    def feed(self, newsletter: str) -> Response:
        """Answer with a feed, of one newsletter or of all."""
        found, _ = self._found(newsletter, "", FED)
        document = Feed(
            url=self._url(newsletter, "feed.xml"),
            title=self._title(newsletter) if newsletter else self._pages.site_name,
            author=self._pages.site_name,
            page_url=self._url(newsletter),
            language=self._pages.language,
            now=self._pages.clock(),
            entries=[self._entry(past) for past in found],
        )
        headers = HEADERS | self._headers
        return Response(atom(document), media_type="application/atom+xml; charset=utf-8", headers=headers)

    def _found(self, newsletter: str, before: str, size: int) -> tuple[Sequence[Past], str]:
        """Give past issues. Raises HTTPException 404 for a newsletter that there is not and never was."""
        with self._pages.store.read() as session:
            found, more = archive.page(session, newsletter=newsletter, before=before, size=size)
        if not found and newsletter and newsletter not in self._pages.titles:
            raise HTTPException(404)
        return found, more

    def _title(self, newsletter: str) -> str:
        return self._pages.titles.get(newsletter) or newsletter

    def _path(self, *parts: str) -> str:
        return "/".join([self._pages.root, "archive", *filter(None, parts)])

    def _url(self, *parts: str) -> str:
        """Give an address whole, as others need it."""
        public = urlsplit(self._pages.public_url)
        return public._replace(path=self._path(*parts)).geturl()

    def _line(self, past: Past) -> Mapping[str, str]:
        day = datetime.fromisoformat(past.slot).date()
        return {
            "url": self._path(past.newsletter, past.name),
            "subject": past.subject,
            "newsletter": self._title(past.newsletter),
            "day": day.isoformat(),
            "date": format_date(day, "full", locale=self._pages.language.replace("-", "_")),
        }

    def _words(self, newsletter: str) -> Mapping[str, str]:
        """Give what stands for a reader, who has no name. The list says where one can leave; here is not."""
        said = languages.translations(self._pages.language, self._pages.site_templates)
        return {"unsubscribe_url": self._url(newsletter), "email": said.gettext("a reader")}

    def _facts(self, kept: Kept) -> Facts:
        past = kept.past
        image = secure(kept.picture.url, self._pages.site_url) if kept.picture else ""
        return Facts(
            url=self._url(past.newsletter, past.name),
            title=past.subject,
            description=past.preheader,
            site_name=self._pages.site_name,
            published=past.published_at.astimezone(UTC).isoformat(timespec="seconds"),
            image=image if image.startswith("https://") else "",
            image_alt=kept.picture.alt if kept.picture else "",
            feed_url=self._url(past.newsletter, "feed.xml"),
            indexed=self._pages.archive.index,
        )

    def _entry(self, past: Past) -> Entry:
        return Entry(
            id=tag(host(self._pages.site_url), past.newsletter, past.slot),
            title=past.subject,
            summary=past.preheader,
            url=self._url(past.newsletter, past.name),
            published_at=past.published_at,
            updated_at=past.updated_at,
        )
