"""The templates: where they are found, what they may do, and where in them a mistake stands."""

from collections.abc import Iterator
from contextlib import contextmanager
from gettext import NullTranslations
from pathlib import Path

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    TemplateNotFound,
    TemplateSyntaxError,
    select_autoescape,
)
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from digest import resources
from digest.errors import RenderError
from digest.render import layout, sentences, slots, words

# What a mistake in a template raises, beside Jinja's own.
_MISTAKES = (TemplateError, RenderError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError)


def environment(
    site_templates: Path | None, said: NullTranslations = words.ENGLISH
) -> ImmutableSandboxedEnvironment:
    """Give the environment of all mail templates, our own sentences in the language of `said`.

    A file in the site's `email/` stands in for the shipped one of the same name, whose own is still there as
    `shipped/NAME` to extend or include.
    """
    shipped = FileSystemLoader(resources.templates() / "email")
    places: list[BaseLoader] = [shipped, PrefixLoader({"shipped": shipped})]
    if site_templates is not None:
        places.insert(0, FileSystemLoader(site_templates / "email"))
    made = ImmutableSandboxedEnvironment(
        loader=ChoiceLoader(places),
        autoescape=select_autoescape(enabled_extensions=("html.j2",), default_for_string=False),
        undefined=StrictUndefined,
        finalize=slots.finalize,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    sentences.speak(made, said)
    made.filters |= {"clip": words.clip, "fit": layout.fit, "wrap": words.wrap}
    made.filters = slots.guarded(made.filters)
    made.tests = slots.guarded(made.tests)
    return made


@contextmanager
def mistakes_in(name: str) -> Iterator[None]:
    """Turn what a template raises into a RenderError of one sentence that begins with the place."""
    try:
        yield
    except TemplateNotFound as error:
        missing = error.name or name
        raise RenderError(
            f"{name}: there is no mail template {missing!r}: put it into the site's templates/email folder, "
            "or name another one"
        ) from error
    except TemplateSyntaxError as error:
        place = f"{error.name or name}, line {error.lineno}"
        raise RenderError(f"{place}: {error.message}: mend the template") from error
    except _MISTAKES as error:
        problem = str(error) if isinstance(error, RenderError) else f"{error}: mend the template"
        raise RenderError(f"{_place(error, name)}: {problem}") from error


def _place(error: BaseException, name: str) -> str:
    """Give the innermost template that was being rendered, and its line.

    Jinja makes a traceback frame for each template, with the template's own file and line.
    """
    place = name
    trace = error.__traceback__
    while trace is not None:
        if "__jinja_exception__" in trace.tb_frame.f_globals:
            file = trace.tb_frame.f_code.co_filename
            where = name if file.startswith("<") else Path(file).name
            place = f"{where}, line {trace.tb_lineno}"
        trace = trace.tb_next
    return place
