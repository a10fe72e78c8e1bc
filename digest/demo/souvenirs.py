"""Keeps one message of each issue as files: as it went over the wire, and as a page that opens from disk."""

import re
from base64 import b64encode
from collections.abc import Iterable
from dataclasses import dataclass
from email import message_from_bytes, policy
from pathlib import Path

from digest.demo.caught import Caught
from digest.demo.report import Edition
from digest.sample.feed import picture
from digest.sample.stories import UPLOADS


@dataclass(frozen=True, kw_only=True)
class Souvenir:
    """One message, as files that stay."""

    eml: Path
    html: Path


def keep(folder: Path, edition: Edition, caught: Iterable[Caught], site_url: str) -> Souvenir:
    """Write the one message of an issue that was caught whole."""
    whole = next(one.whole for one in caught if one.whole and one.subject == edition.subject)
    day = f"{edition.slot.local:%Y-%m-%d}"
    kept = Souvenir(eml=folder / f"{day}.eml", html=folder / f"{day}.html")
    kept.eml.write_bytes(whole)
    kept.html.write_text(page(whole, site_url), encoding="utf-8")
    return kept


def page(message: bytes, site_url: str) -> str:
    """Give a message's HTML with the sample site's pictures inside it: that site is gone by now.

    Raises KeyError where it names a picture that the site never had.
    """
    body = message_from_bytes(message, policy=policy.default).get_body(("html",))
    assert body is not None
    html: str = body.get_content()
    return re.sub(rf"{re.escape(site_url + UPLOADS)}([\w-]+\.jpg)", lambda found: _inline(found[1]), html)


def _inline(name: str) -> str:
    return f"data:image/jpeg;base64,{b64encode(picture(name)).decode()}"
