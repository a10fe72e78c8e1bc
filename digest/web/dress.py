"""Dresses every answer: the site's look, and headers that keep a reader's visit to ourselves.

Knows what pages there are and what each shows; not why one is shown.
"""

import contextlib
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

from fastapi import Response
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse
from jinja2 import (
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.loaders import BaseLoader

from digest import languages, resources
from digest.errors import RenderError
from digest.render import palette
from digest.render.urls import contact_url, host
from digest.web.pages import Pages

PAPER = "#f4f1ea"
"""What a page lies on in the light: the mail's."""

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
    "address": "-",
    "new_address": "-",
    "choices": CHOICES,
    "reads": True,
    "pending": True,
    "paused_until": "-",
    "weeks": [{"number": 1, "until": "-"}],
    "languages": [{"tag": "en", "name": "-", "chosen": True}] * 2,
}
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
        self._jinja = {language: _environment(pages, language) for language in self.languages}
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
        return HTMLResponse(text, status, headers=FLEETING | dict(headers or {}))

    def problem(self, problem: str, status: int, headers: Mapping[str, str] | None = None) -> Response:
        """Answer that something did not work, and how a person is reached."""
        return self.page("problem", {"problem": problem}, status, headers)

    def stylesheet(self) -> Response:
        """Answer with the stylesheet."""
        return Response(self.style, media_type="text/css; charset=utf-8", headers=LASTING)

    def _render(self, name: str, shown: Mapping[str, object], language: str) -> str:
        with _mistakes_in(name):
            return self._jinja[language].get_template(name).render(shown)


def json(value: object, status: int = 200) -> Response:
    """Answer a machine."""
    return JSONResponse(value, status, headers=FLEETING)


def plain(text: str) -> Response:
    """Answer with plain text."""
    return PlainTextResponse(text, headers=HEADERS)


def _environment(pages: Pages, language: str) -> Environment:
    """Give the environment of the pages' templates; the shipped ones are also there as `shipped/NAME`.

    Its `_`, `ngettext` and `{% trans %}` speak `language`, which the templates know by that name.
    """
    shipped = FileSystemLoader(resources.templates() / "web")
    places: list[BaseLoader] = [shipped, PrefixLoader({"shipped": shipped})]
    if pages.site_templates is not None:
        places.insert(0, FileSystemLoader(pages.site_templates / "web"))
    made = Environment(
        loader=ChoiceLoader(places),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        extensions=["jinja2.ext.i18n"],
    )
    said = languages.translations(language, pages.site_templates)
    # What the extension adds to an environment, no type knows.
    made.__dict__["install_gettext_translations"](said, newstyle=True)
    made.globals |= {
        "language": language,
        "site": {
            "name": pages.site_name,
            "url": pages.site_url,
            "host": host(pages.site_url),
            "language": pages.language,
            "contact": pages.contact,
            "contact_url": contact_url(pages.contact),
        },
        "titles": list(pages.titles.values()),
        "light": palette.light(accent=pages.accent, paper=PAPER),
        "dark": palette.dark(accent=pages.accent),
    }
    return made


@contextlib.contextmanager
def _mistakes_in(name: str) -> Iterator[None]:
    """Turn a template's mistake into one sentence that begins with its place."""
    try:
        yield
    except TemplateSyntaxError as exc:
        place = f"templates/web/{exc.name or name}, line {exc.lineno}"
        raise RenderError(f"{place}: {exc.message}: mend the template.") from exc
    except TemplateError as exc:
        raise RenderError(f"templates/web/{name}: {exc}: mend the template.") from exc
