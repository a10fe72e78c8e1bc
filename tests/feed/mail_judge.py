"""A reader's message from a feed's articles, and a judge of it whose parsers are no part of the line."""

import re
from dataclasses import fields, replace
from datetime import UTC, date, datetime
from email import message_from_bytes, policy
from email.message import EmailMessage
from html.parser import HTMLParser
from urllib.parse import urlsplit

import lxml.html
from hostile_feed import MARK

from digest.message import MessageTemplate
from digest.model import Article, IssueHeaders, LedgerArticle, Picture, Recipient
from digest.render import Edition, render

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
URL = "https://ledger.example/feed/"
NONCE = "0123456789abcdef"
UNSUBSCRIBE = "https://ledger.example/u/x"
# What an address cannot hold as it is (RFC 3986, 2): blanks and delimiters.
UNSAFE = re.compile(r"[\x00-\x20\x7f-\x9f\"<>`\\\u2028-\u202e]")
Element = tuple[str, dict[str, str | None]]
"""A tag with its attributes; a comment is `<!--` with its `text`."""
COMMENT = "<!--"

# What ends a line, acts on a terminal, or turns the rest of a text round.
TURNS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]")


def message(*articles: Article, site: str = "The Harbour Ledger") -> EmailMessage:
    """Give what goes over the wire as a mail program reads it; `site` is what `init` took for its name."""
    ledger = tuple(
        LedgerArticle(
            id=number,
            feed_url=URL,
            first_seen_at=NOW,
            **{field.name: getattr(article, field.name) for field in fields(Article)},
        )
        for number, article in enumerate(articles, 1)
    )
    edition = Edition(
        site_name=site,
        site_url="https://ledger.example",
        language="en",
        postal_address="12 Quay Street, Port Averell",
        contact="editor@ledger.example",
        newsletter_name="daily",
        newsletter_title="The Daily Ledger",
        subject_template="{{ articles[0].title }}",
        day=date(2026, 11, 24),
        articles=ledger,
    )
    headers = IssueHeaders(
        sender_name=site,
        sender_address="news@ledger.example",
        list_id="daily.ledger.example",
        list_name=site,
        help_url="mailto:editor@ledger.example",
        feedback_id="77:daily:digest:ledger",
    )
    wire = MessageTemplate.build(render(edition, nonce=NONCE), headers).message(
        Recipient(id=5, email="ann@mail1.example", name="Ann"),
        message_id="<1.5.x@ledger.example>",
        unsubscribe_url=UNSUBSCRIBE,
        since="1 May 2026",
        date=NOW,
    )
    return message_from_bytes(wire, _class=EmailMessage, policy=policy.default)


def part(mail: EmailMessage, subtype: str) -> str:
    """Give the text of one of the two parts."""
    found = mail.get_body((subtype,))
    assert found is not None
    content = found.get_content()
    assert isinstance(content, str)
    return content


class Tags(HTMLParser):
    """Sees a tag wherever there could be one: it knows no contexts but those of scripts and styles."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.seen: list[Element] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append((tag, dict(attrs)))

    def handle_comment(self, data: str) -> None:
        self.seen.append((COMMENT, {"text": data}))

    def handle_decl(self, decl: str) -> None:
        self.handle_comment(decl)

    def unknown_decl(self, data: str) -> None:
        self.handle_comment(data)

    def handle_pi(self, data: str) -> None:
        self.handle_comment(data)


def elements(html: str) -> list[Element]:
    """Give every element of a page with its attributes, by libxml2 and by Python's own tokeniser."""
    by_lxml: list[Element] = [
        (element.tag, dict(element.attrib))
        if isinstance(element.tag, str)
        else (COMMENT, {"text": element.text})
        for element in lxml.html.document_fromstring(html).iter()
    ]
    return [*by_lxml, *Tags(html).seen]


def styled(text: str | None) -> str:
    """Leave the pictures' sizes out of a style."""
    return re.sub(r"\d+px", "px", text or "")


def sheets(html: str) -> list[str]:
    """Give the style sheets of a page."""
    return [sheet.text_content() for sheet in lxml.html.document_fromstring(html).iter("style")]


PLAIN = Article(
    guid="1",
    link="https://ledger.example/1/",
    title="Dredging",
    published_at=NOW,
    author="Ada",
    categories=("Port",),
    excerpt="It was dredged.",
    picture=Picture(url="https://ledger.example/1.jpg", alt="Cranes", width=1200, height=800),
    comments=3,
    words=400,
)
HARMLESS = message(*[PLAIN] * 8, replace(PLAIN, picture=None, excerpt=""))
KNOWN = elements(part(HARMLESS, "html"))
TAGS = {tag for tag, _ in KNOWN}
ATTRIBUTES = {(tag, name) for tag, attributes in KNOWN for name in attributes}
STYLES = {styled(attributes["style"]) for _, attributes in KNOWN if "style" in attributes}
ASIDES = {attributes["text"] for tag, attributes in KNOWN if tag == COMMENT}
SHEETS = sheets(part(HARMLESS, "html"))


def check_page(html: str) -> None:
    """Nothing stands in the page that our own templates do not write, and no address of it acts."""
    for tag, attributes in elements(html):
        assert tag in TAGS
        if tag == COMMENT:
            assert attributes["text"] in ASIDES
            continue
        for name, value in attributes.items():
            assert (tag, name) in ATTRIBUTES
            if name == "style":
                assert styled(value) in STYLES
            elif name in {"href", "src"}:
                parts = urlsplit(value or "")
                assert parts.scheme in {"http", "https", "mailto"}
                assert parts.scheme == "mailto" or parts.hostname
                assert not UNSAFE.search(value or "")
            elif name not in {"alt", "title"}:
                assert MARK not in (value or "")
    assert sheets(html) == SHEETS


def check_message(mail: EmailMessage) -> None:
    """Nothing but texts differs from a harmless message, and they hold nothing that ends a line."""
    assert list(mail.keys()) == list(HARMLESS.keys())
    assert not mail.defects
    assert [one.get_content_type() for one in mail.iter_parts()] == ["text/plain", "text/html"]
    for name, value in mail.items():
        assert not TURNS.search(str(value))
        assert name in {"Subject", "From", "List-Id"} or MARK not in str(value)
    assert mail["From"].addresses[0].addr_spec == "news@ledger.example"
    assert len(mail["From"].addresses) == len(mail["To"].addresses) == 1
    plain = part(mail, "plain").replace("\r\n", "")
    assert not TURNS.search(plain)
    assert plain.count(UNSUBSCRIBE) == 1
    check_page(part(mail, "html"))
