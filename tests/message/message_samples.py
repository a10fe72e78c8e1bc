"""An issue and a subscriber as the message's tests use them, and strict reading of what comes out."""

from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8

from digest.links import Link, LinkKind, unsubscribe_url
from digest.message import MessageTemplate, message_id
from digest.model import IssueHeaders, Recipient, Rendering, slot_placeholder

NONCE = "0123456789abcdef"
KEY = b"a key of at least thirty-two octets"
MESSAGE_ID = message_id(key=KEY, issue_id=77, subscriber_id=5, domain="ledger.example")
LINK = unsubscribe_url(
    "https://news.ledger.example", Link(kind=LinkKind.UNSUBSCRIBE, subscriber_id=5, issue_id=77), [KEY]
)
DATE = datetime(2026, 11, 24, 7, 0, tzinfo=UTC)
STRICT = SMTPUTF8.clone(raise_on_defect=True)


def slot(name: str, fallback: str = "") -> str:
    return slot_placeholder(NONCE, name, fallback)


RENDERING = Rendering(
    subject="The harbour at dawn",
    preheader="",
    html=(
        f'<!DOCTYPE html>\n<html lang="en"><body><p>Hello {slot("name", "friend")},</p>\n'
        f'<p><a href="{slot("unsubscribe_url")}">Leave</a>, {slot("email")}, since {slot("since")}.</p>\n'
        "</body></html>\n"
    ),
    text=(
        f"Hello {slot('name', 'friend')},\n\nLeave: {slot('unsubscribe_url')}\n"
        f"{slot('email')}, since {slot('since')}\n"
    ),
    nonce=NONCE,
)
HEADERS = IssueHeaders(
    sender_name="The Harbour Ledger",
    sender_address="news@ledger.example",
    list_id="daily.ledger.example",
    list_name="The Daily Ledger",
    help_url="mailto:editor@ledger.example",
    feedback_id="77:daily:digest:ledger",
    reply_to="editor@ledger.example",
    archive_url="https://news.ledger.example/archive",
)
ANN = Recipient(id=5, email="ann@mail1.example", name="Ann")


def wire(
    rendering: Rendering = RENDERING,
    headers: IssueHeaders = HEADERS,
    recipient: Recipient = ANN,
    *,
    message_id: str = MESSAGE_ID,
    url: str = LINK,
    since: str = "1 May 2020",
    date: datetime = DATE,
    mailto: str = "",
) -> bytes:
    template = MessageTemplate.build(rendering, headers)
    return template.message(
        recipient, message_id=message_id, unsubscribe_url=url, since=since, date=date, mailto=mailto
    )


def titled(subject: str) -> Rendering:
    return replace(RENDERING, subject=subject)


def parsed(octets: bytes) -> EmailMessage:
    """Read a message with Python's parser, which raises for every defect it sees."""
    message = message_from_bytes(octets, policy=STRICT)
    assert isinstance(message, EmailMessage)
    return message


def address_in(message: EmailMessage, field: str) -> str:
    """Give a field's one address: Python reads octets, and leaves UTF-8 in a header undecoded."""
    (mailbox,) = message[field].addresses
    return str(mailbox.addr_spec).encode("utf-8", "surrogateescape").decode()


def parts(octets: bytes) -> tuple[str, str]:
    """Give the decoded text and HTML, with `\\n` for line breaks."""
    plain, html = parsed(octets).iter_parts()
    assert isinstance(plain, EmailMessage)
    assert isinstance(html, EmailMessage)
    assert plain.get_content_type() == "text/plain"
    assert html.get_content_type() == "text/html"
    return str(plain.get_content()).replace("\r\n", "\n"), str(html.get_content()).replace("\r\n", "\n")


def split(octets: bytes) -> tuple[list[bytes], list[bytes]]:
    """Give the lines of the header and of the body."""
    head, _, body = octets.partition(b"\r\n\r\n")
    return head.split(b"\r\n"), body.split(b"\r\n")
