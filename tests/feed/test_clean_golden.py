"""Bodies as they come and as they are mailed, a file per trouble. DIGEST_REWRITE_GOLDEN=1 rewrites them.

`NAME.html` is what a feed carries, `NAME.expected.html` what is left of it, and `NAME.expected.json` its
running text, its picture, and its excerpt where the feed carries nothing else.
"""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from selectolax.lexbor import LexborHTMLParser

from digest.feed.clean import Cleaned, clean, excerpt
from digest.feed.tree import names

GOLDEN = Path(__file__).parent / "golden"
BASE = "https://ledger.example/2026/dredging/"
TROUBLES = sorted(path.stem for path in GOLDEN.glob("*.html") if not path.stem.endswith(".expected"))

# What the sanitiser leaves, written down a second time.
TAGS = names(
    "a abbr b blockquote br cite code dd del dl dt em figcaption figure h1 h2 h3 h4 h5 h6 hr i img ins li ol"
    " p pre q s small strong sub sup table tbody td tfoot th thead tr u ul"
)
ATTRIBUTES = {"a": {"href", "title"}, "img": {"src", "alt", "width", "height"}}
CELLS = {"colspan", "rowspan"}
EVERYWHERE = {"lang", "title"}


def of(trouble: str) -> tuple[str, Cleaned]:
    html = (GOLDEN / f"{trouble}.html").read_text(encoding="utf-8")
    return html, clean(html, base=BASE)


def told(html: str, cleaned: Cleaned) -> dict[str, Any]:
    return {
        "text": cleaned.text.split("\n"),
        "picture": asdict(cleaned.picture) if cleaned.picture else None,
        "excerpt": excerpt(html, ""),
    }


@pytest.mark.parametrize("trouble", TROUBLES)
def test_a_body_is_cleaned_as_it_was(trouble: str) -> None:
    html, cleaned = of(trouble)
    page, facts = GOLDEN / f"{trouble}.expected.html", GOLDEN / f"{trouble}.expected.json"
    if os.environ.get("DIGEST_REWRITE_GOLDEN"):
        page.write_text(cleaned.html + "\n", encoding="utf-8")
        facts.write_text(
            json.dumps(told(html, cleaned), indent=1, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    assert cleaned.html + "\n" == page.read_text(encoding="utf-8")
    assert told(html, cleaned) == json.loads(facts.read_text(encoding="utf-8"))


@pytest.mark.parametrize("trouble", TROUBLES)
def test_what_is_cleaned_stays_as_it_is(trouble: str) -> None:
    cleaned = of(trouble)[1]
    again = clean(cleaned.html, base=BASE)
    assert again.html == cleaned.html


@pytest.mark.parametrize("trouble", TROUBLES)
def test_nothing_but_plain_markup_is_left(trouble: str) -> None:
    body = LexborHTMLParser(of(trouble)[1].html).body
    assert body is not None
    for node in body.traverse():
        if node.tag == "body":
            continue
        assert node.tag in TAGS
        allowed = ATTRIBUTES.get(node.tag, CELLS if node.tag in {"td", "th"} else set())
        assert set(node.attributes) <= allowed | EVERYWHERE
        for name in ("href", "src"):
            address = node.attributes.get(name)
            assert address is None or address.startswith(("https://", "http://", "mailto:", "tel:"))
