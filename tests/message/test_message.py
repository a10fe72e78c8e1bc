"""What every message of an issue carries, and what differs from one subscriber to the next."""

import re
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from message_samples import (
    ANN,
    DATE,
    HEADERS,
    KEY,
    LINK,
    MESSAGE_ID,
    NONCE,
    RENDERING,
    address_in,
    parsed,
    parts,
    slot,
    split,
    titled,
    wire,
)

from digest.errors import AddressError, RenderError
from digest.message import MessageTemplate, message_id, read_message_id
from digest.model import Recipient, slot_placeholder


def test_a_message_is_from_the_publication_at_one_address() -> None:
    (sender,) = parsed(wire())["From"].addresses
    assert (sender.display_name, sender.addr_spec) == ("The Harbour Ledger", "news@ledger.example")


def test_a_message_is_to_exactly_one_subscriber_by_address_alone() -> None:
    message = parsed(wire())
    (reader,) = message["To"].addresses
    assert (reader.display_name, reader.addr_spec) == ("", "ann@mail1.example")
    assert message["Cc"] is None
    assert message["Bcc"] is None


def test_the_date_is_when_it_was_sent_in_utc() -> None:
    eastern = datetime(2026, 11, 24, 2, 0, tzinfo=timezone(timedelta(hours=-5)))
    message = parsed(wire(date=eastern))
    assert message["Date"] == "Tue, 24 Nov 2026 07:00:00 +0000"
    assert message["Date"].datetime == DATE


def test_a_date_without_zone_is_not_mailed() -> None:
    with pytest.raises(ValueError, match="zone"):
        wire(date=DATE.replace(tzinfo=None))


def test_the_message_id_stands_a_second_time_for_relays_that_replace_it() -> None:
    message = parsed(wire())
    assert message["Message-ID"] == message["X-Digest-Delivery"] == MESSAGE_ID


def test_a_message_id_that_would_begin_another_header_is_not_mailed() -> None:
    with pytest.raises(ValueError, match="Message-ID"):
        wire(message_id="<1.2.x@ledger.example>\r\nBcc: b@ledger.example")


@pytest.mark.parametrize(
    ("rendered", "sent"),
    [
        ("The harbour at dawn", "The harbour at dawn"),
        ("Re: Fwd: the harbour", "the harbour"),
        ("RE[2]: the harbour", "the harbour"),
        ("re:Invent opens", "re:Invent opens"),
        ("Reform: what next?", "Reform: what next?"),
        ("Two\r\nBcc: victim@ledger.example", "Two Bcc: victim@ledger.example"),
    ],
)
def test_the_subject_is_one_line_and_fakes_no_answer(rendered: str, sent: str) -> None:
    assert parsed(wire(titled(rendered)))["Subject"] == sent
    assert MessageTemplate.build(titled(rendered), HEADERS).subject == sent


@pytest.mark.parametrize("subject", ["", " \r\n", "Re: ", "Fwd: Re:"])
def test_an_issue_without_subject_is_not_built(subject: str) -> None:
    with pytest.raises(RenderError, match="subject is empty"):
        wire(titled(subject))


def test_a_readers_slot_in_the_subject_is_refused() -> None:
    with pytest.raises(RenderError, match="subject"):
        wire(titled(f"Hello {slot('name')}"))


def test_answers_go_to_the_address_that_accepts_mail() -> None:
    assert parsed(wire())["Reply-To"] == "editor@ledger.example"
    assert parsed(wire(headers=replace(HEADERS, reply_to="")))["Reply-To"] is None


def test_one_click_leaves_by_an_https_link() -> None:
    message = parsed(wire())
    assert message["List-Unsubscribe"] == f"<{LINK}>"
    assert message["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


def test_a_long_unsubscribe_link_is_not_broken() -> None:
    url = f"https://news.ledger.example/u/{'x' * 200}"
    assert f"List-Unsubscribe:\r\n <{url}>\r\n".encode() in wire(url=url)


@pytest.mark.parametrize("url", [LINK, "https://n.example/u/x"], ids=["long", "short"])
def test_a_way_out_by_mail_stands_after_the_link_on_a_line_of_its_own(url: str) -> None:
    mailto = "mailto:bounces+u77.5.1.abcdefghijklmnop@ledger.example?subject=unsubscribe"
    octets = wire(url=url, mailto=mailto)
    assert re.search(
        rf"\r\nList-Unsubscribe:(?:\r\n)? <{re.escape(url)}>,\r\n <{re.escape(mailto)}>\r\n", octets.decode()
    )
    assert parsed(octets)["List-Unsubscribe"] == f"<{url}>, <{mailto}>"
    assert wire(url=url) == octets.replace(f",\r\n <{mailto}>".encode(), b"")


def test_the_list_is_named_and_offers_help_and_its_archive() -> None:
    message = parsed(wire())
    assert message["List-Id"] == "The Daily Ledger <daily.ledger.example>"
    assert message["List-Help"] == "<mailto:editor@ledger.example>"
    assert message["List-Archive"] == "<https://news.ledger.example/archive>"


def test_an_archive_that_is_not_public_is_not_named() -> None:
    assert parsed(wire(headers=replace(HEADERS, archive_url="")))["List-Archive"] is None


@pytest.mark.parametrize(
    "list_id", ["", "daily", "daily ledger.example", "a.b>\r\nBcc: c@d.example", "dail\u00e9.example"]
)
def test_a_list_id_that_is_no_name_is_refused(list_id: str) -> None:
    with pytest.raises(RenderError, match="list id"):
        wire(headers=replace(HEADERS, list_id=list_id))


def test_the_feedback_id_has_at_most_four_fields_and_none_per_subscriber() -> None:
    other = parsed(wire(recipient=Recipient(id=6, email="ben@mail2.example")))
    assert parsed(wire())["Feedback-ID"] == other["Feedback-ID"] == "77:daily:digest:ledger"
    with pytest.raises(RenderError, match="4 fields"):
        wire(headers=replace(HEADERS, feedback_id="1:2:3:4:5"))


def test_robots_are_told_not_to_answer() -> None:
    message = parsed(wire())
    assert message["Auto-Submitted"] == "auto-generated"
    assert message["X-Auto-Response-Suppress"] == "OOF, AutoReply"
    assert message["Precedence"] is None


def test_text_comes_first_and_html_second_both_in_utf8() -> None:
    message = parsed(wire())
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/alternative"
    plain, html = message.iter_parts()
    for part, subtype in ((plain, "plain"), (html, "html")):
        assert part["Content-Type"] == f'text/{subtype}; charset="utf-8"'
        assert part["Content-Transfer-Encoding"] == "quoted-printable"


def test_every_slot_holds_the_subscribers_value_in_both_parts() -> None:
    text, html = parts(wire())
    assert text == f"Hello Ann,\n\nLeave: {LINK}\nann@mail1.example, since 1 May 2020\n"
    assert f'Hello Ann,</p>\n<p><a href="{LINK}">Leave</a>, ann@mail1.example, since 1 May 2020.</p>' in html


@pytest.mark.parametrize("name", ["", "  ", "\r\n"])
def test_an_empty_value_gives_the_slots_fallback(name: str) -> None:
    text, html = parts(wire(recipient=replace(ANN, name=name)))
    assert "Hello friend," in text
    assert "<p>Hello friend,</p>" in html


def test_a_fallback_is_escaped_where_it_stands() -> None:
    greeting = slot("name", "Leser & Leserin – hallo")
    text, html = parts(
        wire(replace(RENDERING, text=greeting, html=greeting), recipient=replace(ANN, name=""))
    )
    assert text == "Leser & Leserin – hallo"
    assert html == "Leser &amp; Leserin – hallo"


def test_a_name_cannot_leave_its_place_in_html_or_begin_a_line_of_text() -> None:
    text, html = parts(wire(recipient=replace(ANN, name="Ann <b>\"'&\r\n\r\nHello")))
    assert "Hello Ann <b>\"'& Hello,\n" in text
    assert "Hello Ann &lt;b&gt;&quot;&#x27;&amp; Hello," in html


def test_a_placeholder_of_another_nonce_is_a_feeds_text_and_stays() -> None:
    forged = slot_placeholder("fedcba9876543210", "email")
    text, html = parts(wire(replace(RENDERING, text=forged, html=f"<p>{forged}</p>")))
    assert text == forged
    assert html == f"<p>{forged}</p>"


def test_a_value_that_looks_like_a_slot_is_only_a_value() -> None:
    text, _ = parts(wire(recipient=replace(ANN, name=slot("email"))))
    assert f"Hello {slot('email')}," in text


def test_a_slot_that_no_subscriber_has_is_refused() -> None:
    with pytest.raises(RenderError, match=r"reader\.birthday"):
        wire(replace(RENDERING, html=slot("birthday")))


@pytest.mark.parametrize(
    "damaged", [slot("name").upper().lower().replace("slot.", "Slot."), slot("name")[:-1], NONCE]
)
def test_a_slot_that_was_damaged_on_its_way_is_refused(damaged: str) -> None:
    with pytest.raises(RenderError, match="damaged"):
        wire(replace(RENDERING, html=f"<p>{damaged}</p>"))


def test_an_operators_header_is_carried() -> None:
    headers = replace(HEADERS, extra=(("X-SES-CONFIGURATION-SET", "digest"),))
    assert parsed(wire(headers=headers))["X-SES-CONFIGURATION-SET"] == "digest"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("subject", "Another"),
        ("BCC", "victim@ledger.example"),
        ("List-Unsubscribe", "<https://elsewhere.example>"),
        ("Content-Type", "text/plain"),
        ("DKIM-Signature", "v=1"),
        ("X-Bad Name", "x"),
        ("X-Bad:", "x"),
        ("X-Bad\r\nBcc", "x"),
        ("", "x"),
        ("X-Empty", " "),
        ("X-Two", "a\r\nBcc: victim@ledger.example"),
        ("X-Two", "a\nb"),
        ("X-Accent", "caf\u00e9"),
    ],
)
def test_an_operators_header_that_doubles_ours_or_breaks_the_message_is_refused(
    name: str, value: str
) -> None:
    with pytest.raises(RenderError):
        wire(headers=replace(HEADERS, extra=((name, value),)))


@pytest.mark.parametrize(
    "address",
    ["", "news", "news@ledger.example, b@c.example", "n\u00e9ws@ledger.example", "a@b\r\nBcc: c@d.e"],
)
def test_a_sender_that_is_not_one_plain_address_is_refused(address: str) -> None:
    with pytest.raises(RenderError, match="From"):
        wire(headers=replace(HEADERS, sender_address=address))
    if address:
        with pytest.raises(RenderError, match="Reply-To"):
            wire(headers=replace(HEADERS, reply_to=address))


@pytest.mark.parametrize(
    "address",
    ["", "b@x>\r\nRCPT TO:<c@d.e>", "a@b.example, c@d.example", "a@b.example\r\n", "a@bücher.example"],
)
def test_an_address_that_cannot_stand_in_a_header_is_not_mailed(address: str) -> None:
    with pytest.raises(AddressError):
        wire(recipient=replace(ANN, email=address))


def test_only_the_address_of_a_smtputf8_recipient_is_not_ascii() -> None:
    octets = wire(recipient=replace(ANN, email="jürgen@xn--bcher-kva.example"))
    head, body = split(octets)
    assert [line for line in head if not line.isascii()] == ["To: jürgen@xn--bcher-kva.example".encode()]
    assert all(line.isascii() for line in body)
    assert address_in(parsed(octets), "To") == "jürgen@xn--bcher-kva.example"
    assert "\njürgen@xn--bcher-kva.example, since" in parts(octets)[0]


def test_a_message_ends_with_one_line_break() -> None:
    assert re.search(rb"[^\r\n]\r\n\Z", wire())


def test_the_longest_address_is_folded_and_not_broken() -> None:
    address = f"{'a' * 64}@{'b' * 63}.{'c' * 63}.example"
    octets = wire(recipient=replace(ANN, email=address))
    assert f"To:\r\n {address}\r\n".encode() in octets
    assert address_in(parsed(octets), "To") == address


def test_the_same_subscriber_gets_the_same_octets() -> None:
    assert wire() == wire()


def test_a_retry_differs_in_its_date_alone() -> None:
    first, second = split(wire())[0], split(wire(date=DATE + timedelta(hours=1)))[0]
    assert [one for one, other in zip(first, second, strict=True) if one != other] == [
        b"Date: Tue, 24 Nov 2026 07:00:00 +0000"
    ]


def test_a_message_id_names_its_issue_and_subscriber() -> None:
    assert re.fullmatch(r"<77\.5\.[a-z2-7]{16}@ledger\.example>", MESSAGE_ID)
    assert read_message_id(MESSAGE_ID, KEY) == (77, 5)


@pytest.mark.parametrize("quoted", [MESSAGE_ID.upper(), MESSAGE_ID.strip("<>"), f"  {MESSAGE_ID}\r\n"])
def test_a_message_id_is_known_again_as_bounces_quote_it(quoted: str) -> None:
    assert read_message_id(quoted, KEY) == (77, 5)


def test_a_message_id_that_was_changed_or_made_elsewhere_is_not_ours() -> None:
    local = MESSAGE_ID.partition("@")[0]
    for place in range(1, len(local)):
        for letter in "abcdefghijklmnopqrstuvwxyz0123456789.K":
            if letter != local[place]:
                assert read_message_id(MESSAGE_ID[:place] + letter + MESSAGE_ID[place + 1 :], KEY) is None
    for other in (
        "",
        "<>",
        "<a@b.example>",
        f"<077.5.{local[-16:]}@ledger.example>",
        f"{MESSAGE_ID}{MESSAGE_ID}",
    ):
        assert read_message_id(other, KEY) is None
    assert read_message_id(MESSAGE_ID, b"another key") is None


def test_two_deliveries_have_two_message_ids() -> None:
    ids = {
        message_id(key=KEY, issue_id=issue, subscriber_id=subscriber, domain="ledger.example")
        for issue in range(1, 12)
        for subscriber in range(1, 12)
    }
    assert len(ids) == 121
