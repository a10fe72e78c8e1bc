"""Which story stands where on the page, and how large its picture. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from digest.model import LedgerArticle, Picture

# Stories with excerpt and picture after the lead. A reader scans the rest; Gmail clips a longer page.
STORIES = 6


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The stories by their place. Every article stands in exactly one."""

    lead: LedgerArticle | None
    stories: tuple[LedgerArticle, ...]
    briefs: tuple[LedgerArticle, ...]
    cut: tuple[LedgerArticle, ...]
    """A headline each, so that the page stays under its limit."""


@dataclass(frozen=True, kw_only=True)
class Box:
    """How large a picture is shown, in CSS pixels. The height is None where the feed did not say."""

    width: int
    height: int | None


def lay_out(articles: Sequence[LedgerArticle], *, cut: int = 0) -> Layout:
    """Place the stories, and cut the last `cut` of the page to their headlines. The lead is never cut."""
    lead, rest = (articles[0], articles[1:]) if articles else (None, ())
    stories = [article for article in rest if article.excerpt or article.picture][:STORIES]
    briefs = [article for article in rest if article not in stories]
    kept = max(0, len(rest) - cut)
    return Layout(
        lead=lead,
        stories=tuple(stories[:kept]),
        briefs=tuple(briefs[: max(0, kept - len(stories))]),
        cut=tuple([*stories, *briefs][kept:]),
    )


def fit(picture: Picture, width: int, tallest: int) -> Box:
    """Scale a picture into `width` by `tallest`, its proportions kept; mail clients cannot crop.

    A picture a little too small is stretched: ragged columns look worse than soft pictures.
    """
    if not picture.width or not picture.height or picture.width < 0 or picture.height < 0:
        return Box(width=width, height=None)
    shown = width if picture.width * 1.3 >= width else picture.width
    height = round(shown * picture.height / picture.width)
    if height > tallest:
        shown, height = round(tallest * picture.width / picture.height), tallest
    return Box(width=max(1, shown), height=max(1, height))
