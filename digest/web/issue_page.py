"""Makes a page of an issue's HTML: its slots filled with nobody's words, Open Graph data in its head.

The page is the mail as it was sent but for that. Pure.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from html import escape

from digest.model import SLOT_PATTERN, Rendering

_HEAD = re.compile(r"<head\b[^>]*>", re.IGNORECASE)
_DOCTYPE = re.compile(r"\s*<!doctype[^>]*>", re.IGNORECASE)

DESCRIPTION = 300
"""Characters: what shows a link cuts a description at some 200."""


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What an issue's page tells those who show links to it (ogp.me), and search engines."""

    url: str
    title: str
    description: str
    site_name: str
    published: str
    """In ISO 8601."""
    image: str = ""
    """An https URL."""
    image_alt: str = ""
    feed_url: str
    indexed: bool


def page(rendering: Rendering, facts: Facts, words: Mapping[str, str]) -> str:
    """Give the page. `words`, by slot's name, stand where a slot has no fallback."""
    neutral = filled(rendering.html, rendering.nonce, words)
    head = _HEAD.search(neutral) or _DOCTYPE.match(neutral)
    at = head.end() if head else 0
    return f"{neutral[:at]}\n{_data(facts)}{neutral[at:]}"


def filled(html: str, nonce: str, words: Mapping[str, str]) -> str:
    """Give the HTML with its slots filled: a slot's fallback comes before `words`."""

    def word(match: re.Match[str]) -> str:
        if match["nonce"] != nonce:
            return match[0]
        fallback = bytes.fromhex(match["fallback"] or "").decode(errors="replace")
        return escape(fallback or words.get(match["name"], ""))

    return SLOT_PATTERN.sub(word, html)


def _data(facts: Facts) -> str:
    described = " ".join(facts.description.split())[:DESCRIPTION]
    told = {
        "og:type": "article",
        "og:site_name": facts.site_name,
        "og:title": facts.title,
        "og:description": described,
        "og:url": facts.url,
        "og:image": facts.image,
        "og:image:alt": facts.image_alt if facts.image else "",
        "article:published_time": facts.published,
    }
    lines = [_meta("property", name, text) for name, text in told.items() if text]
    named = {
        "description": described,
        "robots": "" if facts.indexed else "noindex",
        "twitter:card": "summary_large_image" if facts.image else "summary",
    }
    lines += [_meta("name", name, text) for name, text in named.items() if text]
    lines.append(f'<link rel="canonical" href="{escape(facts.url)}">')
    lines.append(f'<link rel="alternate" type="application/atom+xml" href="{escape(facts.feed_url)}">')
    return "\n".join(lines) + "\n"


def _meta(kind: str, name: str, text: str) -> str:
    return f'<meta {kind}="{name}" content="{escape(text)}">'
