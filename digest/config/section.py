"""What every section of config.toml has in common."""

from datetime import timedelta

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A table of config.toml: frozen, and without keys that nobody knows."""

    model_config = ConfigDict(
        frozen=True,
        extra="forbid",
        use_attribute_docstrings=True,
        validate_default=True,
        hide_input_in_errors=True,
    )


def more_than_nothing(span: timedelta) -> timedelta:
    """Refuse a span of 0."""
    if not span:
        raise ValueError("must be more than nothing")
    return span
