"""Cleans an article's HTML for mail, and makes its excerpt. Knows no feed format and touches no network.

Repairs come first and the sanitiser last: a sanitiser that runs first takes the lazy images' real sources
and the embeds with it.
"""

import re
from dataclasses import dataclass, replace

import nh3
from selectolax.lexbor import LexborNode

from digest.feed import embeds, picture, tails
from digest.feed.text import ellipsis, identifier, shortened, tidy
from digest.feed.tree import OWN, names, parsed, prune, running_text, trimmed
from digest.feed.urls import absolute, secured
from digest.model import Picture

# Pixels. The width of the mail's column; a wider picture is given this width and its height in proportion.
COLUMN = 600

_GONE = names(
    "applet base basefont button canvas datalist dialog fieldset form frame frameset head input link map math"
    " menu meta nav optgroup option output param progress script select source style svg template textarea"
    " title track"
)
# Comments, doctypes and whatever is no element carry nothing for a reader.
_KEPT_NODES = frozenset({"-text"})
_HIDDEN_STYLE = re.compile(
    r"display\s*:\s*none|visibility\s*:\s*hidden|mso-hide\s*:\s*all|font-size\s*:\s*0(?![.\d])", re.IGNORECASE
)
_HIDDEN_CLASSES = names("screen-reader-text sr-only visually-hidden hidden")
# Sharing and "related" blocks that plugins append to every item.
_APPENDED_CLASSES = names(
    "sharedaddy jp-relatedposts feedflare addtoany_share_save_container yarpp-related wpcnt"
)
# Code, where plugins put footnotes, and what others have said. They are no running text of the article's,
# and neither are the footnotes' numbers in it, and tables that have headings, which are no mere layout.
_ASIDES = (
    "pre, .footnotes, .footnotes-list, .wp-block-footnotes, .easy-footnotes-wrapper"
    ", .twitter-tweet, .instagram-media, .wp-embedded-content"
)
_NOTE_MARK = re.compile(r"\s*\[?(?:\d{1,3}|[*†‡])\]?\s*")
_ESCAPED_TWICE = re.compile(r"</(?:a|p|em|strong|b|i|span|div)>", re.IGNORECASE)
_PERSON = re.compile(r"(?:mailto|tel):[^<>\s]{1,300}$", re.IGNORECASE)
_CLEANER = nh3.Cleaner(
    tags=names(
        "a abbr b blockquote br cite code dd del dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins li"
        " ol p pre q s small strong sub sup table tbody td tfoot th thead tr u ul"
    ),
    attributes={
        "a": {"href", "title"},
        "img": {"src", "alt", "width", "height"},
        "td": {"colspan", "rowspan"},
        "th": {"colspan", "rowspan"},
    },
    url_schemes={"http", "https", "mailto", "tel"},
    link_rel=None,
)


@dataclass(frozen=True, kw_only=True)
class Cleaned:
    """An article's body, fit for mail."""

    html: str
    """Sanitised; every link and picture absolute, pictures at most COLUMN wide."""
    text: str
    """The running text, a paragraph a line: no headings, captions or embeds."""
    picture: Picture | None
    """The first picture that can stand for the article, in its best size."""


def clean(html: str, *, base: str) -> Cleaned:
    """Repair, prune and sanitise a body; `base` is the article's link, against which its links resolve."""
    body = parsed(tails.without_shortcodes(trimmed(html)))
    for twin in body.css("noscript"):
        _unfold(twin, base)
    prune(body, lambda node: _is_doomed(node, base))
    first: Picture | None = None
    for image in body.css("img"):
        first = _mend(image, base, first)
    marks = [mark for mark in body.css("sup a") if _NOTE_MARK.fullmatch(mark.text())]
    tables = [table for table in body.css("table") if table.css_first("th") is not None]
    for aside in (*body.css(_ASIDES), *marks, *tables):
        aside.attrs[OWN] = "aside"
    for anchor in body.css("a[href]"):
        _resolve(anchor, base)
    paragraphs = list(running_text(body))
    while paragraphs and tails.is_tail(paragraphs[-1]):
        paragraphs.pop()
    return Cleaned(
        html=_CLEANER.clean(body.inner_html or "").strip(), text="\n".join(paragraphs), picture=first
    )


def excerpt(description: str, body_text: str, words: int = 60) -> str:
    """Give a line of plain text to stand under the title: about `words` words, cut at a word with `…`.

    `description` is the feed's own, as HTML; `body_text` has a paragraph a line. A description that only
    opens the body, as WordPress' automatic one does, gives way to the body's own first paragraphs.
    """
    text = clean(description, base="").text
    if _ESCAPED_TWICE.search(text):
        text = clean(text, base="").text
    own, was_cut = tails.uncut(" ".join(text.split()))
    opens_body = own.split()[:8] == body_text.split()[:8]
    if own and not (body_text and (was_cut or opens_body)):
        # A hand-written one is worth a few words more rather than a cut.
        return (
            own if not was_cut and len(own.split()) <= words * 3 // 2 else _opening([own], words, cut=was_cut)
        )
    text, was_cut = tails.uncut(body_text)
    return _opening(text.split("\n"), words, cut=was_cut)


def _opening(paragraphs: list[str], words: int, *, cut: bool) -> str:
    """Give the first paragraphs; `cut` says that the last one is itself a beginning."""
    taken = ""
    left = words
    for paragraph in paragraphs:
        many = paragraph.split()
        if len(many) > left:
            if left > words // 3:
                taken = _joined(taken, ellipsis(" ".join(many[:left])))
            break
        taken = _joined(taken, paragraph)
        left -= len(many)
    else:
        taken = ellipsis(taken) if cut and taken else taken
    # Scripts without spaces have long "words": bounded by characters as well.
    return shortened(tidy(taken), words * 12)


def _joined(taken: str, paragraph: str) -> str:
    """Join two paragraphs; the items of a list, which end without a stop, with a semicolon."""
    if not taken:
        return paragraph
    return f"{taken} {paragraph}" if taken[-1] in ".!?…:;,\"'”’»)]—–" else f"{taken}; {paragraph}"


def _unfold(twin: LexborNode, base: str) -> None:
    """Undo a <noscript>: its picture is the real one of a lazy image before it, or stands alone.

    Without picture or link, it asks for JavaScript.
    """
    if twin.parent is not None and twin.parent.tag == "noscript":
        twin.unwrap()
        return
    inside = twin.css_first("img")
    if inside is None and (twin.css_first("a[href]") is None or "javascript" in twin.text().lower()):
        twin.decompose()
        return
    before = twin.prev
    while before is not None and before.is_text_node and not (before.text_content or "").strip():
        before = before.prev
    if inside is None or before is None or before.tag != "img":
        twin.unwrap()
        return
    if picture.of_image(before.attributes, base) is None:
        for name, value in inside.attributes.items():
            before.attrs[name] = value
    twin.decompose()


def _is_doomed(node: LexborNode, base: str) -> bool:
    tag = node.tag or ""
    if not node.is_element_node:
        return tag not in _KEPT_NODES
    attributes = node.attributes
    classes = frozenset((attributes.get("class") or "").split())
    if tag in _GONE or "hidden" in attributes or classes & (_HIDDEN_CLASSES | _APPENDED_CLASSES):
        return True
    if _HIDDEN_STYLE.search(attributes.get("style") or ""):
        return True
    if tag in embeds.TAGS or "wp-block-embed__wrapper" in classes:
        return _replaced(node, classes, base)
    if tag == "a" and classes & tails.READ_ON_CLASSES:
        return True
    return tag == "p" and tails.is_tail(node.text(separator=" "))


def _replaced(node: LexborNode, classes: frozenset[str], base: str) -> bool:
    """Put a line in the place of an embed; beside WordPress' own embeds stands a linked quotation already."""
    if "wp-block-embed__wrapper" in classes and not embeds.lone_address(node):
        return False
    line = None if "wp-embedded-content" in classes else embeds.line_for(node, base)
    if line is not None:
        node.insert_before(line)
    return True


def _mend(image: LexborNode, base: str, first: Picture | None) -> Picture | None:
    """Mend one <img> in place. Gives the picture that stands for the article: `first`, or else this one."""
    attributes = image.attributes
    character = picture.emoji(attributes)
    if character:
        image.replace_with(character)
        return first
    real = None if picture.is_tracker(attributes) else picture.of_image(attributes, base)
    if real is None:
        image.decompose()
        return first
    real = replace(real, url=secured(real.url, base))
    for name in list(attributes):
        del image.attrs[name]
    shown = _in_column(real)
    image.attrs["src"], image.attrs["alt"] = shown.url, shown.alt
    for name, size in (("width", shown.width), ("height", shown.height)):
        if size:
            image.attrs[name] = str(size)
    if first or not picture.is_sizeable(real, attributes.get("class") or ""):
        return first
    parent = image.parent
    linked = (parent.attributes.get("href") or "") if parent is not None and parent.tag == "a" else ""
    return picture.full_size(linked, real, base)


def _resolve(anchor: LexborNode, base: str) -> None:
    """Make a link absolute: `#fn1` becomes the article's own anchor. Mailto and tel stay as they are."""
    href = identifier(anchor.attributes.get("href") or "")
    found = absolute(href, base)
    if found:
        anchor.attrs["href"] = found
    elif not _PERSON.match(href):
        del anchor.attrs["href"]


def _in_column(real: Picture) -> Picture:
    if real.width is None or real.width <= COLUMN:
        return real
    height = None if real.height is None else max(1, round(real.height * COLUMN / real.width))
    return replace(real, width=COLUMN, height=height)
