"""Makes the reader pages of a site, from what its desk knows."""

from functools import partial

from starlette.types import ASGIApp

from digest.desk import Desk
from digest.feed import fetch
from digest.publish.returned import take_in
from digest.slots import Schedule
from digest.web.app import app
from digest.web.asking import get
from digest.web.gates import Hooks
from digest.web.pages import Pages
from digest.web.rarer import rarer


def reader_pages(desk: Desk) -> ASGIApp:
    """Give the reader pages of a site as an application. Raises RenderError for a wrong template."""
    return app(pages(desk))


def pages(desk: Desk) -> Pages:
    """Give what the pages of a site need to know."""
    settings = desk.settings
    return Pages(
        store=desk.store,
        keys=desk.keys,
        clock=desk.clock,
        site_name=settings.site.name,
        site_url=settings.site.url,
        contact=settings.site.contact,
        titles={newsletter.name: newsletter.title for newsletter in settings.newsletter},
        public_url=settings.web.public_url,
        language=settings.site.language,
        accent=settings.theme.accent,
        logo=settings.theme.logo,
        timezone=settings.site.timezone,
        rarer=rarer(
            {one.name: Schedule.parse(one.schedule, one.timezone) for one in settings.newsletter},
            desk.clock(),
        ),
        site_templates=settings.templates_folder,
        archive=settings.archive,
        signup=settings.signup,
        hooks=hooks(desk),
        hosts=settings.web.hosts,
        hsts_days=settings.web.hsts_days,
    )


def hooks(desk: Desk) -> Hooks:
    """Give what the hooks of mail services work with. What they name is asked at public addresses alone."""

    async def ask(url: str) -> bytes:
        async with fetch.client(desk.settings.site.url, "") as client:
            return await get(client, url)

    return Hooks(bounces=desk.settings.bounces, take_in=partial(take_in, desk), ask=ask)
