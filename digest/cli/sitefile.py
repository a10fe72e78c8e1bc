"""The config.toml of a site: the template, with what the site says of itself in it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from digest.address import normalise
from digest.config import Mailbox, toml_text
from digest.errors import AddressError
from digest.feed.survey import Survey

POSTAL_ADDRESS = "(your postal address)"
"""Stands where nobody but the operator knows: a false address would look like a true one."""

NO_ZONE, NO_LANGUAGE = "UTC", "en"

_SECTION = re.compile(r"\[+(?P<name>[\w.-]+)\]+")
# A key of the template: its value is a text or a list of texts, on one line.
_KEY = re.compile(r'(?P<key>\w+) = (?P<value>"[^"]*"|\[[^\]]*\]) *(?P<comment>#.*)?')
# Characters between a value that is longer than the template's and its comment.
_GAP = 3

Value = str | list[str]


@dataclass(frozen=True, kw_only=True)
class Filled:
    """The values that a survey gives, by section and key, and what its operator has to look at."""

    values: Mapping[tuple[str, str], Value]
    open: tuple[tuple[str, str], ...]
    """Keys that nobody could know or that were guessed, each with a word on it."""


def filled(survey: Survey) -> Filled:
    """Decide what stands in config.toml for a site."""
    told = survey.told
    host = urlsplit(survey.url).hostname or ""
    name = told.name or host
    domain = _mail_domain(host)
    sender = Mailbox(name=name, address=f"news@{domain}")
    contact = f"editor@{domain}"
    unknown = [
        ("site.postal_address", "the law wants it at the foot of every issue"),
        ("site.contact", f"guessed: {contact}"),
        ("mail.from", f"guessed: {sender}"),
    ]
    if not told.timezone:
        unknown.append(("site.timezone", f"the site does not say its zone: {NO_ZONE} stands there"))
    if not told.language:
        unknown.append(("site.language", f"the site does not say its language: {NO_LANGUAGE} stands there"))
    return Filled(
        values={
            ("site", "name"): name,
            ("site", "url"): survey.url,
            ("site", "feeds"): [survey.feed],
            ("site", "timezone"): told.timezone or NO_ZONE,
            ("site", "language"): told.language or NO_LANGUAGE,
            ("site", "postal_address"): POSTAL_ADDRESS,
            ("site", "contact"): contact,
            ("newsletter", "title"): "",
            ("mail", "from"): str(sender),
            ("theme", "logo"): told.logo,
        },
        open=tuple(unknown),
    )


def with_values(template: str, values: Mapping[tuple[str, str], Value]) -> str:
    """Give the template with other values; every comment stays, in its column where there is room."""
    section = ""
    lines = []
    for line in template.split("\n"):
        if header := _SECTION.match(line):
            section = header["name"]
        key = _KEY.fullmatch(line)
        if key and (section, key["key"]) in values:
            lines.append(_line(key, values[section, key["key"]]))
        else:
            lines.append(line)
    return "\n".join(lines)


def _line(old: re.Match[str], value: Value) -> str:
    new = toml_text({"": {old["key"]: value}}).split("\n")[1]
    if not old["comment"]:
        return new
    column = old.start("comment")
    room = column - len(new)
    return new + " " * (room if room > 0 else _GAP) + old["comment"]


def _mail_domain(host: str) -> str:
    """Give the domain of a site's mail: its host's, without `www.`; of a host that has none, an example's."""
    domain = host.removeprefix("www.")
    try:
        return normalise(f"news@{domain}").rpartition("@")[2]
    except AddressError:
        return "ledger.example"
