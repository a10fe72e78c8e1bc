import json
from pathlib import Path

import pytest
from press import ON_SQLITE, press
from typer.testing import CliRunner, Result

from digest.cli.program import program
from digest.store.database import Store

pytestmark = ON_SQLITE

TWO = """
[[newsletter]]
name = "daily"
title = "The Daily Ledger & Co"
schedule = "0 7 * * *"
[[newsletter]]
name = "weekly"
title = "The Weekly Ledger"
schedule = "0 7 * * 1"
"""


async def embed(store: Store, folder: Path, *arguments: str, more: str = "") -> Result:
    async with press(store, folder) as room:
        room.newsletters = TWO
        room.settings()
        config = folder / "config.toml"
        database = json.dumps(store.url.render_as_string(hide_password=False))
        config.write_text(f"{config.read_text()}[database]\nurl = {database}\n{more}", encoding="utf-8")
        (folder / "secret.key").touch(0o600)
        (folder / "secret.key").write_text("k" * 64)
        return CliRunner().invoke(program(), ["--config", str(config), "embed", *arguments])


async def test_it_prints_a_form_a_block_and_a_link(store: Store, tmp_path: Path) -> None:
    shown = await embed(store, tmp_path)
    assert shown.exit_code == 0
    form = shown.stdout.partition("</form>")[0]
    assert '/subscribe" method="post"' in form
    assert '<label for="digest-email">' in form
    assert "The Daily Ledger &amp; Co" in form
    assert form.count('type="checkbox"') == 2
    assert "<script" not in shown.stdout
    assert "<!-- wp:html -->\n<form" in shown.stdout
    assert "</form>\n<!-- /wp:html -->" in shown.stdout
    assert "mark" not in form


async def test_one_newsletter_is_no_choice(store: Store, tmp_path: Path) -> None:
    shown = await embed(store, tmp_path, "--newsletter", "weekly")
    assert 'type="hidden" name="newsletter" value="weekly"' in shown.stdout
    assert "checkbox" not in shown.stdout


@pytest.mark.parametrize(
    ("arguments", "more"),
    [
        pytest.param(["--newsletter", "monthly"], "", id="unknown"),
        pytest.param([], "[signup]\nenabled = false\n", id="without sign-up"),
        pytest.param(["--newsletter", "weekly"], '[signup]\nnewsletters = ["daily"]\n', id="not offered"),
        pytest.param([], '[signup]\nnewsletters = ["monthly"]\n', id="offered but unknown"),
    ],
)
async def test_what_cannot_lead_to_a_page_is_refused(
    store: Store, tmp_path: Path, arguments: list[str], more: str
) -> None:
    assert (await embed(store, tmp_path, *arguments, more=more)).exit_code == 2
