"""Pictures: which file of several, its size, and which pictures are none. Touches no network."""

import re
from collections.abc import Iterable, Mapping

from digest.feed.shown import Media
from digest.feed.text import tidy
from digest.feed.urls import absolute, secured
from digest.model import Picture

# Pixels. A lead picture fills a 600 px column on a screen with two dots a pixel.
_WANTED_WIDTH = 1_200
# Pixels. Smaller ones are portraits, buttons and ornaments.
_LEAST_WIDTH, _LEAST_HEIGHT = 150, 100
# Pixels. A narrower picture that leads to its file stands for that file.
_COLUMN = 600
# Pixels. Trackers are 1×1; some pretend to be 2 or 3.
_PIXEL = 3
# Characters. A srcset is a dozen addresses, and nobody's address is longer than a page: the patterns below
# are not for a novel.
_LONGEST_SRCSET, _LONGEST_ADDRESS = 8_000, 4_000

# An address that ends with a comma has no size; else its size stands between it and the next comma.
_CANDIDATE = re.compile(r"(?P<bare>[^\s,]\S*+)(?<=,)|(?P<url>[^\s,]\S*+)(?P<size>[^,]*+)")
_SIZE = re.compile(r"(?<!\S)(\d{1,6}(?:\.\d{1,3})?)([wx])(?!\S)")
_PLACEHOLDER = re.compile(
    r"^data:|(?:blank|spacer|placeholder|transparent|lazy|1x1|pixel|grey|gray)[^/]*\.\w+$", re.IGNORECASE
)
_TRACKER = re.compile(
    r"//(?:pixel\.|stats\.|b\.scorecardresearch|[\w.-]*doubleclick\.net|[\w.-]*google-analytics\.com"
    r"|(?:www\.)?facebook\.com/tr|feeds\.feedburner\.com/~|feeds\.wordpress\.com/1\.0|[\w.-]*feedsportal\.com)",
    re.IGNORECASE,
)
_AVATAR = re.compile(r"//[\w.-]*gravatar\.com/|/avatars?/", re.IGNORECASE)
_EMOJI = re.compile(r"/(?:emoji|twemoji|emojione)/|//s\.w\.org/images/", re.IGNORECASE)
_EMOJI_CLASSES = frozenset({"emoji", "twemoji", "wp-smiley", "emojione"})
_EMOJI_FILE = re.compile(
    r"/([0-9a-f]{2,6}(?:-[0-9a-f]{2,6}){0,9})\.(?:png|svg|gif|webp)(?:\?|$)", re.IGNORECASE
)
_TINY_STYLE = re.compile(
    r"(?<![-\w])(?:width|height)\s*:\s*[0-3](?:\.\d*)?(?:px|\s*(?:;|$|!))", re.IGNORECASE
)
_PIXELS = re.compile(r"\s*(\d{1,5})(?:\.\d{0,10})?\s*(?:px)?\s*", re.ASCII)
_IMAGE_NAME = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)(?:[?#]|$)", re.IGNORECASE)
_IMAGE_TYPE = re.compile(r"image(?:/|$)", re.IGNORECASE)
_VECTOR = re.compile(r"\.svgz?(?:[?#]|$)", re.IGNORECASE)

# By trust. The first two are put there by lazy loaders only, and then `src` is a placeholder.
_LAZY = ("data-src", "data-lazy-src", "data-original", "data-lazy")
_LAZY_SETS = ("data-srcset", "data-lazy-srcset", "srcset")
_ORIGINALS = ("data-large-file", "data-orig-file")

Attributes = Mapping[str, str | None]


def of_image(image: Attributes, base: str) -> Picture | None:
    """Give the real picture of an <img>, lazy loading undone, in the best size that it offers."""
    width, height = pixels(image.get("width")), pixels(image.get("height"))
    alt = tidy(image.get("alt") or "")
    sets = (candidates(image.get(name) or "", base, width) for name in _LAZY_SETS)
    offered = next((found for found in sets if found), [])
    sized = [(url, size) for url, size in offered if size]
    if sized:
        url, best = best_of(sized)
        return Picture(
            url=url, alt=alt, width=best, height=round(best * height / width) if width and height else None
        )
    source = _address(image, "src")
    honest = "" if _PLACEHOLDER.search(source) else source
    names = (
        [_address(image, name) for name in _LAZY] + [honest] + [_address(image, name) for name in _ORIGINALS]
    )
    urls = [absolute(name, base) for name in names if name] + [url for url, _ in offered]
    url = next((url for url in urls if url), "")
    return Picture(url=url, alt=alt, width=width, height=height) if url else None


def pixels(value: str | None) -> int | None:
    """Read a width or height; `100%` and `auto` say nothing in pixels."""
    match = _PIXELS.fullmatch(value or "")
    return int(match[1]) if match else None


def candidates(srcset: str, base: str, shown: int | None) -> list[tuple[str, int]]:
    """Read a srcset (HTML, 4.8.4.2.1): addresses and widths in pixels, 0 where nobody can tell.

    `shown` is the width at which the picture stands in the page, of which a density is a multiple.
    """
    found = []
    for candidate in _CANDIDATE.finditer(srcset[:_LONGEST_SRCSET]):
        url = candidate["url"] or candidate["bare"].rstrip(",")
        address = "" if url.startswith("data:") else absolute(url, base)
        size = _SIZE.search(candidate["size"] or "")
        unit = (1 if size[2] == "w" else shown or 0) if size else 0
        if address:
            found.append((address, round(float(size[1]) * unit) if size else 0))
    return found


def full_size(linked: str, thumbnail: Picture, base: str) -> Picture:
    """Give the picture behind a thumbnail that links to its file, as galleries do; else the thumbnail."""
    url = absolute(linked, base)
    if not _IMAGE_NAME.search(url) or thumbnail.width is None or thumbnail.width >= _COLUMN:
        return thumbnail
    return Picture(url=secured(url, base), alt=thumbnail.alt)


def best_of(sized: Iterable[tuple[str, int]]) -> tuple[str, int]:
    """Of addresses and widths give the smallest that is wide enough, else the widest; https before http."""
    offers = list(sized)
    offers = [offer for offer in offers if offer[0].startswith("https:")] or offers
    enough = [offer for offer in offers if offer[1] >= _WANTED_WIDTH]
    return min(enough, key=lambda offer: offer[1]) if enough else max(offers, key=lambda offer: offer[1])


def is_tracker(image: Attributes) -> bool:
    """Tell a tracking pixel."""
    sizes = (pixels(image.get("width")), pixels(image.get("height")))
    if any(size is not None and size <= _PIXEL for size in sizes):
        return True
    return bool(_TINY_STYLE.search(image.get("style") or "") or _TRACKER.search(_address(image, "src")))


def emoji(image: Attributes) -> str:
    """Give the character that an emoji's picture stands for; empty where the picture is a picture."""
    source = _address(image, "src") or _address(image, "data-src")
    classes = set((image.get("class") or "").split())
    if not (classes & _EMOJI_CLASSES or _EMOJI.search(source)):
        return ""
    named = _EMOJI_FILE.search(source)
    points = [int(point, 16) for point in named[1].split("-")] if named else []
    legal = points and all(0xA0 <= point <= 0x10FFFF and not 0xD800 <= point <= 0xDFFF for point in points)  # noqa: PLR2004 - Unicode
    return tidy(image.get("alt") or "") or ("".join(map(chr, points)) if legal else "")


def is_sizeable(picture: Picture, classes: str = "") -> bool:
    """Tell whether a picture can stand for its article: no portrait, ornament or vector drawing."""
    if _AVATAR.search(picture.url) or "avatar" in classes.split() or _VECTOR.search(picture.url):
        return False  # mail programs show no SVG
    return (picture.width is None or picture.width >= _LEAST_WIDTH) and (
        picture.height is None or picture.height >= _LEAST_HEIGHT
    )


def of_media(files: Iterable[Media], base: str) -> Picture | None:
    """Choose among the files that an item names: the best size of those that can stand for it."""
    pictures = []
    for file in files:
        url = absolute(file.url, base)
        if not url or not (_IMAGE_TYPE.match(file.type) if file.type else _IMAGE_NAME.search(url)):
            continue
        picture = Picture(url=url, alt=tidy(file.alt), width=file.width, height=file.height)
        if is_sizeable(picture):
            pictures.append(picture)
    if not pictures:
        return None
    best, _ = best_of((picture.url, picture.width or 0) for picture in pictures)
    return next(picture for picture in pictures if picture.url == best)


def _address(image: Attributes, name: str) -> str:
    """Give an attribute that holds an address; nothing where it is absurdly long."""
    value = image.get(name) or ""
    return value if len(value) <= _LONGEST_ADDRESS else ""
