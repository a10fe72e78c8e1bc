"""The colours of a mail, light and dark, each readable on what it stands on. Pure.

Contrast is that of WCAG 2.2, section 1.4.3: 4.5 to 1 or more for text.
"""

import colorsys
import re
from dataclasses import dataclass

from digest.errors import RenderError

# The least contrast of text (WCAG 2.2, 1.4.3, level AA).
LEAST = 4.5

# What the accent gets in the dark: on a dark ground colours of 4.5 still look dim.
LEAST_IN_THE_DARK = 7.0

_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, kw_only=True)
class Palette:
    """Colours as `#rrggbb`. Text in `ink`, `text`, `soft` and `accent` stands on `card` and on `panel`."""

    paper: str
    """Around the card."""
    card: str
    panel: str
    """Behind the briefs; and on a button, its letters are `card`."""
    ink: str
    text: str
    soft: str
    accent: str
    rule: str


def light(*, accent: str, paper: str) -> Palette:
    """Give the colours of a light page. Raises RenderError if one is not written `#rrggbb`."""
    card, panel = "#ffffff", "#f8f6f1"
    return Palette(
        paper=_checked(paper),
        card=card,
        panel=panel,
        ink="#16202a",
        text="#2a3641",
        soft="#56626d",
        accent=readable(_checked(accent), on=panel, least=LEAST),
        rule="#d9d5cc",
    )


def dark(*, accent: str) -> Palette:
    """Give the colours of a dark page. Raises RenderError if the accent is not written `#rrggbb`."""
    card, panel = "#1a2026", "#222a31"
    return Palette(
        paper="#12161a",
        card=card,
        panel=panel,
        ink="#f2efe8",
        text="#d9d6ce",
        soft="#a9b1b8",
        accent=readable(_checked(accent), on=panel, least=LEAST_IN_THE_DARK),
        rule="#3a444d",
    )


def readable(colour: str, *, on: str, least: float) -> str:
    """Give the colour, made darker or lighter as the ground asks until its contrast is `least`."""
    hue, lightness, saturation = colorsys.rgb_to_hls(*_channels(colour))
    step = -0.01 if _luminance(on) > 0.5 else 0.01  # noqa: PLR2004  half-way
    while contrast(colour, on) < least and 0 < lightness + step < 1:
        lightness += step
        red, green, blue = colorsys.hls_to_rgb(hue, lightness, saturation)
        colour = f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
    return colour


def contrast(one: str, other: str) -> float:
    """Give the contrast of two colours: 1 for equal ones, 21 for black on white."""
    brighter, dimmer = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (brighter + 0.05) / (dimmer + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance, 0 to 1."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4  # noqa: PLR2004  sRGB's own
        for channel in _channels(colour)
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _channels(colour: str) -> tuple[float, float, float]:
    red, green, blue = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    return red, green, blue


def _checked(colour: str) -> str:
    if not _COLOUR.fullmatch(colour):
        raise RenderError(f"the theme's colour {colour!r} is not written as #rrggbb, such as #0b4f6c")
    return colour.lower()
