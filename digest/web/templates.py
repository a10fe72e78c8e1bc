"""The pages' templates: where they are found, what they know of the site, where a mistake in them stands."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from types import CodeType

from jinja2 import (
    BytecodeCache,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateError,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.bccache import Bucket
from jinja2.loaders import BaseLoader
from markupsafe import Markup, escape

from digest import languages, resources
from digest.errors import RenderError
from digest.render import palette
from digest.render.urls import contact_url, host
from digest.web.pages import Pages

PAPER = "#f4f1ea"
"""What a page lies on in the light: the mail's."""


class _Compiled(BytecodeCache):
    """What templates were compiled to, for every language: words come from an environment."""

    def __init__(self) -> None:
        self._code: dict[tuple[str, str], CodeType] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        """Give a template's code, if it is here."""
        bucket.code = self._code.get((bucket.key, bucket.checksum))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep a template's code."""
        if bucket.code:
            self._code[bucket.key, bucket.checksum] = bucket.code


_COMPILED = _Compiled()


def environment(pages: Pages, language: str) -> Environment:
    """Give the environment of the pages' templates; the shipped ones are also there as `shipped/NAME`.

    Its `_`, `ngettext` and `{% trans %}` speak `language`, which the templates know by that name.
    """
    shipped = FileSystemLoader(resources.templates() / "web")
    places: list[BaseLoader] = [shipped, PrefixLoader({"shipped": shipped})]
    if pages.site_templates is not None:
        places.insert(0, FileSystemLoader(pages.site_templates / "web"))
    made = Environment(
        loader=ChoiceLoader(places),
        autoescape=select_autoescape(("html.j2",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        bytecode_cache=_COMPILED,
        extensions=["jinja2.ext.i18n"],
    )
    said = languages.translations(language, pages.site_templates)
    # What the extension adds to an environment, no type knows.
    made.__dict__["install_gettext_translations"](said, newstyle=True)
    made.filters["together"] = _together(language)
    made.globals |= {
        "language": language,
        "direction": languages.direction(language),
        "site": {
            "name": pages.site_name,
            "url": pages.site_url,
            "host": host(pages.site_url),
            "language": pages.language,
            "contact": pages.contact,
            "contact_url": contact_url(pages.contact),
            "logo_url": own_logo(pages),
        },
        "titles": list(pages.titles.values()),
        "root": pages.root,
        "open_to_all": {"signup": pages.signup.enabled, "archive": pages.archive.public},
        "light": palette.light(accent=pages.accent, paper=PAPER),
        "dark": palette.dark(accent=pages.accent),
    }
    return made


def own_logo(pages: Pages) -> str:
    """Give the logo's URL where it lies with the site itself, or nothing.

    A page asks no third party for anything, whose logs would then hold who reads this site.
    """
    there = host(pages.logo)
    own = [name for name in (host(pages.site_url), host(pages.public_url)) if name]
    return pages.logo if any(there == name or there.endswith(f".{name}") for name in own) else ""


def _together(language: str) -> Callable[..., Markup]:
    """Make the filter that lists things as a language does: `{{ titles|together(titled) }}`, by a macro."""

    def together(parts: Sequence[object], dressed: Callable[[object], object] = escape) -> Markup:
        # Nothing but what `escape` has seen, and babel's own commas.
        return Markup(languages.listed(language, [str(escape(dressed(part))) for part in parts]))  # noqa: S704 - each part was escaped

    return together


@contextlib.contextmanager
def mistakes_in(name: str) -> Iterator[None]:
    """Turn a template's mistake into one sentence that begins with its place."""
    try:
        yield
    except TemplateSyntaxError as exc:
        place = f"templates/web/{exc.name or name}, line {exc.lineno}"
        raise RenderError(f"{place}: {exc.message}: mend the template.") from exc
    except TemplateError as exc:
        raise RenderError(f"templates/web/{name}: {exc}: mend the template.") from exc
