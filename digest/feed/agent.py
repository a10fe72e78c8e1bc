"""How we go to a site: who we say we are, whose certificates we trust, which answers lead on."""

import ssl
from functools import cache
from http import HTTPStatus
from urllib.parse import quote

from digest import __version__
from digest.feed.urls import public

CONNECT_SECONDS = 10.0
MOST_REDIRECTS = 5
PERMANENT = frozenset({HTTPStatus.MOVED_PERMANENTLY, HTTPStatus.PERMANENT_REDIRECT})
REDIRECTS = PERMANENT | {HTTPStatus.FOUND, HTTPStatus.SEE_OTHER, HTTPStatus.TEMPORARY_REDIRECT}
# RFC 3986, 2.2, and the sign of what is encoded already.
_URL_CHARACTERS = ":/?#[]@!$&'()*+,;=%"


def headers(contact_url: str, accept: str) -> dict[str, str]:
    """Give the headers of every request. Sites' operators find us at `contact_url` if we are a nuisance."""
    contact = quote(public(contact_url), safe=_URL_CHARACTERS)  # a header is ASCII, an address need not be
    return {"User-Agent": f"digest/{__version__} (+{contact})", "Accept": accept}


@cache
def tls() -> ssl.SSLContext:
    """Read the system's authorities once: it blocks for tens of milliseconds."""
    return ssl.create_default_context()
