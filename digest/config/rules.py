"""Rules by which a newsletter takes articles, or leaves them out: by category, author and title."""

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator

from digest.config.kinds import listed
from digest.config.section import Section

GLOB = re.compile(r"[*?]")


def pattern(text: str) -> str:
    """Read a pattern: text in which `*` and `?` stand for others, or `/a regular expression/`."""
    if not text.strip():
        raise ValueError("must not be empty")
    try:
        _expression(text)
    except (re.error, OverflowError, RecursionError) as exc:
        raise ValueError(
            f"is no regular expression: {exc}; without the slashes it is plain text with * and ?"
        ) from exc
    return text


@lru_cache(maxsize=1024)
def _expression(text: str) -> re.Pattern[str]:
    slashes = text[:1] + text[-1:] == "//" and len(text) > 2  # noqa: PLR2004 - the two slashes themselves
    if slashes:
        return re.compile(text[1:-1], re.IGNORECASE)
    parts = (re.escape(part) for part in GLOB.split(text))
    wild = ({"*": ".*", "?": "."}[sign] for sign in GLOB.findall(text))
    body = next(parts) + "".join(sign + part for sign, part in zip(wild, parts, strict=True))
    return re.compile(rf"\A{body}\Z", re.IGNORECASE | re.DOTALL)


Patterns = Annotated[tuple[Annotated[str, AfterValidator(pattern)], ...], BeforeValidator(listed)]


class Rules(Section):
    """What names an article: one of its categories, its author, or its title. One that fits is enough."""

    categories: Patterns = ()
    """Categories, as "Sport" or "Sport*"; capitals do not matter."""
    authors: Patterns = ()
    """Authors, as "Ada Vale" or "*Vale"."""
    titles: Patterns = ()
    """Titles, as "Sponsored: *", or a regular expression between slashes, as "/^sponsored\\b/"."""

    @property
    def says_anything(self) -> bool:
        """Whether there is any rule."""
        return bool(self.categories or self.authors or self.titles)

    def match(self, *, categories: Sequence[str], author: str, title: str) -> str:
        """Give the rule that names an article, as `category "Sport"`; empty where none does."""
        kinds = (
            ("category", self.categories, categories),
            ("author", self.authors, (author,)),
            ("title", self.titles, (title,)),
        )
        for kind, patterns, texts in kinds:
            for one in patterns:
                if any(_expression(one).search(text) for text in texts):
                    return f'{kind} "{one}"'
        return ""


EVERYTHING = NOTHING = Rules()
"""Without a rule, everything is included and nothing excluded."""
