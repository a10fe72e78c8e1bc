"""Reading: what a real WordPress wrote, and hand-made feeds for the troubles of others."""

import gzip
import json
import unicodedata
from datetime import UTC, datetime, timedelta
from pathlib import Path
from xml.sax.saxutils import escape

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from digest.errors import FeedError
from digest.feed import jsonfeed, syndication
from digest.feed.read import Reading, read
from digest.model import Article

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)
URL = "https://ledger.example/feed/"
DATA = Path(__file__).parents[1] / "feeds"
HEADERS = {"Content-Type": "application/rss+xml; charset=UTF-8"}


def recorded(name: str) -> Reading:
    body = (DATA / name).read_bytes()
    body = gzip.decompress(body) if name.endswith(".gz") else body
    return read(body, HEADERS, url="http://127.0.0.1/feed/", now=NOW)


def rss(*items: str, link: str = "https://ledger.example/") -> bytes:
    channel = f"<title>The Ledger</title><link>{link}</link>" + "".join(
        f"<item>{item}</item>" for item in items
    )
    namespaces = (
        ' xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/"'
        ' xmlns:media="http://search.yahoo.com/mrss/" xmlns:slash="http://purl.org/rss/1.0/modules/slash/"'
    )
    return f'<?xml version="1.0"?><rss version="2.0"{namespaces}><channel>{channel}</channel></rss>'.encode()


def atom(*entries: str) -> bytes:
    inner = "<title>The Ledger</title>" + "".join(f"<entry>{entry}</entry>" for entry in entries)
    return f'<feed xmlns="http://www.w3.org/2005/Atom">{inner}</feed>'.encode()


def articles(body: bytes, url: str = URL) -> tuple[Article, ...]:
    return read(body, HEADERS, url=url, now=NOW).articles


def only(item: str) -> Article:
    (article,) = articles(
        rss("<guid isPermaLink='false'>g1</guid><link>https://ledger.example/a/b/</link>" + item)
    )
    return article


# --- what WordPress wrote ---


def test_a_stock_wordpress_feed_is_read_whole() -> None:
    reading = recorded("t0.xml")
    assert reading.title == "The Harbour Ledger"
    assert reading.complaints == ()
    assert len(reading.articles) == 10
    article = reading.articles[1]
    assert article.guid == "http://127.0.0.1/?p=88"
    assert article.link.endswith("/harbour-commission-approves-dredging-after-six-hour-hearing/")
    assert article.title == "Harbour Commission approves dredging after six-hour hearing"
    assert article.author == "Maeve O’Callahan"
    assert article.published_at == datetime(2026, 11, 23, 20, 31, tzinfo=UTC)
    assert article.categories == ("City Hall", "Waterfront & Port", "dredging")
    assert article.comments == 25
    assert 140 < article.words < 200
    assert article.picture is not None
    assert article.picture.url.endswith("/crane-row-night.png")  # the smallest of at least 1,200 px
    assert (article.picture.width, article.picture.height) == (1400, 700)
    assert article.picture.alt == "Four gantry cranes against a dark sky"


def test_wordpress_cut_excerpt_gives_way_to_the_first_paragraphs() -> None:
    excerpt = recorded("t0.xml").articles[1].excerpt
    assert excerpt.startswith("The Harbour Commission voted 4–1 to dredge")
    assert "[" not in excerpt
    assert excerpt.endswith("…")
    assert 50 <= len(excerpt.split()) <= 62


def test_a_form_and_its_labels_never_reach_an_excerpt() -> None:
    excerpt = recorded("t0.xml").articles[2].excerpt
    assert excerpt.endswith("You have views. So far the cormorants lead.")


def test_a_post_without_a_description_gets_its_excerpt_from_its_list() -> None:
    assert recorded("t0.xml").articles[3].excerpt.startswith("6:30 a.m. Outer harbour.")


def test_comments_that_are_closed_leave_no_count() -> None:
    assert recorded("t0.xml").articles[3].comments is None


def test_an_untitled_post_is_titled_by_its_first_words() -> None:
    assert recorded("t0.xml").articles[4].title == "Dockers postponed: pitch frozen"


def test_a_post_behind_a_password_is_protected() -> None:
    assert [article.protected for article in recorded("t0.xml").articles] == [False] * 9 + [True]
    assert [article.protected for article in recorded("excerpt.xml").articles] == [False] * 9 + [True]


def test_rss_and_atom_of_one_site_read_alike() -> None:
    assert recorded("t0.xml").articles == recorded("t0-atom.xml").articles


@pytest.mark.parametrize("name", ["gzip-nginx.xml.gz", "gzip-apache.xml.gz"])
def test_what_came_compressed_reads_like_the_plain_feed(name: str) -> None:
    assert recorded(name).articles == recorded("t0.xml").articles


def test_a_feed_of_excerpts_has_excerpts_and_no_length() -> None:
    article = recorded("excerpt.xml").articles[1]
    assert article.excerpt.endswith("dropped in…")
    assert article.words == 0


@pytest.mark.parametrize(
    ("name", "picture", "alt", "width"),
    [
        ("image-content.xml", "crane-row-night.png", "Four gantry cranes against a dark sky", 1400),
        ("image-media.xml", "crane-row-night-1024x512.png", "Four gantry cranes against a dark sky", 1024),
        ("image-enclosure.xml", "crane-row-night.png", "Four gantry cranes against a dark sky", 1400),
    ],
)
def test_the_featured_picture_is_found_wherever_the_theme_puts_it(
    name: str, picture: str, alt: str, width: int
) -> None:
    found = recorded(name).articles[1].picture
    assert found is not None
    assert found.url.endswith(f"/{picture}")
    assert (found.alt, found.width) == (alt, width)


@pytest.mark.parametrize("name", ["image-content.xml", "image-media.xml", "image-enclosure.xml"])
def test_a_picture_changes_nothing_in_the_excerpt(name: str) -> None:
    assert [a.excerpt for a in recorded(name).articles] == [a.excerpt for a in recorded("t0.xml").articles]


@pytest.mark.parametrize(
    ("name", "complaint"),
    [
        ("broken-blankline.xml", "White space stands before the feed"),
        ("broken-control.xml", "control characters"),
        ("broken-warning.xml", "A PHP warning"),
    ],
)
def test_a_fault_round_the_items_is_mended_and_reported(name: str, complaint: str) -> None:
    reading = recorded(name)
    assert reading.articles == recorded("t0.xml").articles
    assert complaint in " ".join(reading.complaints)


def test_a_cut_feed_keeps_its_whole_items_and_says_so() -> None:
    reading = recorded("broken-cut.xml")
    assert reading.articles == recorded("t0.xml").articles[:5]
    assert "malformed in line 188" in reading.complaints[0]
    assert "last item was cut" in reading.complaints[1]
    assert reading.lost


def test_an_error_page_is_no_feed() -> None:
    with pytest.raises(FeedError, match="web page"):
        recorded("broken-500.xml")


def test_a_feed_without_items_is_a_feed() -> None:
    assert recorded("empty.xml") == Reading(articles=(), complaints=(), title="The Harbour Ledger")


def test_emoji_in_a_comments_feed_are_characters() -> None:
    assert recorded("comments.xml").articles[8].excerpt.endswith("Then I’m for it 🎉")


@pytest.mark.parametrize("name", ["t0-page2.xml", "t0-page3.xml", "t0-page4.xml", "day-archive.xml"])
def test_every_page_of_the_archive_reads_without_complaint(name: str) -> None:
    reading = recorded(name)
    assert reading.complaints == ()
    assert reading.articles
    assert all(article.title and article.link for article in reading.articles)


# --- titles ---


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ("<title>Frost &amp;#038; fog</title>", "Frost & fog"),
        ("<title>Caf&amp;amp;eacute; &amp;amp;amp; bar</title>", "Café & bar"),
        ("<title><![CDATA[Tom &#38; Jerry]]></title>", "Tom & Jerry"),
        ("<title>The &lt;em&gt;Spur&lt;/em&gt; again</title>", "The Spur again"),
        ("<title>Why &lt;b&gt; is dead</title>", "Why <b> is dead"),
        ("<title>&lt;script&gt;alert(1)&lt;/script&gt;</title>", "<script>alert(1)</script>"),
        ("<title>AT&amp;T &lt; 3</title>", "AT&T < 3"),
        ("<title>\n  Two\n\tlines\u2028more </title>", "Two lines more"),
        ("<title>ab\u202etxt.exe\u200b</title>", "abtxt.exe"),
        ("<title>&#8220;Quoted&#8221;</title>", "“Quoted”"),
    ],
)
def test_a_title_is_plain_text(written: str, title: str) -> None:
    assert only(written).title == title


@pytest.mark.parametrize(
    ("written", "title"),
    [
        ('<title type="text">A &lt;b&gt;bold&lt;/b&gt; title</title>', "A <b>bold</b> title"),
        ('<title type="html">A &lt;b&gt;bold&lt;/b&gt; title</title>', "A bold title"),
        (
            '<title type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml">A <b>bold</b> title</div></title>',
            "A bold title",
        ),
        ('<title type="text">It&amp;#8217;s</title>', "It’s"),
    ],
)
def test_an_atom_title_means_what_its_type_says(written: str, title: str) -> None:
    (article,) = articles(atom(f"<id>x</id>{written}"))
    assert article.title == title


def test_an_item_without_words_is_titled_by_its_picture_or_its_address() -> None:
    assert only('<description>&lt;img src="/p.jpg" alt="Low sun"&gt;</description>').title == "Low sun"
    assert only("").title == "ledger.example/a/b/"


def test_a_pictures_title_is_not_the_articles() -> None:
    media = '<media:content url="/x.jpg"><media:title type="html">Ada</media:title></media:content>'
    assert only(f"<title></title>{media}<description>Only a note.</description>").title == "Only a note"


# --- identity and links ---


def test_a_guid_that_is_no_address_stays_as_it_was_written() -> None:
    for url in (URL, "http://moved.example/rss"):
        (article,) = articles(rss("<guid>tag-17</guid><link>https://ledger.example/a/</link>"), url)
        assert article.guid == "tag-17"


def test_an_item_without_guid_is_known_by_its_link() -> None:
    (article,) = articles(rss("<link>/a/</link><title>A</title>"))
    assert article.guid == article.link == "https://ledger.example/a/"


def test_a_guid_that_looks_like_a_path_is_not_resolved_against_the_feed() -> None:
    for url in (URL, "http://moved.example/rss"):
        (article,) = articles(rss("<guid>/2026/a/</guid><link>https://ledger.example/a/</link>"), url)
        assert article.guid == "/2026/a/"


def test_a_protected_articles_form_makes_no_excerpt() -> None:
    form = '<form class="post-password-form"><p>Enter your password</p></form>'
    article = only(f"<description><![CDATA[{form}]]></description>")
    assert (article.protected, article.excerpt) == (True, "")


def test_a_guid_shared_by_several_pages_identifies_none_of_them() -> None:
    same = "<guid>same</guid><link>https://ledger.example/{}/</link>"
    assert [a.guid for a in articles(rss(same.format(1), same.format(2)))] == [
        "https://ledger.example/1/",
        "https://ledger.example/2/",
    ]


def test_an_item_listed_twice_is_one_article() -> None:
    item = "<guid>same</guid><link>https://ledger.example/1/</link>"
    assert [a.guid for a in articles(rss(item, item))] == ["same"]


def test_a_malformed_feed_keeps_the_identities_of_the_well_formed() -> None:
    body = rss("<guid isPermaLink='false'>https://ledger.example/?p=1&amp;lang=en</guid><title>A</title>")
    broken = body.replace(b"<title>A", b"<title>A & B")
    assert articles(body)[0].guid == articles(broken)[0].guid == "https://ledger.example/?p=1&lang=en"


def test_a_permalink_guid_is_the_link_of_an_item_without_one() -> None:
    (article,) = articles(rss("<guid>https://ledger.example/a/</guid>"))
    assert article.link == "https://ledger.example/a/"


def test_a_relative_link_resolves_against_the_site() -> None:
    (article,) = articles(rss("<link>2026/a/</link>"), "https://feeds.example/ledger")
    assert article.link == "https://ledger.example/2026/a/"


@pytest.mark.parametrize("link", ["javascript:alert(1)", "file:///etc/passwd", "http://[bad/"])
def test_a_link_that_leads_nowhere_good_becomes_the_site(link: str) -> None:
    (article,) = articles(rss(f"<guid isPermaLink='false'>g</guid><link>{link}</link>"))
    assert article.link == "https://ledger.example/"


def test_items_without_any_identity_are_left_out_and_reported() -> None:
    reading = read(rss("<title>A</title>", "<guid>g</guid>"), HEADERS, url=URL, now=NOW)
    assert [a.guid for a in reading.articles] == ["g"]
    assert "1 of 2 items" in reading.complaints[0]
    assert reading.lost


def test_a_guid_too_long_for_an_index_is_known_by_its_hash() -> None:
    guid = articles(rss(f"<guid isPermaLink='false'>{'x' * 5_000}</guid>"))[0].guid
    assert guid.startswith("sha256:")
    assert len(guid) < 80


# --- dates ---


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 23 Nov 2026 15:31:00 -0500",
        "Mon, 23 Nov 2026 20:31:00 GMT",
        "Mon, 23 Nov 2026 15:31:00 EST",
        "23 Nov 26 20:31 UT",
        "2026-11-23T20:31:00Z",
        "2026-11-23T15:31:00-05:00",
        "2026-11-23 20:31:00",
        "Mon, 23 Nov 2026 22:31:00 GMT+2",
        "Mon, 23 Nov 2026 20:31:00 +0000 (UTC)",
    ],
)
def test_a_date_is_read_as_utc(date: str) -> None:
    assert only(f"<pubDate>{date}</pubDate>").published_at == datetime(2026, 11, 23, 20, 31, tzinfo=UTC)


@pytest.mark.parametrize(
    "date",
    [
        "Mon, 23 Nov 2026 20:31:00 CEST",
        "Mon, 23 Nov 2026 20:31:00 BST",
        "Mon, 23 Nov 2026 20:31:00 Europe/Berlin",
        "Mon, 23 Nov 2026 08:31 PM",
        "lun., 23 févr. 2026 20:31:00 +0000",
        "Thu, 01 Jan 1970 00:00:00 +0000",
        "Mon, 30 Nov -0001 00:00:00 +0000",
        "yesterday",
        "",
        "99999-01-01",
    ],
)
def test_a_date_that_cannot_be_trusted_is_when_it_was_first_seen(date: str) -> None:
    assert only(f"<pubDate>{date}</pubDate>").published_at == NOW


def test_the_update_stands_in_for_an_unreadable_publication() -> None:
    (article,) = articles(
        atom("<id>x</id><published>soon</published><updated>2026-11-23T20:31:00Z</updated>")
    )
    assert article.published_at == datetime(2026, 11, 23, 20, 31, tzinfo=UTC)


def test_a_date_in_the_future_is_now() -> None:
    assert only(f"<pubDate>{(NOW + timedelta(days=2)).isoformat()}</pubDate>").published_at == NOW


# --- what else an item says ---


def test_categories_are_decoded_told_once_and_never_uncategorized() -> None:
    names = ["Arts &amp;amp; Culture", "Uncategorized", "arts &amp; culture", "Port", " ", "Port"]
    item = "".join(f"<category>{name}</category>" for name in names)
    assert only(item).categories == ("Arts & Culture", "Port")


@pytest.mark.parametrize(
    ("written", "author"),
    [
        ("<dc:creator>Ada Thistlewood</dc:creator>", "Ada Thistlewood"),
        ("<dc:creator>Ada</dc:creator><dc:creator>Idris</dc:creator>", "Ada, Idris"),
        ("<author>ada@ledger.example (Ada Thistlewood)</author>", "Ada Thistlewood"),
        ("<author>ada@ledger.example</author>", ""),
        ("", ""),
    ],
)
def test_an_author_is_a_name_and_never_an_address(written: str, author: str) -> None:
    assert only(written).author == author


def test_an_atom_entry_inherits_the_feeds_author() -> None:
    body = atom("<id>x</id>").replace(b"<entry>", b"<author><name>Ada</name></author><entry>")
    assert articles(body)[0].author == "Ada"


@pytest.mark.parametrize(
    ("count", "comments"), [("0", 0), ("12", 12), ("many", None), ("-3", None), ("9" * 99, None)]
)
def test_a_comment_count_is_a_number_or_none(count: str, comments: int | None) -> None:
    assert only(f"<slash:comments>{count}</slash:comments>").comments == comments


def test_a_real_excerpt_is_kept_before_the_body() -> None:
    body = "<content:encoded>&lt;p&gt;Long ago.&lt;/p&gt;</content:encoded>"
    item = f"<description>Why the mud matters.</description>{body}"
    assert only(item).excerpt == "Why the mud matters."


def test_a_pictures_description_is_no_text_of_the_article() -> None:
    alt = "<media:description type='plain'>Cranes</media:description>"
    media = f'<media:content url="/x.jpg" medium="image">{alt}</media:content>'
    article = only(f"<description>The news in short.</description>{media}")
    assert article.excerpt == "The news in short."
    assert article.picture is not None
    assert (article.picture.url, article.picture.alt) == ("https://ledger.example/x.jpg", "Cranes")


def test_an_authors_portrait_is_not_the_articles_picture() -> None:
    portrait = '<media:content url="https://0.gravatar.com/avatar/1?s=96" medium="image"/>'
    assert only(portrait).picture is None


@pytest.mark.parametrize(
    ("named", "shown"),
    [
        (("content", "enclosure", "body"), "content"),
        (("thumbnail", "enclosure", "body"), "thumbnail"),
        (("enclosure", "body"), "enclosure"),
        (("body",), "body"),
    ],
)
def test_the_sites_own_picture_goes_before_an_enclosure_and_that_before_the_bodys(
    named: tuple[str, ...], shown: str
) -> None:
    ways = {
        "content": '<media:content url="/content.jpg" medium="image"/>',
        "thumbnail": '<media:thumbnail url="/thumbnail.jpg"/>',
        "enclosure": '<enclosure url="https://ledger.example/enclosure.jpg" length="1" type="image/jpeg"/>',
        "body": "<description>&lt;img src='/body.jpg'&gt;</description>",
    }
    picture = only("".join(ways[way] for way in named)).picture
    assert picture is not None
    assert picture.url == f"https://ledger.example/{shown}.jpg"


def test_of_several_sizes_the_smallest_that_is_wide_enough_is_taken() -> None:
    sizes = "".join(
        f'<media:content url="/{w}.jpg" medium="image" width="{w}"/>' for w in (2400, 300, 1200, 1000)
    )
    picture = only(f"<media:group>{sizes}</media:group>").picture
    assert picture is not None
    assert picture.url == "https://ledger.example/1200.jpg"


@pytest.mark.parametrize("kind", ["audio/mpeg", "video/mp4", "image/svg+xml"])
def test_an_enclosure_that_is_no_picture_is_none(kind: str) -> None:
    name = "x.svg" if "svg" in kind else "x.mp3"
    assert only(f'<enclosure url="https://ledger.example/{name}" length="1" type="{kind}"/>').picture is None


def test_a_picture_on_the_articles_own_host_is_fetched_over_https() -> None:
    picture = only('<enclosure url="http://ledger.example/x.jpg" length="1" type="image/jpeg"/>').picture
    assert picture is not None
    assert picture.url == "https://ledger.example/x.jpg"


def test_what_a_sanitiser_would_take_first_is_still_there_to_be_repaired() -> None:
    sizes = "/real.jpg 1200w, /small.jpg 300w"
    image = f'<img src="data:image/gif;base64,R0" data-src="/small.jpg" data-srcset="{sizes}">'
    pixel = '<img src="/p.gif" width="1" height="1">'
    article = only(f"<description><![CDATA[{pixel}{image}<p>One.</p><form>no</form>]]></description>")
    assert article.picture is not None
    assert article.picture.url == "https://ledger.example/real.jpg"
    assert article.excerpt == "One."


def test_a_relative_picture_resolves_against_the_articles_own_page_and_not_against_the_feed() -> None:
    image = "<description>&lt;img src='c.jpg'&gt;</description>"
    item = f"<guid>g</guid><link>https://ledger.example/a/b/</link>{image}"
    (article,) = articles(rss(item), "https://feeds.example/ledger/rss")
    assert article.picture is not None
    assert article.picture.url == "https://ledger.example/a/b/c.jpg"


def test_without_a_link_a_relative_picture_resolves_against_xml_base() -> None:
    content = '<content type="html" xml:base="https://files.example/a/">&lt;img src="c.jpg"&gt;</content>'
    (article,) = articles(atom(f"<id>tag:1</id><title>One</title>{content}"))
    assert article.picture is not None
    assert article.picture.url == "https://files.example/a/c.jpg"


def test_an_articles_link_counts_for_more_than_xml_base() -> None:
    content = '<content type="html" xml:base="https://files.example/a/">&lt;img src="c.jpg"&gt;</content>'
    link = '<link href="https://ledger.example/a/b/"/>'
    (article,) = articles(atom(f"<id>tag:1</id><title>One</title>{link}{content}"))
    assert article.picture is not None
    assert article.picture.url == "https://ledger.example/a/b/c.jpg"


def test_a_text_over_several_lines_keeps_its_words_apart() -> None:
    people = "<dc:creator>Ada\nThistlewood</dc:creator><category>City\n Hall</category>"
    article = only(f"{people}<description>One\ntwo.</description>")
    assert (article.author, article.categories, article.excerpt) == (
        "Ada Thistlewood",
        ("City Hall",),
        "One two.",
    )


def test_a_plain_text_with_blank_lines_has_paragraphs() -> None:
    body = atom(
        "<id>x</id><title>One</title><content type='text'>First &lt;b&gt; line\n\nsecond line</content>"
    )
    assert articles(body)[0].excerpt == "First <b> line; second line"


def test_an_article_with_a_list_of_categories_keeps_the_first() -> None:
    assert only("".join(f"<category>c{n}</category>" for n in range(200))).categories[-1] == "c49"


@pytest.mark.parametrize(
    "link", ["https://ledger.example/" + "a" * 5_000, 'https://ledger.example/\u202ea b"<>']
)
def test_an_address_that_no_mail_could_show_is_left_out_or_encoded(link: str) -> None:
    (article,) = articles(rss(f"<guid isPermaLink='false'>g</guid><link>{escape(link)}</link>"))
    assert article.link in {"https://ledger.example/", "https://ledger.example/%E2%80%AEa%20b%22%3C%3E"}


# --- encodings and formats ---


@pytest.mark.parametrize("encoding", ["utf-8", "iso-8859-1", "utf-16", "windows-1252"])
def test_a_declared_encoding_is_believed(encoding: str) -> None:
    item = "<item><title>Tomás</title><guid>g</guid></item>"
    declaration = f'<?xml version="1.0" encoding="{encoding}"?>'
    text = f'{declaration}<rss version="2.0"><channel>{item}</channel></rss>'
    reading = read(text.encode(encoding), {}, url=URL, now=NOW)
    assert [article.title for article in reading.articles] == ["Tomás"]


def test_text_after_the_feeds_end_is_left_out_and_reported() -> None:
    reading = read(rss("<guid>g</guid>") + b"\n<br /><b>Warning</b>: oh", HEADERS, url=URL, now=NOW)
    assert len(reading.articles) == 1
    assert "after the feed's end" in reading.complaints[0]


def test_a_cache_plugins_comment_after_the_feed_is_no_fault() -> None:
    assert read(rss("<guid>g</guid>") + b"\n<!-- cached -->\n", HEADERS, url=URL, now=NOW).complaints == ()


def test_an_rdf_feed_is_read() -> None:
    body = (
        b'<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/">'
        b"<channel><title>Old</title><link>https://old.example/</link></channel>"
        b'<item rdf:about="https://old.example/1"><title>One</title><link>https://old.example/1</link></item></rdf:RDF>'
    )
    assert [(a.guid, a.title) for a in articles(body)] == [("https://old.example/1", "One")]


def test_a_json_feed_is_read() -> None:
    item = {
        "id": 7,
        "url": "/a/",
        "title": "A <b> & c",
        "content_html": "<p>One two three.</p><img src='/x.jpg'>",
        "date_published": "2026-11-23T15:31:00-05:00",
        "authors": [{"name": "Ada"}, {"url": "x"}],
        "tags": ["Port", 3, "port"],
    }
    feed = {"version": "https://jsonfeed.org/version/1.1", "title": "The Ledger", "items": [item, 5]}
    reading = read(json.dumps(feed).encode(), {}, url=URL, now=NOW)
    (article,) = reading.articles
    assert reading.title == "The Ledger"
    assert (article.guid, article.link) == ("7", "https://ledger.example/a/")
    assert (article.title, article.author, article.categories) == ("A <b> & c", "Ada", ("Port",))
    assert article.published_at == datetime(2026, 11, 23, 20, 31, tzinfo=UTC)
    assert article.excerpt == "One two three."
    assert article.picture is not None


def test_a_json_feed_of_the_first_version_is_read() -> None:
    item = {"id": "a", "content_text": "One & two.\n\nThree\nfour.", "author": {"name": "Ada"}}
    feed = {"version": "https://jsonfeed.org/version/1", "home_page_url": "https://ledger.example/"}
    (article,) = read(json.dumps({**feed, "items": [item]}).encode(), {}, url=URL, now=NOW).articles
    assert (article.title, article.author) == ("One & two", "Ada")
    assert article.excerpt == "One & two. Three four."
    assert article.link == "https://ledger.example/"


@pytest.mark.parametrize("version", ["0.91", "0.92", "0.93", "0.94"])
def test_an_old_rss_is_read(version: str) -> None:
    text = "<description>A &lt;b&gt;word&lt;/b&gt;.</description>"
    item = f"<title>One</title><link>https://old.example/1</link>{text}"
    body = f'<rss version="{version}"><channel><title>Old</title><item>{item}</item></channel></rss>'
    assert [(a.guid, a.title, a.excerpt) for a in articles(body.encode())] == [
        ("https://old.example/1", "One", "A word.")
    ]


def test_an_old_atom_is_read() -> None:
    dates = "<issued>2026-11-23T20:31:00Z</issued><modified>2026-11-24T00:00:00Z</modified>"
    entry = f"<title>One</title><id>tag:1</id>{dates}"
    body = f'<feed version="0.3" xmlns="http://purl.org/atom/ns#"><title>Old</title><entry>{entry}</entry></feed>'
    (article,) = articles(body.encode())
    assert (article.guid, article.title) == ("tag:1", "One")
    assert article.published_at == datetime(2026, 11, 23, 20, 31, tzinfo=UTC)


def test_what_is_utf_8_throughout_is_read_as_that_whatever_the_header_says() -> None:
    body = rss("<guid>g</guid><title>Tomás — “fog”</title>")
    reading = read(body, {"Content-Type": "text/xml; charset=iso-8859-1"}, url=URL, now=NOW)
    assert reading.articles[0].title == "Tomás — “fog”"


def test_a_header_names_the_encoding_of_what_is_not_utf_8() -> None:
    body = rss("<guid>g</guid><title>Tomás</title>").decode().encode("iso-8859-1")
    reading = read(body, {"Content-Type": "text/xml; charset=iso-8859-1"}, url=URL, now=NOW)
    assert (reading.articles[0].title, reading.complaints) == ("Tomás", ())


def test_a_feed_of_ten_thousand_items_and_more_is_read_to_that_number_and_reported() -> None:
    feed = syndication.parse(rss(*["<guid>g</guid>"] * 10_001), {})
    assert len(feed.items) == 10_000
    assert feed.complaints == ("It lists 10,001 items; the first 10,000 were read.",)


def test_so_is_a_json_feed_of_as_many() -> None:
    items = [{"id": "g"}] * 10_001
    feed = jsonfeed.parse(
        json.dumps({"version": "https://jsonfeed.org/version/1.1", "items": items}).encode()
    )
    assert len(feed.items) == 10_000
    assert feed.complaints == ("It lists 10,001 items; the first 10,000 were read.",)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"\xef\xbb\xbf\r\n ", id="white space"),
        pytest.param(b"<!DOCTYPE html><html></html>", id="page"),
        pytest.param(b'{"error": "not found"}', id="JSON"),
        pytest.param(b"{" * 100_000, id="deep JSON"),
        pytest.param(b'{"a":' * 100_000, id="deeper JSON"),
        pytest.param(b"<?xml version='1.0'?><sitemap/>", id="other XML"),
        pytest.param(b"Service unavailable", id="words"),
        pytest.param(b"\x1f\x8b\x08\x00", id="gzip"),
    ],
)
def test_what_is_no_feed_is_an_error_in_one_sentence(body: bytes) -> None:
    with pytest.raises(FeedError) as caught:
        read(body, {}, url="https://ada:secret@ledger.example/feed/", now=NOW)
    assert "\n" not in str(caught.value)
    assert str(caught.value).startswith("https://ledger.example/feed/: ")


# --- whatever comes ---

SEEDS = [(DATA / name).read_bytes() for name in ("t0.xml", "t0-atom.xml", "image-media.xml", "comments.xml")]
CHARSETS = [
    "",
    "; charset=utf-8",
    "; charset=utf-16",
    "; charset=base64",
    "; charset=nonsense",
    "; charset=utf-7",
]


@st.composite
def mutilated(draw: st.DrawFn) -> bytes:
    """Cut, swap, repeat and spoil pieces of a real feed."""
    body = draw(st.sampled_from(SEEDS))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(body)))
        end = min(len(body), start + draw(st.integers(0, 400)))
        piece = draw(
            st.one_of(
                st.binary(max_size=20),
                st.sampled_from(
                    [b"<![CDATA[", b"]]>", b"&#xD800;", b"&#99999999;", b"</item>", b"<item>", b"&", b"<"]
                ),
                st.sampled_from(
                    [b"<!--", b"\xff\xfe", b'<guid xml:base="http://[x">', b"<img srcset='", b"<svg>"]
                ),
            )
        )
        body = body[:start] + piece + body[end:]
    return body


def check(body: bytes, charset: str) -> None:
    try:
        reading = read(body, {"content-type": f"text/xml{charset}"}, url=URL, now=NOW)
    except FeedError as exc:
        assert "\n" not in str(exc)  # noqa: PT017 - not raising is as good
        return
    for article in reading.articles:
        assert article.guid
        assert article.link.startswith(("http://", "https://"))
        assert article.published_at <= NOW
        for text in (article.title, article.author, article.excerpt, *article.categories):
            assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in text)
        assert article.title
        repr(article).encode()  # it can be stored


@given(st.binary(max_size=400), st.sampled_from(CHARSETS))
@example(
    b"<rss version='2.0'><channel><item><guid>a</guid><title>&#55296;</title></item></channel></rss>", ""
)
@settings(deadline=None, max_examples=150)
def test_no_bytes_raise_anything_but_a_feed_error(body: bytes, charset: str) -> None:
    check(body, charset)
    check(b"<rss version='2.0'><channel><item><guid>a</guid>" + body, charset)


@given(mutilated(), st.sampled_from(CHARSETS))
@settings(deadline=None, max_examples=40)
def test_no_mutilated_feed_raises_anything_but_a_feed_error(body: bytes, charset: str) -> None:
    check(body, charset)


def test_the_password_of_a_feeds_address_reaches_no_reader() -> None:
    item = b"<item><title>A</title><link>/p</link></item>"
    rss = b'<rss version="2.0"><channel><title>T</title>' + item + b"</channel></rss>"
    (article,) = read(rss, {}, url="https://ada:sesame@ledger.example/feed", now=NOW).articles
    assert article.link == "https://ledger.example/p"
