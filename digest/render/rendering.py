"""Renders an edition: subject, HTML, text. The same edition and nonce give the same bytes."""

from collections.abc import Callable
from typing import Any

from jinja2 import Environment

from digest import languages
from digest.errors import RenderError
from digest.model import Rendering
from digest.render import limits
from digest.render.context import context
from digest.render.edition import Edition
from digest.render.inline import inline
from digest.render.layout import lay_out
from digest.render.slots import NoReader, Reader
from digest.render.templates import environment, mistakes_in


def render(edition: Edition, *, nonce: str) -> Rendering:
    """Render an issue once for all its subscribers; `nonce` is 16 hex digits made for this rendering.

    Stories from the end are cut to their headline until a mail client shows the whole page. Raises
    RenderError, one sentence with template and line, for a mistake in a template, the subject or the theme.
    """
    said = languages.translations(edition.language, edition.site_templates)
    env = environment(edition.site_templates, said)
    names = context(edition, said)
    names["subject"] = _subject(env, edition.subject_template, names)
    names["reader"] = Reader(nonce)

    def part(name: str, cut: int) -> str:
        with mistakes_in(name):
            layout = lay_out(names["articles"], cut=cut)
            return env.get_template(name).render(
                names, lead=layout.lead, stories=layout.stories, briefs=layout.briefs, cut=layout.cut
            )

    html_name, text_name = f"{edition.template}.html.j2", f"{edition.template}.txt.j2"
    cut, html = _shortened(
        lambda cut: inline(part(html_name, cut)), most=max(0, len(edition.articles) - 1), name=html_name
    )
    # The text has no such limit: it keeps every story whole.
    text = part(text_name, 0).strip() + "\n"
    limits.check(part=html_name, body=html, nonce=nonce)
    limits.check(part=text_name, body=text, nonce=nonce)
    return Rendering(
        subject=names["subject"],
        preheader=names["preheader"],
        html=html,
        text=text,
        nonce=nonce,
        shortened=cut,
    )


def _subject(env: Environment, source: str, names: dict[str, Any]) -> str:
    """Give the subject on one line; the newsletter's title where a story leaves it empty."""
    with mistakes_in("the subject"):
        subject = env.from_string(source).render(names, reader=NoReader())
    return " ".join(subject.split()) or str(names["newsletter"]["title"])


def _shortened(page: Callable[[int], str], *, most: int, name: str) -> tuple[int, str]:
    """Give the fewest stories that have to be cut, at most `most`, and the page with them cut."""
    html = page(0)
    if limits.fits(html):
        return 0, html
    shortest = page(most)
    if not limits.fits(shortest):
        raise RenderError(
            f"{name}: the HTML has {len(shortest.encode()):,} octets with every story cut to its headline, "
            f"and past {limits.LIMIT:,} mail clients clip the end: lower max_articles or shorten the template"
        )
    # Whether a page fits goes from no to yes once as the cut grows.
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        html = page(middle)
        if limits.fits(html):
            high, shortest = middle, html
        else:
            low = middle
    return high, shortest
