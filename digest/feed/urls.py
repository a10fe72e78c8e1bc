"""Web addresses as feeds write them: relative, with spaces, or none at all."""

from urllib.parse import urljoin, urlsplit

from digest.feed.text import identifier


def absolute(url: str, base: str) -> str:
    """Resolve an address (RFC 3986, 5); empty where that gives no http or https address with a host."""
    try:
        found = urljoin(base, identifier(url))
        parts = urlsplit(found)
    except ValueError:
        return ""
    return found.replace(" ", "%20") if parts.scheme in {"http", "https"} and parts.netloc else ""


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
