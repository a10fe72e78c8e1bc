"""What blogs append to a text and plugins leave in it: "appeared first on", "Read more", shortcodes."""

import re

# `The post X appeared first on Y.` in the languages in which WordPress and Yoast are most read.
_APPEARED = (
    r"(?:The post\b.{0,400}?\b(?:appeared first|first appeared) on\b"
    r"|Der Beitrag\b.{0,400}?\berschien zuerst auf\b"
    r"|L['’]article\b.{0,400}?\b(?:est apparu en premier sur|est apparu d['’]abord sur)\b"
    r"|La entrada\b.{0,400}?\b(?:se publicó primero en|aparece primero en)\b"
    r"|L['’]articolo\b.{0,400}?\b(?:proviene da|sembra essere il primo su)\b"
    r"|O post\b.{0,400}?\b(?:apareceu primeiro em|apareceu primeiro no)\b"
    r"|Het bericht\b.{0,400}?\bverscheen eerst op\b)"
)
_READ_ON = (
    r"(?:Continue reading|Continued? at|Read more|Read the (?:rest|full)|Keep reading"
    r"|Weiterlesen|Lire la suite|Seguir leyendo|Leer más|Leia mais|Continua a leggere|Lees verder)"
)
_APPEARED_TAIL = re.compile(rf"\s*{_APPEARED}[^\n]{{0,200}}$", re.IGNORECASE)
# Only after a sentence's end, and only if no sentence ends after it: "Read more books this year, she says."
# is somebody's text.
_READ_ON_TAIL = re.compile(
    rf"(?:(?<=[.!?…»”\"\]])|^)\s*{_READ_ON}\b(?:[^.!?…»→\n]|[.!?](?=\S)){{0,200}}(?:\s*(?:→|»|>|…|\.{{3}}))*\s*$",
    re.IGNORECASE,
)
READ_ON_CLASSES = frozenset(
    ["more-link", "read-more", "readmore", "read-more-link", "excerpt-more", "moretag", "continue-reading"]
)

# Characters.
_LONGEST_TAIL = 1_000

# Characters of `[ … ]`, with a few blanks.
_LONGEST_CUT = 20
_CUT = re.compile(r"\s*[\[(]\s*(?:…|\.{3})\s*[\])]\s*$")

# A shortcode with an attribute (its quotes may have become typographic), one without of those that
# WordPress itself has, and any closing one. `[sic]` and `[1]` stay.
_SHORTCODE = re.compile(
    r"\[[a-z][\w-]{1,40}\s(?:[^\[\]<>]{0,400}\s)?[\w-]{1,40}=[^\s\[\]<>][^\[\]<>]{0,600}\]"
    r"|\[(?:caption|gallery|embed|audio|video|playlist|contact-form|toc)\s*/?\]"
    r"|\[/[a-z][\w-]{1,40}\]",
    re.IGNORECASE,
)
# One without attributes is known by its closing one.
_CLOSING = re.compile(r"\[/([a-z][\w-]{1,40})\]", re.IGNORECASE)
_BARE = re.compile(r"\[([a-z][\w-]{1,40})\]", re.IGNORECASE)
_CAPTION = re.compile(
    r"\[caption\b[^\[\]]{0,600}\]\s*((?:<a\b[^<>]{0,1000}>\s*)?<img\b[^<>]{0,4000}>(?:\s*</a>)?)([^\[\]]{0,2000})"
    r"\[/caption\]",
    re.IGNORECASE,
)


def without_shortcodes(text: str) -> str:
    """Leave out what a plugin would have replaced, had it run."""
    figured = _CAPTION.sub(r"<figure>\1<figcaption>\2</figcaption></figure>", text)
    closed = {name.lower() for name in _CLOSING.findall(figured)}
    bare = _BARE.sub(lambda match: "" if match[1].lower() in closed else match[0], figured)
    return _SHORTCODE.sub("", bare)


def is_tail(text: str) -> bool:
    """Tell whether a paragraph is nothing but such a line."""
    text = " ".join(text.split())
    return 0 < len(text) < _LONGEST_TAIL and not without_tail(text)


def without_tail(text: str) -> str:
    """Cut such lines from a text's end."""
    while True:
        # A long text is looked at from near its end: the patterns need not cross it.
        head, end = text[:-_LONGEST_TAIL], text[-_LONGEST_TAIL:]
        shorter = (head + _READ_ON_TAIL.sub("", _APPEARED_TAIL.sub("", end))).rstrip()
        if shorter == text:
            return text
        text = shorter


def uncut(text: str) -> tuple[str, bool]:
    """Take `[…]` or closing dots off; tell whether the feed had cut the text there."""
    text = without_tail(text).rstrip()
    head, end = text[:-_LONGEST_CUT], text[-_LONGEST_CUT:]
    shorter = head + _CUT.sub("", end)
    if shorter == text and text.endswith(("…", "...")):
        shorter = text.rstrip("….").rstrip()
    return shorter, shorter != text
