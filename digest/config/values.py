"""The values with a meaning of their own: URLs, hosts, zones, schedules, templates' texts, colours.

Each reader gives the value back in its one form or raises ValueError with a sentence. No network is asked.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from difflib import get_close_matches
from ipaddress import ip_address, ip_network
from typing import Annotated
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from babel import Locale, UnknownLocaleError
from cronsim import CronSim, CronSimError
from jinja2 import Environment, TemplateSyntaxError
from pydantic import AfterValidator

from digest.config.addresses import address, line

SAMPLE_FEED = "sample:"
"""Stands for the sample site that comes with the program."""

CRON_FIELDS = 5


def filled(text: str) -> str:
    """Read a text that says something."""
    if not text.strip():
        raise ValueError("must not be empty")
    return text


def contact(text: str) -> str:
    """Read where a reader finds a person: a mail address or an https page."""
    if text.startswith("https://"):
        return page(text)
    if "://" in text:
        raise ValueError("must be a mail address or an https URL")
    return address(text)


def url(text: str) -> str:
    """Read an http or https URL."""
    _split(text)
    return text


def https(text: str) -> str:
    """Read an https URL, or nothing."""
    if text and _split(text).scheme != "https":
        raise ValueError("must be an https URL")
    return text


def base_url(text: str) -> str:
    """Read the URL that others are built on: http or https, its trailing slash taken off."""
    parts = _split(text)
    if parts.query or parts.fragment or text.endswith(("?", "#")):
        raise ValueError("must end before any ? or #")
    return text.rstrip("/")


def page(text: str) -> str:
    """Read an http or https URL, or nothing."""
    return url(text) if text else text


def feed(text: str) -> str:
    """Read a feed's URL, the site's own one, or `sample:`."""
    return text if text == SAMPLE_FEED else url(text)


def zone(text: str) -> str:
    """Read a time zone's name in the tz database."""
    try:
        ZoneInfo(text)
    except (KeyError, ValueError, OSError) as exc:
        hint = suggestion(text, available_timezones())
        raise ValueError(f"is no time zone that this computer knows{hint}") from exc
    return text


def schedule(text: str) -> str:
    """Read a cron expression of five fields that comes due at some time."""
    fields = text.split()
    if len(fields) != CRON_FIELDS:
        raise ValueError('must have five fields, as cron has: minute, hour, day, month, weekday: "0 7 * * *"')
    try:
        next(CronSim(text, datetime(2026, 1, 1, tzinfo=UTC)))
    except CronSimError as exc:
        raise ValueError(f"is no cron expression: {str(exc).lower()}") from exc
    except StopIteration as exc:
        raise ValueError("never comes due") from exc
    return text


def language(text: str) -> str:
    """Read a language tag (BCP 47) for which dates and plurals are known."""
    try:
        Locale.parse(text.replace("_", "-"), sep="-")
    except (UnknownLocaleError, ValueError, TypeError) as exc:
        raise ValueError('is no language that is known here; write "en", "de" or "pt-BR"') from exc
    return text.replace("_", "-")


def template_text(text: str) -> str:
    """Read a Jinja text and check its syntax."""
    try:
        Environment(autoescape=True).parse(text)
    except TemplateSyntaxError as exc:
        raise ValueError(f"is no Jinja template: {exc.message}") from exc
    except RecursionError as exc:
        raise ValueError("is nested too deeply") from exc
    return text


def slug(text: str) -> str:
    """Read a name that stands in URLs, in List-Id (RFC 2919) and on the command line."""
    if not re.fullmatch(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?", text):
        raise ValueError("must be 1 to 63 of a-z, 0-9 and -, neither first nor last a -")
    return text


def colour(text: str) -> str:
    """Read `#rrggbb`."""
    if not re.fullmatch(r"#[0-9a-fA-F]{6}", text):
        raise ValueError('must be a colour as "#1f4e79"')
    return text.lower()


def host(text: str) -> str:
    """Read a host's name or IP address, without scheme and port; or nothing."""
    bare = text.strip()
    if bare and not is_ip(bare) and not re.fullmatch(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]{0,252})", bare):
        raise ValueError("must be a host's name or IP address alone; the port has its own key")
    return bare


def network(text: str) -> str:
    """Read an IP address, or a network as `10.0.0.0/8`, in its one form."""
    try:
        return str(ip_network(text.strip()) if "/" in text else ip_address(text.strip()))
    except ValueError as exc:
        raise ValueError('must be an IP address or a network, as "10.0.0.0/8"') from exc


def is_ip(text: str) -> bool:
    """Tell whether a text is an IP address."""
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def is_loopback(name: str) -> bool:
    """Tell whether a host is this computer."""
    return name.lower() == "localhost" or (is_ip(name) and ip_address(name).is_loopback)


def suggestion(word: str, known: Iterable[str]) -> str:
    """Give `; did you mean …?` for the nearest known word, or nothing."""
    by_folded = {name.casefold(): name for name in known}
    near = get_close_matches(word.casefold()[:200], by_folded, n=1, cutoff=0.6)
    return f"; did you mean {by_folded[near[0]]}?" if near else ""


def _split(text: str) -> SplitResult:
    if not text.isprintable() or " " in text:
        raise ValueError("must be a URL without spaces")
    try:
        parts = urlsplit(text)
        usable = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError as exc:
        raise ValueError(f"is no URL: {exc}") from exc
    if not usable:
        raise ValueError("must be an http or https URL")
    return parts


Filled = Annotated[str, AfterValidator(line), AfterValidator(filled)]
Contact = Annotated[str, AfterValidator(contact)]
BaseUrl = Annotated[str, AfterValidator(base_url)]
Page = Annotated[str, AfterValidator(page)]
Https = Annotated[str, AfterValidator(https)]
Feed = Annotated[str, AfterValidator(feed)]
Zone = Annotated[str, AfterValidator(zone)]
Schedule = Annotated[str, AfterValidator(schedule)]
Language = Annotated[str, AfterValidator(language)]
TemplateText = Annotated[str, AfterValidator(line), AfterValidator(filled), AfterValidator(template_text)]
Slug = Annotated[str, AfterValidator(slug)]
Colour = Annotated[str, AfterValidator(colour)]
Host = Annotated[str, AfterValidator(host)]
