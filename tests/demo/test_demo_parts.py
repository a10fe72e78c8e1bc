import asyncio
import smtplib
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.message import EmailMessage
from pathlib import Path

from demo_course import FIRST, REPORT

from digest.demo.caught import Catcher, Caught
from digest.demo.souvenirs import keep, page
from digest.demo.world import Clock, mornings
from digest.sample.feed import picture

SITE = REPORT.site_url


def mail(subject: str, html: str = "<p>News</p>") -> bytes:
    message = EmailMessage()
    message["Subject"] = subject
    message.set_content("News")
    message.add_alternative(html, subtype="html")
    return message.as_bytes()


def head(*lines: str) -> Caught:
    return Caught(recipient="r@mail.example", head="\r\n".join((*lines, "", "")).encode())


async def test_the_catcher_tells_of_every_message_and_keeps_the_first_of_each_subject_whole() -> None:
    async with Catcher() as catcher:

        def deliver() -> None:
            with smtplib.SMTP("127.0.0.1", catcher.port) as client:
                for number, subject in enumerate(("Grüße", "Grüße", "News")):
                    client.sendmail("n@ledger.example", f"r{number}@mail.example", mail(subject))

        await asyncio.to_thread(deliver)
        caught = await catcher.settled(3)
    assert [one.recipient for one in caught] == [f"r{number}@mail.example" for number in range(3)]
    assert [one.subject for one in caught] == ["Grüße", "Grüße", "News"]
    assert [one.whole is not None for one in caught] == [True, False, True]


async def test_the_catcher_leaves_no_process_behind() -> None:
    async with Catcher() as catcher:
        assert catcher.port > 0
    assert catcher._process.returncode == 0


def test_a_folded_subject_is_read_as_one_line() -> None:
    assert head("Subject: The evening ferry", "  left late").subject == "The evening ferry  left late"


def test_the_one_click_link_is_what_rfc_8058_says() -> None:
    link, post = (
        "List-Unsubscribe:\r\n <http://127.0.0.1/u/x>",
        "List-Unsubscribe-Post: List-Unsubscribe=One-Click",
    )
    assert head(link, post).one_click_url == "http://127.0.0.1/u/x"
    assert head(link).one_click_url == ""
    assert head("List-Unsubscribe: <mailto:leave@ledger.example>", post).one_click_url == ""
    assert head(post).one_click_url == ""


def test_the_kept_page_carries_its_pictures_and_asks_the_site_for_none() -> None:
    html = f'<img src="{SITE}/wp-content/uploads/ferry-at-dusk-400x300.jpg"><a href="{SITE}/ferry/">'
    shown = page(mail("News", html), SITE)
    assert 'src="data:image/jpeg;base64,/9j/' in shown
    assert len(shown) > len(picture("ferry-at-dusk.jpg"))
    assert f'href="{SITE}/ferry/"' in shown
    assert f'src="{SITE}' not in shown


def test_a_souvenir_is_the_message_to_the_octet(tmp_path: Path) -> None:
    whole = mail(FIRST.subject)
    caught = [replace(head(f"Subject: {FIRST.subject}"), whole=whole)]
    kept = keep(tmp_path, FIRST, caught, SITE)
    assert (kept.eml, kept.html) == (tmp_path / "2026-11-24.eml", tmp_path / "2026-11-24.html")
    assert kept.eml.read_bytes() == whole


def test_the_two_issues_are_this_morning_s_and_tomorrow_s_in_the_site_s_zone() -> None:
    for now in (datetime(2026, 11, 24, 5, tzinfo=UTC), datetime(2026, 11, 25, 4, 59, tzinfo=UTC)):
        assert [slot.name for slot in mornings(now)] == ["2026-11-24T07:00", "2026-11-25T07:00"]


def test_the_clock_goes_on_from_where_it_was_set() -> None:
    there = datetime(2026, 11, 25, 12, tzinfo=UTC)
    clock = Clock(there - timedelta(days=1))
    clock.set(there)
    assert there <= clock() <= clock() < there + timedelta(minutes=1)
