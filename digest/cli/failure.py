"""Tells what went wrong: one line an operator can act on, its causes where they add something."""

import traceback
from collections.abc import Iterator

from digest.cli.output import tell
from digest.errors import ConfigError, DigestError


def report(error: DigestError, *, verbose: bool) -> None:
    """Say on standard error what is wrong; with its traceback where `verbose`."""
    if verbose:
        tell("".join(traceback.format_exception(error)).rstrip())
    for line in lines(error):
        tell(line)


def lines(error: DigestError) -> list[str]:
    """Give an error in lines: itself, and each cause whose words are not in it already."""
    text = str(error)
    if isinstance(error, ConfigError) and len(error.mistakes) > 1:
        return [
            f"digest: {len(error.mistakes)} mistakes in the settings:",
            *(f"  {m}" for m in error.mistakes),
        ]
    told = [f"digest: {text}"]
    for cause in _causes(error):
        words = (cause.strerror or str(cause)) if isinstance(cause, OSError) else str(cause)
        if words and words.rstrip(".") not in text:
            told.append(f"  because: {words}")
            text += words
    return told


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Give the causes that speak to an operator; a library's own words are for `-v`."""
    cause = error.__cause__
    while cause is not None:
        if isinstance(cause, DigestError | OSError):
            yield cause
        cause = cause.__cause__
