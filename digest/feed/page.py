"""The picture that an article's own page names for others to show. Pure: bytes go in.

By the Open Graph protocol (ogp.me): `og:image`, the first that can stand for the article, with the sizes
and words that follow it; else `twitter:image`, else `<link rel="image_src">`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from digest.feed.picture import is_sizeable, pixels
from digest.feed.text import decoded, shortened, tidy
from digest.feed.tree import parsed
from digest.feed.urls import absolute, secured
from digest.model import Picture

# What pages are written in. Python knows more: some of it takes time that grows with the square of a page.
_CHARSET = re.compile(
    rb"charset\s*=\s*[\"']?\s*(utf-?8|us-ascii|iso-8859-\d{1,2}|latin-?1|windows-\d{3,4}|cp125\d|koi8-[ru]|utf-16(?:[bl]e)?"
    rb"|big5|gb\w{1,6}|shift[_-]jis|euc-\w{2}|macintosh)\b",
    re.IGNORECASE,
)
_BODY = re.compile(r"<body[\s>]|</head\s*>", re.IGNORECASE)
# A platform's word for "none": WordPress.com names it on every page that has no picture.
_BLANK = re.compile(
    r"/(?:blank|spacer|placeholder|default|no-?image)[\w-]{0,20}\.\w{1,5}(?:[?#]|$)", re.IGNORECASE
)
# Characters.
_LONGEST_URL, _LONGEST_ALT = 2_000, 300

_IMAGES = frozenset({"og:image", "og:image:url"})
_TWITTER = frozenset({"twitter:image", "twitter:image:src"})


@dataclass(kw_only=True)
class _Named:
    """A picture as the page's lines tell it, one after the other."""

    url: str
    secure: str = ""
    alt: str = ""
    width: str = ""
    height: str = ""


def picture(page: bytes, *, url: str, content_type: str = "") -> Picture | None:
    """Give the picture of the page that was found at `url`; None where it names none that could be shown.

    `page` may be cut anywhere after its head; `content_type` is the answer's header.
    """
    text = _text(page, content_type)
    body = _BODY.search(text)
    named = _named(text[: body.start()] if body else text)
    return next((found for found in (_picture(one, url) for one in named) if found), None)


def _text(page: bytes, content_type: str) -> str:
    """Decode a page: by its header, by its own word, as UTF-8 (HTML, 13.2.3)."""
    for charset in (
        _CHARSET.search(content_type.encode("latin-1", "replace")),
        _CHARSET.search(page[:2_048]),
    ):
        try:
            if charset:
                return page.decode(charset[1].decode("ascii"), "replace")
        except (LookupError, ValueError):
            continue  # nobody knows it, or it is none of a text
    return page.decode("utf-8", "replace")


def _named(head: str) -> Iterator[_Named]:
    """Give what a head names, by trust."""
    images: list[_Named] = []
    cards: list[_Named] = []
    links: list[_Named] = []
    for node in parsed(head).css("meta[content], link[rel][href]"):
        attributes = {name: value or "" for name, value in node.attributes.items()}
        if node.tag == "link":
            if "image_src" in attributes["rel"].lower().split():
                links.append(_Named(url=attributes["href"]))
            continue
        name = (attributes.get("property") or attributes.get("name") or "").strip().lower()
        content = attributes["content"].strip()
        if name in _IMAGES and content:
            same = images and name == "og:image:url" and images[-1].url == content
            images += [] if same else [_Named(url=content)]
        elif name in _TWITTER and content:
            cards.append(_Named(url=content))
        elif images and name.startswith("og:image:"):
            _tell(images[-1], name.removeprefix("og:image:"), content)
        elif cards and name == "twitter:image:alt":
            cards[-1].alt = content
    yield from (*images, *cards, *links)


def _tell(image: _Named, what: str, content: str) -> None:
    match what:
        case "secure_url":
            image.secure = content
        case "alt":
            image.alt = content
        case "width":
            image.width = content
        case "height":
            image.height = content


def _picture(named: _Named, page: str) -> Picture | None:
    urls = [absolute(url, page) for url in (named.secure, named.url) if url and len(url) <= _LONGEST_URL]
    urls = sorted((url for url in urls if url and url != page), key=lambda url: not url.startswith("https:"))
    if not urls or _BLANK.search(urls[0]):
        return None
    found = Picture(
        url=secured(urls[0], page),
        alt=shortened(tidy(decoded(named.alt)), _LONGEST_ALT),
        width=pixels(named.width) or None,  # some say 0 where they do not know
        height=pixels(named.height) or None,
    )
    if found.width is None or found.height is None:
        found = replace(found, width=None, height=None)
    return found if is_sizeable(found) else None
