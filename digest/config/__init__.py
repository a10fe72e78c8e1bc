"""Configuration: config.toml and the environment, read once, whole, and strictly.

`load` gives Settings or raises one ConfigError with every mistake. Knows no database, clock or network.
"""

from digest.config.addresses import Mailbox
from digest.config.archive import Archive
from digest.config.bounces import Bounces
from digest.config.editorial import Editors, Mail, Newsletter, Site, Theme
from digest.config.keyfile import SigningKey
from digest.config.load import load
from digest.config.operation import Alerts, Database, Delivery, Privacy, Web
from digest.config.relays import DomainPace, FurtherRelay, RelaySection, Smtp
from digest.config.settings import Settings
from digest.config.show import json_schema, show, template_text, toml_text
from digest.config.signing import Dkim
from digest.config.signup import Signup
from digest.config.values import SAMPLE_FEED

__all__ = [
    "SAMPLE_FEED",
    "Alerts",
    "Archive",
    "Bounces",
    "Database",
    "Delivery",
    "Dkim",
    "DomainPace",
    "Editors",
    "FurtherRelay",
    "Mail",
    "Mailbox",
    "Newsletter",
    "Privacy",
    "RelaySection",
    "Settings",
    "SigningKey",
    "Signup",
    "Site",
    "Smtp",
    "Theme",
    "Web",
    "json_schema",
    "load",
    "show",
    "template_text",
    "toml_text",
]
