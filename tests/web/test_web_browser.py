import pytest
from playwright.async_api import async_playwright
from web_site import serving

from digest.model import Channel
from digest.store.database import Store

pytestmark = pytest.mark.system


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)
@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_reader_leaves_and_undoes_it_in_a_browser(store: Store, scheme: str) -> None:
    complaints: list[str] = []
    asked: list[str] = []
    async with serving(store) as site, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = await browser.new_context(
            viewport={"width": 360, "height": 640},
            color_scheme="dark" if scheme == "dark" else "light",
            java_script_enabled=False,
        )
        page = await context.new_page()
        page.on("console", lambda message: complaints.append(message.text))
        page.on("request", lambda request: asked.append(request.url))
        await page.goto(site.base + site.link())
        assert site.subscriber().newsletters == ("daily", "weekly")

        button = page.get_by_role("button", name="Unsubscribe")
        box = await button.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        await button.click()
        await page.get_by_role("heading", name="You have left The Daily Ledger").wait_for()
        assert site.subscriber().newsletters == ("weekly",)

        await page.get_by_role("button", name="Undo").click()
        await page.get_by_role("heading", name="You are back").wait_for()
        assert site.subscriber().newsletters == ("daily", "weekly")
        assert await context.cookies() == []
        await browser.close()
        channels = [event.channel for event in site.events("subscriber.left", "subscriber.returned")]
        assert channels == [Channel.PAGE, Channel.PAGE]
        assert complaints == []
        assert all(url.startswith(site.base) for url in asked)
