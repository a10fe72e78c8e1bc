"""The small phrases of a mail in its language, and its texts cut and wrapped to measure. Pure.

Where a phrase takes `said`, that is the language's catalog; without it the phrase is English, its source.
"""

import re
import textwrap
from collections.abc import Sequence
from gettext import NullTranslations

from digest.model import Article

# Words a minute: what adults read silently, after Brysbaert's review of 190 studies (238), rounded down.
PACE = 230

# Octets a line of plain text should not pass (RFC 3676, section 4.2, recommends 78 with its end; habit 72).
COLUMNS = 72

# What an inbox shows beside the subject: from about 40 characters on a phone to 140 on a wide screen.
PREHEADER = 140

ENGLISH = NullTranslations()

_NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
# What ends a sentence, or the text.
_STOP = re.compile(r"[.!?]*(?:\s+|$)")
_SENTENCE_END = re.compile(r"[.!?…][”’\"')»]*(?=\s)|[。！？]")


def comments(count: int | None, said: NullTranslations = ENGLISH) -> str:
    """Give `25 comments`, or nothing where there are none or nobody knows."""
    if not count or count < 0:
        return ""
    return said.ngettext("%(count)s comment", "%(count)s comments", count) % {"count": count}


def stories(count: int, said: NullTranslations = ENGLISH) -> str:
    """Give `12 stories`."""
    return said.ngettext("%(count)s story", "%(count)s stories", count) % {"count": count}


def reading_time(articles: Sequence[Article], said: NullTranslations = ENGLISH) -> str:
    """Give `a six-minute read`, or nothing unless the length of every story is known."""
    if not articles or any(article.words <= 0 for article in articles):
        return ""
    minutes = max(1, round(sum(article.words for article in articles) / PACE))
    phrase = said.ngettext("%(minutes)s minute to read", "%(minutes)s minutes to read", minutes)
    untold = ENGLISH.ngettext("%(minutes)s minute to read", "%(minutes)s minutes to read", minutes)
    # English, and a language without this phrase, says it as English likes it best.
    return _english_reading_time(minutes) if phrase == untold else phrase % {"minutes": minutes}


def _english_reading_time(minutes: int) -> str:
    """Spell a small number, and find its article by sound."""
    number = _NUMBERS[minutes - 1] if minutes <= len(_NUMBERS) else str(minutes)
    # "an eight-minute", "an 18-minute", "an 80-minute".
    article = "an" if number in ("eight", "eleven", "18") or number.startswith("8") else "a"
    return f"{article} {number}-minute read"


def clip(text: str, limit: int) -> str:
    """Give a text of at most `limit` characters: to the end of a sentence if one is near, else of a word."""
    if len(text) <= limit:
        return text
    ends = [match.end() for match in _SENTENCE_END.finditer(text, 0, limit + 1) if match.end() <= limit]
    if ends and ends[-1] >= limit * 0.6:
        return text[: ends[-1]]
    head = text[: limit - 1]
    in_a_word = not head[-1:].isspace() and not text[limit - 1].isspace()
    words = head.rsplit(maxsplit=1)[0] if in_a_word and " " in head.strip() else head
    return words.rstrip(" ,;:–—-") + "…"


def beyond(title: str, text: str) -> str:
    """Give a text without its title where it begins with that as a sentence, as untitled notes do."""
    rest = text.removeprefix(title)
    stop = _STOP.match(rest) if title and rest != text else None
    return rest[stop.end() :] if stop and (not rest or stop[0].strip() or title[-1] in ".!?") else text


def wrap(text: str, columns: int = COLUMNS) -> str:
    """Give a text in lines of at most `columns`, its paragraphs kept. No word is cut: it may be a link."""
    lines = (
        textwrap.fill(line, columns, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )
    return "\n".join(lines)


def preheader(given: str, articles: Sequence[Article], said: NullTranslations = ENGLISH) -> str:
    """Give what the inbox shows beside the subject: what the editor wrote, else what the stories tell.

    The lead's headline is usually the subject, so it is not said again.
    """
    if given or not articles:
        return " ".join(given.split())
    if articles[0].excerpt:
        return clip(" ".join(articles[0].excerpt.split()), PREHEADER)
    others = [article.title for article in articles[1:]]
    also = said.gettext("Also: %(headlines)s") % {"headlines": "; ".join(others)}
    return clip(also, PREHEADER) if others else ""
