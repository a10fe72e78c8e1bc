"""Dresses every answer: the site's look, and headers that keep a reader's visit to ourselves.

Knows what pages there are and what each shows; not why one is shown.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

from fastapi import Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse

from digest import languages
from digest.web.pages import Pages
from digest.web.templates import environment, mistakes_in, own_logo

HEADERS = {
    # Nothing but our own stylesheet and our own forms: no script, picture, font or frame.
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
    ),
    # A page's URL is a reader's token: no other site may learn it from a link that is followed.
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Robots-Tag": "noindex, nofollow",
}
FLEETING = HEADERS | {"Cache-Control": "no-store"}
# Its URL carries a hash of its content.
LASTING = HEADERS | {"Cache-Control": "public, max-age=31536000, immutable"}

READER = {"newsletter": "-", "address": "-", "others": ["-"], "can_return": True, "settings_url": "-"}
"""What every page about a reader shows."""

CHOICES = [{"name": "-", "title": "-", "chosen": True}] * 2
OWN = {
    "said": "wrong-address",
    "typed": "-",
    "address": "-",
    "new_address": "-",
    "choices": CHOICES,
    "reads": True,
    "pending": True,
    "paused_until": "-",
    "weeks": [{"number": 1, "until": "-"}],
    "languages": [{"tag": "en", "name": "-", "chosen": True}] * 2,
}
PAUSE = {name: OWN[name] for name in ("said", "address", "reads", "paused_until", "weeks")}
SIGNED_UP = {"address": "-", "chosen": ["-", "-"], "preferences_url": "-"}

PAST = {"title": "-", "feed_url": "-", "older_url": "-", "several": True, "indexed": False}
"""What every list of past issues shows."""

PAGES: Mapping[str, Mapping[str, Any]] = {
    "home": {},
    "leave": READER,
    "left": READER | {"rarer": "-", "reasons": ["other"], "thanked": False},
    "back": READER | {"fresh": True},
    "nothing": READER | {"why": "erased"},
    "preferences": OWN,
    "pause": PAUSE,
    "change": {"address": "-", "former": "-"},
    "changed": {"address": "-"},
    "erase": {"address": "-"},
    "erased": {},
    "subscribe": {"email": "-", "wrong": "newsletters", "choices": CHOICES, "mark": "-", "ready": False},
    "check": {},
    "confirm": SIGNED_UP,
    "welcome": SIGNED_UP,
    "notme": {},
    "lapsed": {},
    "embed": {"action": "-", "choices": CHOICES, "name": "-"},
    "problem": {"problem": "fault"},
    "archive": PAST | {"issues": [{"url": "-", "subject": "-", "newsletter": "-", "day": "-", "date": "-"}]},
    "archive_empty": PAST,
}
"""Every page, with an example of what it shows: each is rendered once at the start."""


class Dress:
    """Renders the pages and answers with them.

    Raises RenderError when it is made, if a template of the site's own cannot be rendered: an operator is
    to find that when the service starts, not a reader who wants to leave.
    """

    def __init__(self, pages: Pages) -> None:
        self.languages = languages.offered(pages.site_templates)
        self._own = languages.best([pages.language], self.languages)
        self._headers = FLEETING | _pictures(own_logo(pages))
        self._jinja = {language: environment(pages, language) for language in self.languages}
        self.style = self._render("style.css.j2", {}, self._own)
        version = sha256(self.style.encode()).hexdigest()[:12]
        for language, jinja in self._jinja.items():
            jinja.globals["style_url"] = f"{pages.root}/style.css?v={version}"
            for name, example in PAGES.items():
                self._render(f"{name}.html.j2", example, language)

    def page(
        self,
        name: str,
        shown: Mapping[str, object],
        status: int = 200,
        headers: Mapping[str, str] | None = None,
        *,
        language: str = "",
    ) -> Response:
        """Answer with a page that nobody may keep, since a reader's state changes.

        `language` is the reader's (BCP 47); without one, or where there is none of it, the site's.
        """
        text = self._render(f"{name}.html.j2", shown, languages.best([language, self._own], self.languages))
        return HTMLResponse(text, status, headers=self._headers | dict(headers or {}))

    def problem(
        self, problem: str, status: int, headers: Mapping[str, str] | None = None, *, language: str = ""
    ) -> Response:
        """Answer that something did not work, and how a person is reached."""
        return self.page("problem", {"problem": problem}, status, headers, language=language)

    def language(self, accept: str, chosen: str = "") -> str:
        """Give the language for a visitor, by what the reader has chosen and by Accept-Language.

        Who came from the site reads it: its language is left only for one whose browser does not name it.
        """
        accepted = languages.accepted(accept)
        if known := languages.known([chosen], self.languages) or languages.known(accepted, [self._own]):
            return known
        return languages.best([*accepted, self._own], self.languages)

    def stylesheet(self) -> Response:
        """Answer with the stylesheet."""
        return Response(self.style, media_type="text/css; charset=utf-8", headers=LASTING)

    def _render(self, name: str, shown: Mapping[str, object], language: str) -> str:
        with mistakes_in(name):
            return self._jinja[language].get_template(name).render(shown)


def _pictures(logo: str) -> dict[str, str]:
    """Give the header that lets a page show the site's logo, where there is one."""
    if not logo:
        return {}
    place = urlsplit(logo)
    policy = f"{HEADERS['Content-Security-Policy']}; img-src {place.scheme}://{place.netloc}"
    return {"Content-Security-Policy": policy}


def json(value: object, status: int = 200) -> Response:
    """Answer a machine."""
    return JSONResponse(value, status, headers=FLEETING)


def plain(text: str) -> Response:
    """Answer with plain text."""
    return PlainTextResponse(text, headers=HEADERS)
