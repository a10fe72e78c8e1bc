"""Web addresses as feeds write them: relative, with spaces, or none at all."""

import re
from urllib.parse import quote, urljoin, urlsplit

from digest.feed.text import identifier

# Characters. Browsers and servers refuse what is longer, and a mail has no room for it.
_LONGEST = 4_000
# What no address holds as it is (RFC 3986, 2): blanks, delimiters, and the marks that would turn the rest of
# a plain text round.
_UNSAFE = re.compile(r"[\s\"<>\\^`{|}\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff]")


def absolute(url: str, base: str) -> str:
    """Resolve an address (RFC 3986, 5); empty where that gives no http or https address with a host."""
    try:
        found = urljoin(base, identifier(url))
        parts = urlsplit(found)
    except ValueError:
        return ""
    if parts.scheme not in {"http", "https"} or not parts.netloc or len(found) > _LONGEST:
        return ""
    return _UNSAFE.sub(lambda match: quote(match[0]), found)


def secured(url: str, page: str) -> str:
    """Give a file's address with https where the page's own https host serves it too."""
    there, here = urlsplit(url), urlsplit(page)
    same = there.scheme == "http" and here.scheme == "https" and there.netloc == here.netloc
    return there._replace(scheme="https").geturl() if same else url


def public(url: str) -> str:
    """Give an address for people to see, without a password in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl() if "@" in parts.netloc else url
