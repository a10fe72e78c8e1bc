"""Makes the README's picture of a digest: the sample site's issue, through the line and a browser.

Run `python tests/docs/readme_picture.py` to make docs/images/digest.png anew.
"""

import asyncio
import base64
import io
import re
import sys
import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from digest.config import load, template_text
from digest.desk import Desk
from digest.links import new_key, parse_keys
from digest.publish import collect, draft
from digest.sample.feed import picture
from digest.sample.stories import SITE, UPLOADS
from digest.store.database import Store
from digest.store.schema import upgrade

PICTURE = Path(__file__).parents[2] / "docs" / "images" / "digest.png"
NOW = datetime(2026, 11, 24, 11, 30, tzinfo=UTC)
SLOT = "2026-11-24T07:00"

WIDTH = 660
"""CSS pixels: the card's 600 and a little of the paper on which it lies."""
SCALE = 2
COLOURS = 256
"""As many as a palette holds: a third of the octets, for a grain that nobody sees at this scale."""


def page() -> str:
    """Give the issue's HTML, the sample's pictures in it as data URLs: that site is served by nobody."""
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "config.toml"
        config.write_text(template_text(), encoding="utf-8")
        settings = load(config, {})
        with closing(Store(settings.database_url)) as store:
            upgrade(store, NOW)
            desk = Desk(settings=settings, store=store, keys=parse_keys(new_key()), clock=lambda: NOW)
            [newsletter] = settings.newsletter
            asyncio.run(collect(desk))
            rendering = draft(desk, newsletter, desk.schedule(newsletter).named(SLOT, NOW)).rendering
    assert rendering is not None
    return re.sub(re.escape(SITE + UPLOADS) + r"([\w.-]+)", _inline, rendering.html)


def _inline(match: re.Match[str]) -> str:
    return f"data:image/jpeg;base64,{base64.b64encode(picture(match[1])).decode()}"


def shot(html: str) -> bytes:
    """Give the top of the page as PNG, down to the rule under the second story."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        tab = browser.new_page(viewport={"width": WIDTH, "height": 1200}, device_scale_factor=SCALE)
        tab.set_content(html, wait_until="load")
        below = tab.locator(".row").nth(1).bounding_box()
        assert below is not None
        png = tab.screenshot(clip={"x": 0, "y": 0, "width": WIDTH, "height": int(below["y"])}, full_page=True)
        browser.close()
    return png


def small(png: bytes) -> bytes:
    """Give the picture with a palette."""
    written = io.BytesIO()
    Image.open(io.BytesIO(png)).convert("RGB").quantize(COLOURS).save(written, "PNG", optimize=True)
    return written.getvalue()


if __name__ == "__main__":
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"{PICTURE.write_bytes(small(shot(page())))} octets in {PICTURE}\n")
