"""The database's URL: which are known, where a relative SQLite file lies, how it is shown."""

import re
from pathlib import Path

SQLITE = "sqlite:///"
POSTGRESQL = "postgresql+psycopg://"

PASSWORD_IN_URL = re.compile(r"(?<=://)([^/?#\s@:]*):[^/?#\s]*@")
PASSWORD_IN_QUERY = re.compile(r"(?<=[?&])password=[^&#\s]*", re.IGNORECASE)


def normal_url(url: str) -> str:
    """Read a database's URL; `postgres://` and `postgresql://` get the one driver that is used."""
    if not url.isprintable():
        raise ValueError("must be one line")
    if url.startswith(SQLITE):
        if not re.fullmatch(r"[^?#]*[^?#/]", url.removeprefix(SQLITE)) or ":memory:" in url:
            raise ValueError('must name a file, as "sqlite:///subscribers.db"')
        return url
    scheme, separator, rest = url.partition("://")
    if separator and rest and scheme in {"postgres", "postgresql", "postgresql+psycopg"}:
        return POSTGRESQL + rest
    raise ValueError('must begin with "sqlite:///" or "postgresql+psycopg://"')


def resolved_url(url: str, folder: Path) -> str:
    """Give the URL with a relative SQLite file made absolute from `folder`."""
    if not url.startswith(SQLITE):
        return url
    return f"{SQLITE}{folder / url.removeprefix(SQLITE)}"


def mask_url(url: str) -> str:
    """Give the URL with its password as stars."""
    return PASSWORD_IN_QUERY.sub("password=********", PASSWORD_IN_URL.sub(r"\1:********@", url))
