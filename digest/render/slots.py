"""What differs per subscriber, as a template sees it: objects that can only be printed.

A slot has no value while an issue is rendered, so whatever would look at one is a template's mistake.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any, NoReturn

from markupsafe import Markup

from digest.errors import RenderError
from digest.model import SLOT_NAMES, SLOT_PATTERN, slot_placeholder


class Slot:
    """`reader.name` and its like. Prints as a placeholder, refuses everything else with a RenderError."""

    __slots__ = ("_fallback", "_name", "_nonce")

    def __init__(self, nonce: str, name: str, fallback: str = "") -> None:
        self._nonce = nonce
        self._name = name
        self._fallback = fallback

    def or_(self, fallback: str) -> "Slot":
        """Give the same slot with what to print for a subscriber who has no such value."""
        if not isinstance(fallback, str):
            raise RenderError(f'the fallback of reader.{self._name} has to be a text, as in .or_("friend")')
        return Slot(self._nonce, self._name, fallback)

    def placeholder(self) -> Markup:
        """Give the text that stands for the value until it is known. Safe in HTML as it is."""
        return Markup(slot_placeholder(self._nonce, self._name, self._fallback))  # noqa: S704  hex and names alone

    def refuse(self, *_others: object) -> NoReturn:
        """Say what may be done with a slot."""
        raise RenderError(
            f"reader.{self._name} differs per subscriber and can only be printed as it is, without filter, "
            f"test, comparison or joining: write {{{{ reader.{self._name} }}}}, "
            f'or {{{{ reader.{self._name}.or_("…") }}}} for those who have none'
        )

    def __repr__(self) -> str:
        return f"reader.{self._name}"

    def __getattr__(self, attribute: str) -> NoReturn:
        # Python and Jinja probe for special names and expect an AttributeError for those.
        if attribute.startswith("__"):
            raise AttributeError(attribute)
        self.refuse()

    __hash__ = object.__hash__
    __str__ = __html__ = __format__ = __bool__ = __len__ = __iter__ = __contains__ = __getitem__ = refuse
    __eq__ = __ne__ = __lt__ = __le__ = __gt__ = __ge__ = refuse
    __add__ = __radd__ = __mul__ = __rmul__ = __mod__ = __rmod__ = __call__ = refuse


class Reader:
    """The `reader` of a template."""

    def __init__(self, nonce: str) -> None:
        self._nonce = nonce

    def __getattr__(self, name: str) -> Slot:
        if name.startswith("_"):
            raise AttributeError(name)
        if name not in SLOT_NAMES:
            known = ", ".join(f"reader.{known}" for known in SLOT_NAMES)
            raise RenderError(f"there is no reader.{name}: a template has {known}")
        return Slot(self._nonce, name)


class NoReader:
    """The `reader` where everybody reads the same."""

    def __getattr__(self, name: str) -> NoReturn:
        if name.startswith("_"):
            raise AttributeError(name)
        raise RenderError(
            f"reader.{name} differs per subscriber, a subject is the same for all: take it out of the subject"
        )


def finalize(value: object) -> object:
    """Turn a printed value into what is printed: Jinja calls it for every `{{ … }}`, and for nothing else."""
    if isinstance(value, Slot):
        return value.placeholder()
    return "" if value is None else value


def guarded(functions: Mapping[str, Any]) -> dict[str, Any]:
    """Give an environment's filters or tests, made to refuse slots."""
    return {name: _refusing(function) for name, function in functions.items()}


def _refusing(function: Callable[..., Any]) -> Callable[..., Any]:
    # `wraps` also copies Jinja's marks, by which some filters get the context first.
    @wraps(function)
    def refusing(*args: Any, **kwargs: Any) -> Any:  # noqa: ANN401  filters take and give anything
        for value in (*args, *kwargs.values()):
            if isinstance(value, Slot):
                value.refuse()
        return function(*args, **kwargs)

    return refusing


def is_whole(text: str, nonce: str) -> bool:
    """Tell whether every placeholder of this rendering survived, by whatever a template did around it."""
    whole = [match for match in SLOT_PATTERN.finditer(text) if match["nonce"] == nonce]
    return text.lower().count(nonce) == len(whole) and all(match["name"] in SLOT_NAMES for match in whole)
