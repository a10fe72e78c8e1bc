"""What a template can say: the names it knows, made from an edition once. Pure."""

import re
from dataclasses import asdict, replace
from gettext import NullTranslations
from typing import Any

from babel import Locale, UnknownLocaleError
from babel.dates import format_date
from markupsafe import Markup

from digest.errors import RenderError
from digest.model import LedgerArticle, Picture
from digest.render import palette, urls, words
from digest.render.edition import Edition

_FONTS = re.compile(r"[\w ,'-]+")


def context(edition: Edition, said: NullTranslations) -> dict[str, Any]:
    """Give every name of the templates but `subject`, `reader` and the layout. Raises RenderError.

    `said` are our sentences in the edition's language. `articles` have their links as the mail shows them.
    Colours and fonts are checked here and marked safe, because they stand in a style sheet, where nothing is
    escaped.
    """
    locale = _locale(edition.language)
    articles = tuple(_linked(article, edition) for article in edition.articles)
    return {
        "site": {
            "name": edition.site_name,
            "url": edition.site_url,
            "host": urls.host(edition.site_url),
            "postal_address": edition.postal_address,
            "contact_url": urls.contact_url(edition.contact),
            "logo_url": urls.secure(edition.logo_url, edition.site_url),
        },
        "newsletter": {"name": edition.newsletter_name, "title": edition.newsletter_title},
        "language": edition.language,
        "direction": locale.text_direction,
        "date": format_date(edition.day, "full", locale=locale),
        "articles": articles,
        "reading_time": words.reading_time(articles, said),
        "intro": edition.intro,
        "preheader": words.preheader(edition.preheader, articles, said),
        "archive_url": edition.archive_url,
        "sample": edition.sample,
        "light": _safe(asdict(palette.light(accent=edition.accent, paper=edition.paper))),
        "dark": _safe(asdict(palette.dark(accent=edition.accent))),
        "fonts": _safe({"serif": _fonts(edition.serif), "sans": _fonts(edition.sans)}),
    }


def _linked(article: LedgerArticle, edition: Edition) -> LedgerArticle:
    """Give the article with the links of this mail, and nothing said twice."""
    link = urls.with_params(urls.secure(article.link, edition.site_url), edition.link_params)
    picture: Picture | None = article.picture
    if picture is not None:
        picture = replace(picture, url=urls.secure(picture.url, edition.site_url))
    excerpt = words.beyond(article.title, article.excerpt)
    return replace(article, link=link, picture=picture, excerpt=excerpt)


def _locale(language: str) -> Locale:
    try:
        return Locale.parse(language.replace("-", "_"))
    except (UnknownLocaleError, ValueError) as error:
        raise RenderError(f"site.language is {language!r}: it has to be a tag such as en or pt-BR") from error


def _fonts(stack: str) -> str:
    if not _FONTS.fullmatch(stack):
        raise RenderError(
            f"the theme's fonts {stack!r} are no list of names such as Georgia,'Times New Roman',serif"
        )
    return stack


def _safe(values: dict[str, str]) -> dict[str, Markup]:
    return {name: Markup(value) for name, value in values.items()}  # noqa: S704  checked by pattern above
