"""Every page that there is, in every language and odd colours: nobody is kept out by how it is made."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest
import pytest_asyncio
from playwright.async_api import Browser, Route
from web_eyes import chromium, eyes
from web_site import pages

from digest.store.database import Store
from digest.web.dress import PAGES, Dress

pytestmark = [pytest.mark.system, pytest.mark.asyncio(loop_scope="module")]

SITE = "https://news.ledger.example"
LONG = "Donaudampfschifffahrtsgesellschaftskapitänsmützenabzeichen"
"""What a title or an address may be: wider than a phone."""
AROUND = """<!DOCTYPE html><html lang="en"><title>A page of the site</title>
<main style="overflow-wrap:anywhere"><h1>News</h1>{form}</main></html>"""
"""The site's own page, with the form that `digest embed` has printed."""

SHOWN = [
    *PAGES.items(),
    ("embed", {**PAGES["embed"], "name": ""}),
    ("subscribe", {**PAGES["subscribe"], "wrong": "address"}),
    ("subscribe", {**PAGES["subscribe"], "wrong": "", "ready": True}),
]


def written(example: object) -> object:
    """Give an example of what a page shows with something to read in every place."""
    if isinstance(example, dict):
        return {name: written(one) for name, one in example.items()}
    if isinstance(example, list):
        return [written(one) for one in example]
    return LONG if example == "-" else example


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    async with chromium() as opened:
        yield opened


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("language", "accent"), [("en", "#1f4e79"), ("de", "#ffe600"), ("fr", "#d00000"), ("es", "#000000")]
)
async def test_nobody_is_kept_out_by_any_page(
    browser: Browser, store: Store, language: str, accent: str
) -> None:
    clothes = Dress(replace(pages(store), accent=accent))

    async def dressed(route: Route) -> None:
        await route.fulfill(body=clothes.style, content_type="text/css")

    async with eyes(browser, "phone", language) as sharp:
        await sharp.tab.route("**/style.css*", dressed)
        for name, example in SHOWN:
            shown = {key: written(one) for key, one in example.items()}
            html = bytes(clothes.page(name, shown, language=language).body).decode()
            await sharp.look_at(f"{SITE}/{name}", AROUND.format(form=html) if name == "embed" else html)


@pytest.mark.parametrize(
    ("fault", "named"),
    [
        ("<p style='color:#999'>Soft", "color-contrast"),
        ("<p class='soft'>Soft", "dark"),
        ("<p style='width:2000px'>Wide", "'sideways': [1-9]"),
        ("<input>", "label"),
        ("<button style='padding:0'>+</button><button style='padding:0'>-</button>", "target-size"),
    ],
)
async def test_what_keeps_readers_out_is_seen(browser: Browser, fault: str, named: str) -> None:
    soft = "<style>@media(prefers-color-scheme:dark){.soft{background:#222;color:#444}}</style>"
    async with eyes(browser, "phone") as sharp:
        with pytest.raises(AssertionError, match=named):
            await sharp.look_at(SITE, AROUND.format(form=soft + fault))
