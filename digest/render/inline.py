"""Moves a page's styles into its elements, for the clients that read no style sheet. Touches no network."""

import logging

from premailer import Premailer

# Premailer would write these over what the template says, although Word reads the attribute and knows no
# percentage there: an image of width="520" with style="width:100%" has to stay both.
_LEFT_ALONE = ["width", "height", "align"]


def inline(html: str) -> str:
    """Give the page with its styles inlined. Its media rules and `<!--[if mso]>` comments stay as they are.

    A `<style data-premailer="ignore">` is kept word for word; of every other one only the media rules are.
    """
    inlined: str = Premailer(
        html,
        allow_network=False,
        allow_loading_external_files=False,
        # Without its !important no rule for phones or for the dark would win over what is inlined.
        strip_important=False,
        keep_style_tags=False,
        remove_classes=False,
        align_floating_images=False,
        disable_basic_attributes=_LEFT_ALONE,
        # cssutils knows neither mso- properties nor prefers-color-scheme and would log a page about them.
        disable_validation=True,
        cssutils_logging_level=logging.CRITICAL,
        cache_css_parsing=False,
    ).transform(pretty_print=False)
    return inlined.strip() + "\n"
