"""Pages as readers see them: in Chromium, on a phone or a desk, in light and dark, judged by axe-core.

Set DIGEST_SHOTS to a folder, and each page that is looked at leaves its pictures there.
"""

import contextlib
import os
import re
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from playwright.async_api import Browser, CDPSession, Page, Route, ViewportSize, async_playwright

AXE = Path(__file__).parents[2] / ".venv/npm/node_modules/axe-core/axe.min.js"
"""`make test-system` puts it there."""

VIEWPORTS = {"phone": ViewportSize(width=360, height=740), "desk": ViewportSize(width=1200, height=900)}

JUDGE = """axe.run({resultTypes: ["violations"], preload: false, %s}).then(found => ({
    sideways: document.documentElement.scrollWidth - document.documentElement.clientWidth,
    violations: found.violations
        .filter(one => ["serious", "critical"].includes(one.impact))
        .flatMap(one => one.nodes.map(node => `${one.id}: ${node.html}: ${node.failureSummary}`)),
}))"""
LIGHT = JUDGE % 'rules: {"target-size": {enabled: true}}'
"""What is good to be touched is not among axe's usual rules (WCAG 2.2, 2.5.8)."""
DARK = JUDGE % 'runOnly: ["color-contrast"]'
"""In the dark the same page has other colours, and nothing else."""


@contextlib.asynccontextmanager
async def chromium() -> AsyncIterator[Browser]:
    """Debian's Chromium, without a window."""
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        yield browser
        await browser.close()


@dataclass(kw_only=True)
class Eyes:
    """A tab beside a reader's own, with scripts, in which axe judges the same HTML.

    It comes by the debugger: no page has to let it in, and each keeps its Content-Security-Policy.
    """

    name: str
    tab: Page
    debugger: CDPSession
    seen: list[str] = field(default_factory=list)
    """The HTML of every page so far."""

    async def look(self, page: Page) -> None:
        """See nothing wrong with the page that a reader has before them."""
        await self.look_at(page.url, await page.content())

    async def look_at(self, url: str, html: str) -> None:
        """See nothing wrong with a page's HTML."""
        if html in self.seen:
            return
        self.seen.append(html)
        await self._judge("light", LIGHT, url)
        await self._judge("dark", DARK, "")

    async def _judge(self, scheme: Literal["light", "dark"], judge: str, url: str) -> None:
        await self.tab.emulate_media(color_scheme=scheme)
        if url:
            await self.tab.goto(url)
        wanted = {"expression": judge, "awaitPromise": True, "returnByValue": True}
        answer = await self.debugger.send("Runtime.evaluate", wanted)
        title = await self.tab.title()
        if folder := os.environ.get("DIGEST_SHOTS"):
            slug = re.sub(r"\W+", "-", title)[:40]
            file = Path(folder) / f"{self.name}-{len(self.seen):02}-{scheme}-{slug}.png"
            await self.tab.screenshot(path=file, full_page=True)
        found = answer["result"].get("value", answer)
        assert found == {"sideways": 0, "violations": []}, f"{title}, {scheme}: {found}"

    async def serve(self, route: Route) -> None:
        """Answer the tab with the page that is judged; what that asks for comes from its site."""
        if route.request.is_navigation_request():
            await route.fulfill(body=self.seen[-1], content_type="text/html; charset=utf-8")
        else:
            await route.fallback()


@contextlib.asynccontextmanager
async def eyes(browser: Browser, where: str, language: str = "en") -> AsyncIterator[Eyes]:
    """Open the tab that judges, in one of `VIEWPORTS`."""
    context = await browser.new_context(viewport=VIEWPORTS[where])
    tab = await context.new_page()
    debugger = await context.new_cdp_session(tab)
    await debugger.send("Page.enable")
    await debugger.send("Page.addScriptToEvaluateOnNewDocument", {"source": AXE.read_text(encoding="utf-8")})
    made = Eyes(name=f"{where}-{language}", tab=tab, debugger=debugger)
    await tab.route("**/*", made.serve)
    yield made
    await context.close()
