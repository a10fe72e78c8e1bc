"""The mails as they are. DIGEST_REWRITE_GOLDEN=1 rewrites them."""

import os
from dataclasses import replace
from pathlib import Path

import pytest
from render_editions import BARE, EDITION, NONCE, long_edition

from digest.render import Edition, render

GOLDEN = Path(__file__).parent / "golden"
EDITIONS = {
    "full": EDITION,
    "bare": BARE,
    "long": long_edition(9, length=700),
    "rtl": replace(EDITION, language="he", link_params="utm_source=digest", sample=True),
}


@pytest.mark.parametrize("name", EDITIONS)
def test_a_mail_looks_as_it_did(name: str) -> None:
    edition: Edition = EDITIONS[name]
    rendering = render(edition, nonce=NONCE)
    for suffix, body in (("html", rendering.html), ("txt", rendering.text)):
        golden = GOLDEN / f"{name}.{suffix}"
        if os.environ.get("DIGEST_REWRITE_GOLDEN"):
            golden.write_text(body, encoding="utf-8")
        assert body == golden.read_text(encoding="utf-8")
