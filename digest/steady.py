"""Addresses without what changes from fetch to fetch and leads to the same thing. Pure.

Signed addresses of pictures get another signature each time a feed is made, caches are passed by with a
number, and links carry where their readers come from: none of it is an edit.
"""

import re
from urllib.parse import unquote, urlsplit

# Where readers come from, who they are, and ways past a cache.
_PASSING = (
    r"utm_.*|mtm_.*|pk_.*|(?:fb|g|d)clid|msclkid|yclid|igshid|mc_[ce]id|_g[al]"
    r"|phpsessid|no-?cache|cache-?buster|_"
)
# Signatures of Amazon, Google, CloudFront, Azure and their like, with how long they hold, and versions.
_SIGNED = (
    r"x-(?:amz|goog)-.*|awsaccesskeyid|googleaccessid|key-pair-id|policy|signature|sig|s[etvrp]|spr|token|hmac"
    r"|expires?|exp|v|ver|version|t|ts|cb|rand"
)
_OF_LINKS = re.compile(_PASSING, re.IGNORECASE)
_OF_PICTURES = re.compile(f"{_PASSING}|{_SIGNED}", re.IGNORECASE)
_FILE = re.compile(r"\.(?:jpe?g|png|gif|webp|avif)$", re.IGNORECASE)


def link(url: str) -> str:
    """Give a page's address without parameters that only say whence and when."""
    return _without(url, _OF_LINKS)


def picture(url: str) -> str:
    """Give a picture's address: where its path names a file, without any query; else without signatures."""
    parts = _without(url, _OF_PICTURES)
    path, mark, _ = parts.partition("?")
    return path if mark and _FILE.search(path) else parts


def _without(url: str, names: re.Pattern[str]) -> str:
    """Take parameters out of an address, and leave the others as they are written."""
    if "?" not in url:
        return url
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    kept = [each for each in parts.query.split("&") if not names.fullmatch(unquote(each.partition("=")[0]))]
    return parts._replace(query="&".join(kept)).geturl()
