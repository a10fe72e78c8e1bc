"""The sections about what is published: the site, its newsletters, the mail's sender, editors and looks.

A field's docstring is its help in `digest config schema` and in the message about a missing key.
"""

import re
from datetime import timedelta
from typing import Annotated, Literal
from urllib.parse import parse_qsl

from pydantic import AfterValidator, BeforeValidator, Field, ValidationInfo, field_validator

from digest.config.addresses import Address, Line, Sender, address, line
from digest.config.kinds import WHOLE, Duration, Flag, empty, listed, table
from digest.config.rules import Rules
from digest.config.section import Section, more_than_nothing
from digest.config.values import (
    BaseUrl,
    Colour,
    Contact,
    Feed,
    Filled,
    Https,
    Language,
    Schedule,
    Slug,
    TemplateText,
    Zone,
    zone,
)

VERP = "verp"
"""The envelope that is another for each message."""

HEADER_NAME = re.compile(r"[!-9;-~]+")  # ftext of RFC 5322, section 3.6.8
# What every message carries already; a second one would make it ambiguous or break a signature.
OWN_HEADERS = re.compile(
    r"from|sender|to|cc|bcc|reply-to|subject|date|message-id|return-path|received|mime-version|content-.*"
    r"|list-.*|feedback-id|auto-submitted|precedence|x-auto-response-suppress|x-digest-.*|dkim-signature",
    re.IGNORECASE,
)

Feeds = Annotated[tuple[Feed, ...], BeforeValidator(listed)]
Headers = Annotated[dict[str, str], BeforeValidator(table)]


class Site(Section):
    """The publication."""

    name: Filled
    """The publication's name, as readers know it."""
    url: BaseUrl
    """The site's address."""
    feeds: Feeds
    """The site's feeds, or its own URL, where they are discovered; `sample:` is the built-in sample."""
    timezone: Zone
    """The zone in which schedules are meant and dates are written, as "Europe/Berlin"."""
    language: Language = "en"
    """The language of our own sentences and dates, and the direction of writing, as a tag ("de", "pt-BR")."""
    postal_address: Filled
    """The publisher's postal address, which the law wants at the foot of every issue."""
    contact: Contact
    """A mail address or an https page where a reader finds a person."""
    page_pictures: Flag = True
    """Whether an article without a picture in its feed shows the one that its own page names."""

    @field_validator("feeds")
    @classmethod
    def _feeds(cls, feeds: tuple[str, ...]) -> tuple[str, ...]:
        if not feeds:
            raise ValueError("must name at least one feed")
        if len(set(feeds)) < len(feeds):
            raise ValueError("names a feed twice")
        return feeds

    @property
    def help_url(self) -> str:
        """The contact as a URL for List-Help (RFC 2369): https or mailto."""
        return self.contact if self.contact.startswith("http") else f"mailto:{self.contact}"


class Newsletter(Section):
    """A publication with a schedule. Once loaded, title, feeds and timezone are never empty."""

    name: Slug
    """Its short name, in links and on the command line; it must not change."""
    title: Line = ""
    """Its title; the site's name, if empty."""
    schedule: Schedule
    """When its issues are due: a cron expression in the newsletter's zone."""
    timezone: Annotated[str, AfterValidator(line)] = ""
    """Its own zone; the site's, if empty."""
    feeds: Feeds = ()
    """Which of the site's feeds it takes from; all, if empty."""
    subject: TemplateText = "{{ articles[0].title }}"
    """The subject line, a Jinja template."""
    min_articles: Annotated[int, Field(ge=1, le=1000), WHOLE] = 1
    """With fewer articles the issue is skipped and they are carried over."""
    max_articles: Annotated[int, Field(ge=1, le=1000), WHOLE] = 20
    """More articles than this are carried over to the next issue."""
    max_age: Duration = timedelta(days=7)
    """An article that is older when first seen is never mailed."""
    include: Rules = Field(default_factory=Rules)
    """Only articles that one of these rules names; all, if empty."""
    exclude: Rules = Field(default_factory=Rules)
    """No articles that one of these rules names."""
    template: Annotated[str, AfterValidator(line)] = "digest"
    """The mail's template, by name."""
    approval: Literal["automatic", "required"] = "automatic"
    """Whether an editor must approve each issue."""
    draft_before: Duration = timedelta(hours=1)
    """How long before its slot an issue is drafted."""
    grace: Duration = timedelta(hours=6)
    """How late an issue may still go out."""

    @field_validator("timezone")
    @classmethod
    def _timezone(cls, name: str) -> str:
        return zone(name) if name else name

    @field_validator("template")
    @classmethod
    def _template(cls, name: str) -> str:
        if not re.fullmatch(r"[A-Za-z0-9_-]+", name):
            raise ValueError("must be a template's name, without folder and ending")
        return name

    @field_validator("max_articles")
    @classmethod
    def _max_articles(cls, most: int, info: ValidationInfo) -> int:
        if most < info.data.get("min_articles", 1):
            raise ValueError(f"must not be under min_articles, which is {info.data['min_articles']}")
        return most

    @field_validator("max_age")
    @classmethod
    def _max_age(cls, age: timedelta) -> timedelta:
        return more_than_nothing(age)


class Mail(Section):
    """What every message says about its sender."""

    sender: Sender = Field(alias="from")
    """Whom readers see as sender: "Name <address>"."""
    envelope: Line = ""
    """Where bounces go: an address that somebody reads, or "verp": one for each message, read by [bounces].

    Empty: the address of [bounces], where that is read; else the one in `from`.
    """
    headers: Headers = Field(default_factory=dict)
    """Further headers for every message, for instance an SES configuration set."""
    link_params: Line = ""
    """Added to the query of every link to an article, as "utm_source=digest"."""

    @field_validator("envelope")
    @classmethod
    def _envelope(cls, text: str) -> str:
        return address(text) if text and text != VERP else text

    @field_validator("headers")
    @classmethod
    def _headers(cls, headers: dict[str, str]) -> dict[str, str]:
        for name, text in headers.items():
            if not HEADER_NAME.fullmatch(name):
                raise ValueError(f"{name!r} is no header's name")
            if OWN_HEADERS.fullmatch(name):
                raise ValueError(f"{name} is set by digest itself")
            if not text.isprintable() or not text.isascii():
                raise ValueError(f"{name} must be one line of ASCII")
        return headers

    @field_validator("link_params")
    @classmethod
    def _link_params(cls, text: str) -> str:
        bare = text.removeprefix("?")
        try:
            if bare:
                parse_qsl(bare, keep_blank_values=True, strict_parsing=True)
        except ValueError as exc:
            raise ValueError('must be a query as "utm_source=digest&utm_medium=email"') from exc
        if not re.fullmatch(r"[\w.~%+=&-]*", bare, re.ASCII):
            raise ValueError("must be percent-encoded")
        return bare


class Editors(Section):
    """Who may edit issues by mail and in the browser."""

    addresses: Annotated[tuple[Address, ...], BeforeValidator(empty), BeforeValidator(listed)] = ()
    """The editors' addresses."""


class Theme(Section):
    """How issues and pages look."""

    accent: Colour = "#1f4e79"
    """The colour of links and buttons, as "#rrggbb"."""
    logo: Https = ""
    """The https URL of a picture above the title."""
    templates: Filled = "templates"
    """The folder with this site's own templates."""
