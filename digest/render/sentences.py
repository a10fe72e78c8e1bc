"""Our own sentences in a mail's language: `_`, `ngettext` and `{% trans %}`, which may hold a reader's slots.

A catalog's sentences are trusted as templates are: what stands in them is markup in an HTML template.
"""

from collections.abc import Callable, Mapping
from functools import partial, wraps
from gettext import NullTranslations
from typing import Any

from jinja2 import Environment

from digest.render import words
from digest.render.slots import Slot


def speak(made: Environment, said: NullTranslations) -> None:
    """Make an environment say a catalog's sentences; its extensions have to hold `jinja2.ext.i18n`."""
    # What the extension adds to an environment, no type knows.
    made.__dict__["install_gettext_translations"](said, newstyle=True)
    made.globals |= {name: _with_slots(made.globals[name]) for name in ("gettext", "ngettext")}
    made.filters |= {
        "comments": partial(words.comments, said=said),
        "stories": partial(words.stories, said=said),
    }


def _with_slots(saying: Any) -> Callable[..., Any]:  # noqa: ANN401  a template's global may be anything
    """Let a sentence hold a slot, `{% trans email=reader.email %}`: there it is printed as it is."""

    # `wraps` also copies Jinja's mark, by which it gets the context first.
    @wraps(saying)
    def filled(*args: Any, **values: Any) -> Any:  # noqa: ANN401  a sentence takes anything
        return saying(*args, **_printed(values))

    return filled


def _printed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value.placeholder() if isinstance(value, Slot) else value for name, value in values.items()}
