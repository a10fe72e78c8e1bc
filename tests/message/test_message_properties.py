"""Whatever a site, an editor or a subscriber types, the message reads back as it was meant."""

import re
from dataclasses import replace
from html import escape

from hypothesis import given
from hypothesis import strategies as st
from message_samples import (
    ANN,
    DATE,
    HEADERS,
    LINK,
    MESSAGE_ID,
    NONCE,
    RENDERING,
    address_in,
    parsed,
    parts,
    slot,
    split,
    wire,
)

from digest.headers import one_line, uri
from digest.issue_head import honest_subject
from digest.message import MessageTemplate
from digest.model import SLOT_NAMES, IssueHeaders, Recipient, Rendering

FALLBACKS = ("friend", "Grüße ", "")
# Nobody types the nonce of a rendering that is yet to come.
TYPED = st.text(max_size=120).filter(lambda text: NONCE not in text)
# Pieces of a page: what trips encoders, and slots at every place between.
PIECES = st.lists(
    st.one_of(
        TYPED,
        st.sampled_from([".", " ", "  ", "\t", "=", "From ", "\n", "\r\n", "é", "--=_x--", "x" * 75, "<p>"]),
        st.builds(slot, st.sampled_from(SLOT_NAMES), st.sampled_from(FALLBACKS)),
    ),
    max_size=12,
).map("".join)
SUBJECTS = TYPED.filter(one_line)
RENDERINGS = st.builds(
    Rendering, subject=SUBJECTS, preheader=st.just(""), html=PIECES, text=PIECES, nonce=st.just(NONCE)
).filter(lambda rendering: not re.match(r"(re|fwd?)\b", one_line(rendering.subject), re.IGNORECASE))
ADDRESSES = st.sampled_from(["ann@mail1.example", "o'neill+x@x.example", "jürgen@xn--bcher-kva.example"])
URLS = st.just(LINK) | st.text(min_size=1, max_size=120)
RECIPIENTS = st.builds(Recipient, id=st.just(5), email=ADDRESSES, name=TYPED)
ISSUE_HEADERS = st.builds(
    lambda sender, title, url: replace(
        HEADERS, sender_name=sender, list_name=title, help_url=url, archive_url=url
    ),
    TYPED,
    TYPED,
    URLS,
)


def filled(template: str, values: dict[str, str], *, html: bool) -> str:
    """Put values in by plain replacement, as a reader expects to see them."""
    for name, value in values.items():
        # The longer placeholder, with a fallback, begins with the one without: that one comes last.
        for fallback in FALLBACKS:
            shown = value or one_line(fallback)
            template = template.replace(slot(name, fallback), escape(shown) if html else shown)
    return template.replace("\r\n", "\n").replace("\r", "\n")


@given(RENDERINGS, RECIPIENTS, URLS, TYPED)
def test_both_parts_read_back_with_the_values_in_their_places(
    rendering: Rendering, recipient: Recipient, url: str, since: str
) -> None:
    text, html = parts(wire(rendering, recipient=recipient, url=url, since=since))
    values = {
        "unsubscribe_url": uri(url),
        "email": recipient.email,
        "name": one_line(recipient.name),
        "since": one_line(since),
    }
    assert text == filled(rendering.text, values, html=False)
    assert html == filled(rendering.html, values, html=True)


@given(RENDERINGS, ISSUE_HEADERS, RECIPIENTS, URLS, TYPED)
def test_every_line_is_one_that_relays_and_signatures_leave_alone(
    rendering: Rendering, headers: IssueHeaders, recipient: Recipient, url: str, since: str
) -> None:
    octets = wire(rendering, headers, recipient, url=url, since=since)
    assert not re.search(rb"[^\r]\n|\r(?!\n)|\x00", octets)
    head, body = split(octets)
    assert body.pop() == b""
    assert body[-1] == f"--=_{NONCE}--".encode()
    for line in body:
        assert len(line) <= 76
        assert not line.startswith((b".", b"From "))
        # Its own relaxed canonical form (RFC 6376 3.4.4).
        assert re.sub(rb"[ \t]+", b" ", line).rstrip(b" ") == line
    for line in head:
        assert 0 < len(line.rstrip(b" ")) == len(line) <= 998
        # A longer line is one word, after the blank that folded it.
        assert len(line) <= 76 or re.fullmatch(rb" \S+", line)


@given(RENDERINGS, ISSUE_HEADERS, RECIPIENTS, URLS, TYPED)
def test_nothing_that_is_typed_adds_a_header(
    rendering: Rendering, headers: IssueHeaders, recipient: Recipient, url: str, since: str
) -> None:
    message = parsed(wire(rendering, headers, recipient, url=url, since=since))
    assert message.keys() == parsed(wire()).keys()
    assert message["Subject"] == honest_subject(rendering.subject)
    assert address_in(message, "To") == recipient.email
    assert address_in(message, "From") == HEADERS.sender_address
    assert message["List-Id"].endswith("<daily.ledger.example>")
    for field in ("List-Unsubscribe", "List-Help", "List-Archive"):
        assert re.fullmatch(r"<[!-;=?-~]+>", message[field].strip())


@given(RENDERINGS, RECIPIENTS, URLS, TYPED)
def test_two_subscribers_messages_differ_in_their_headers_and_slots_alone(
    rendering: Rendering, recipient: Recipient, url: str, since: str
) -> None:
    template = MessageTemplate.build(rendering, HEADERS)
    octets = template.message(recipient, message_id=MESSAGE_ID, unsubscribe_url=url, since=since, date=DATE)
    gaps = len(re.findall(rf"https://slot\.invalid/{NONCE}/", rendering.text + rendering.html))
    assert sum(not segment for segment in template.segments) >= 1 + gaps
    rest = octets
    for segment in template.segments:
        _, found, rest = rest.partition(segment) if segment else (b"", b"gap", rest)
        assert found
    assert rest == b""


@given(st.lists(st.integers(0, 90), min_size=1, max_size=8))
def test_a_slot_at_any_column_leaves_the_lines_short(columns: list[int]) -> None:
    text = "".join("x" * column + slot("name") for column in columns)
    octets = wire(replace(RENDERING, text=text), recipient=replace(ANN, name="n" * 40))
    assert max(map(len, split(octets)[1])) <= 76
    assert parts(octets)[0] == text.replace(slot("name"), "n" * 40)
