"""The mail's own link to its page in the archive, and the header that names the newsletter's."""

from dataclasses import replace
from datetime import date, timedelta
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from press import ON_SQLITE, SLOT, live_at, press

from digest.render import Edition, render
from digest.store.database import Store

URL = "https://news.ledger.example/archive/daily/2026-11-24T07:00"
NONCE = "0123456789abcdef"
EDITION = Edition(
    site_name="The Harbour Ledger",
    site_url="https://ledger.example",
    language="en",
    postal_address="12 Quay Street, Port Averell",
    contact="editor@ledger.example",
    newsletter_name="daily",
    newsletter_title="The Daily Ledger",
    subject_template="Nothing new",
    day=date(2026, 11, 24),
    articles=(),
)


def test_a_mail_leads_to_its_own_page_in_both_parts() -> None:
    rendering = render(replace(EDITION, archive_url=URL), nonce=NONCE)
    assert f'href="{URL}"' in rendering.html
    assert f"\n{URL}\n" in rendering.text


def test_a_mail_that_is_nowhere_to_be_read_says_nothing_of_it() -> None:
    rendering = render(EDITION, nonce=NONCE)
    assert "browser" not in rendering.html + rendering.text


@ON_SQLITE
@pytest.mark.parametrize("public", [True, False], ids=["public", "private"])
async def test_what_is_sent_names_the_archive_where_there_is_one(
    store: Store, tmp_path: Path, *, public: bool
) -> None:
    async with press(store, tmp_path, readers=1) as room:
        if not public:
            room.environ = {"DIGEST_ARCHIVE__PUBLIC": "false"}
        await live_at(room.service(), room.clock, SLOT.instant - timedelta(minutes=30), SLOT.instant)
        [one] = room.mailed
        message = message_from_bytes(one.data, policy=policy.default)
        archive = f"{room.site.base}/archive/daily"
        assert message["List-Archive"] == (f"<{archive}>" if public else None)
        body = message.get_body(("html",))
        assert body is not None
        assert (f'"{archive}/{SLOT.name}"' in body.get_content()) is public
