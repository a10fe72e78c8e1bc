"""Cleaning a body for mail, and its excerpt."""

import unicodedata

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from digest.feed.clean import Cleaned, clean, excerpt

BASE = "https://ledger.example/2026/dredging/"


def cleaned(html: str) -> Cleaned:
    return clean(html, base=BASE)


@pytest.mark.parametrize(
    "image",
    [
        '<img src="data:image/gif;base64,R0lGOD" data-src="/real.jpg">',
        '<img src="/img/placeholder.gif" data-lazy-src="/real.jpg">',
        '<img class="lazy" data-original="/real.jpg">',
        '<img src="/img/placeholder.gif" data-lazy="/real.jpg">',
        '<img src="/img/placeholder.gif" data-lazy-srcset="/small.jpg 300w, /real.jpg 900w">',
        '<img src="https://x.example/blank.gif" data-orig-file="/real.jpg">',
        '<img src="data:image/svg+xml,%3Csvg/%3E" data-srcset="/small.jpg 300w, /real.jpg 900w">',
        '<img src="/small.jpg" srcset="/small.jpg 300w, /real.jpg 1200w, /huge.jpg 2400w">',
        '<img src="data:image/gif;base64,R0"> <noscript><img src="/real.jpg"></noscript>',
        '<img data-src="/real.jpg"><noscript><img src="/real.jpg"></noscript>',
        '<noscript><img src="/real.jpg"></noscript>',
    ],
)
def test_a_lazy_image_gets_its_real_source_back_once(image: str) -> None:
    result = cleaned(image)
    assert result.html.count("<img") == 1
    assert 'src="https://ledger.example/real.jpg"' in result.html
    assert result.picture is not None
    assert result.picture.url == "https://ledger.example/real.jpg"


def test_a_wide_picture_is_shown_in_the_column_and_kept_in_its_best_size() -> None:
    sizes = "/a-1024.jpg 1024w, /a-1400.jpg 1400w, /a-300.jpg 300w"
    result = cleaned(f'<img src="/a-1024.jpg" width="1024" height="512" alt="Cranes" srcset="{sizes}">')
    assert 'src="https://ledger.example/a-1400.jpg" alt="Cranes" width="600" height="300"' in result.html
    assert result.picture is not None
    assert (result.picture.width, result.picture.height, result.picture.alt) == (1400, 700, "Cranes")


def test_a_srcset_with_commas_in_its_addresses_is_read() -> None:
    picture = cleaned(
        '<img srcset="https://c.example/w_300,h_2/a.jpg 300w, https://c.example/w_900,h_6/a.jpg 900w">'
    ).picture
    assert picture is not None
    assert picture.url == "https://c.example/w_900,h_6/a.jpg"


@pytest.mark.parametrize(
    "image",
    [
        '<img src="https://pixel.wp.com/b.gif?blog=1">',
        '<img src="/t.png" width="1" height="1">',
        '<img src="/t.png" style="width:1px; height:1px">',
        '<img src="/t.png" style="display:none">',
        '<img src="https://feeds.feedburner.com/~r/ledger/~4/x">',
        '<img src="data:image/gif;base64,R0lGOD">',
        "<img>",
    ],
)
def test_a_tracker_and_an_image_without_source_go(image: str) -> None:
    assert cleaned(f"<p>a{image}b</p>").html == "<p>ab</p>"


@pytest.mark.parametrize(
    "image",
    [
        '<img src="https://s.w.org/images/core/emoji/14.0.0/72x72/1f389.png" alt="🎉" class="wp-smiley">',
        '<img class="emoji" src="https://cdn.example/72x72/1f389.png">',
        '<img src="https://twemoji.example/twemoji/1f389.svg">',
    ],
)
def test_an_emojis_image_becomes_its_character(image: str) -> None:
    result = cleaned(f"<p>Hurrah {image}</p>")
    assert (result.html, result.picture) == ("<p>Hurrah 🎉</p>", None)


@pytest.mark.parametrize(
    "image",
    [
        '<img src="https://secure.gravatar.com/avatar/1?s=300" width="300" height="300">',
        '<img src="/a.jpg" width="32" height="32">',
        '<img src="/ada.jpg" class="avatar photo">',
        '<img src="/drawing.svg" width="900">',
    ],
)
def test_a_portrait_or_an_ornament_does_not_stand_for_the_article(image: str) -> None:
    assert cleaned(image).picture is None


@pytest.mark.parametrize(
    "part",
    [
        "<script>alert(1)</script>",
        "<style>p{color:red}</style>",
        "<form><label>Name <input></label><button>Send</button></form>",
        '<div style="display: none">preheader</div>',
        "<p hidden>later</p>",
        '<span class="screen-reader-text">for readers of screens</span>',
        '<div class="sharedaddy"><a href="/share">Share this</a></div>',
        "<svg><script>1</script><text>x</text></svg>",
        "<!-- a comment -->",
        "<template><p>x</p></template>",
        '<p>The post <a href="/a">Dredging</a> appeared first on <a href="/">The Ledger</a>.</p>',
        '<p>Der Beitrag <a href="/a">Baggern</a> erschien zuerst auf <a href="/">Ledger</a>.</p>',
        '<p><a href="/a" class="more-link">Continue reading <span>Dredging</span></a></p>',
        '<p><a href="/a">Read more →</a></p>',
    ],
)
def test_what_is_no_part_of_the_article_goes_with_its_text(part: str) -> None:
    result = cleaned(f"<p>Before.</p>{part}<p>After.</p>")
    assert result.html.replace("<p></p>", "") == "<p>Before.</p><p>After.</p>"
    assert result.text == "Before.\nAfter."


def test_attributes_that_act_or_style_go() -> None:
    html = '<p onclick="x()" style="color:red" class="a" id="b">ok <a href="javascript:x()">j</a></p>'
    assert cleaned(html).html == "<p>ok <a>j</a></p>"


@pytest.mark.parametrize(
    ("embed", "line"),
    [
        (
            '<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ?feature=oembed"></iframe>',
            '<a href="https://www.youtube.com/watch?v=dQw4w9WgXcQ">Watch on YouTube</a>',
        ),
        (
            '<iframe data-src="//player.vimeo.com/video/1234?h=1"></iframe>',
            '<a href="https://vimeo.com/1234">Watch on Vimeo</a>',
        ),
        (
            '<iframe src="https://open.spotify.com/embed/episode/7"></iframe>',
            '<a href="https://open.spotify.com/episode/7">Listen on Spotify</a>',
        ),
        (
            '<object data="https://www.youtube.com/v/dQw4w9WgXcQ"><embed src="x"></object>',
            '<a href="https://www.youtube.com/watch?v=dQw4w9WgXcQ">Watch on YouTube</a>',
        ),
        (
            '<div class="wp-block-embed__wrapper">\nhttps://youtu.be/dQw4w9WgXcQ\n</div>',
            '<a href="https://youtu.be/dQw4w9WgXcQ">Watch on YouTube</a>',
        ),
        ('<video src="/v.mp4"></video>', f'<a href="{BASE}">Watch on ledger.example</a>'),
        ('<audio><source src="/a.mp3"></audio>', f'<a href="{BASE}">Listen on ledger.example</a>'),
        (
            '<iframe src="https://maps.example/x?a=1&amp;b=2"></iframe>',
            '<a href="https://maps.example/x?a=1&amp;b=2">See it on maps.example</a>',
        ),
    ],
)
def test_what_mail_cannot_play_becomes_a_linked_line(embed: str, line: str) -> None:
    result = cleaned(f"<div>Before.</div>{embed}")
    assert f"<p>{line}</p>" in result.html
    assert result.text == "Before."  # an invitation is no text of the article


@pytest.mark.parametrize(
    "embed", ['<iframe src="about:blank"></iframe>', "<iframe></iframe>", "<video></video>"]
)
def test_an_embed_that_leads_nowhere_goes(embed: str) -> None:
    assert cleaned(embed).html == ""


@pytest.mark.parametrize(
    ("href", "resolved"),
    [
        ("#fn1", f"{BASE}#fn1"),
        ("b.html", f"{BASE}b.html"),
        ("/b/", "https://ledger.example/b/"),
        ("//c.example/", "https://c.example/"),
        ("mailto:desk@ledger.example", "mailto:desk@ledger.example"),
    ],
)
def test_a_link_resolves_against_the_article(href: str, resolved: str) -> None:
    assert cleaned(f'<a href="{href}">x</a>').html == f'<a href="{resolved}">x</a>'


def test_a_thumbnail_that_leads_to_its_file_stands_for_that_file() -> None:
    thumbnail = '<img src="/a-150x150.jpg" width="150" height="150" alt="Start">'
    picture = cleaned(f'<a href="/a.jpg">{thumbnail}</a>').picture
    assert picture is not None
    assert (picture.url, picture.alt, picture.width) == ("https://ledger.example/a.jpg", "Start", None)
    page = cleaned(f'<a href="/album/">{thumbnail}</a>').picture
    assert page is not None
    assert page.url == "https://ledger.example/a-150x150.jpg"


def test_a_noscript_that_only_asks_for_javascript_goes() -> None:
    disqus = '<noscript>Please enable JavaScript to view <a href="/c">the comments</a>.</noscript>'
    assert cleaned(f"<p>One.</p>{disqus}").text == "One."
    assert cleaned('<noscript><a href="/poll">Take our poll</a></noscript>').text == "Take our poll"


def test_footnotes_code_and_tables_of_figures_are_no_running_text() -> None:
    note = '<p>A wharfinger<sup><a href="#fn-1">1</a></sup> keeps it.</p>'
    notes = '<ol class="footnotes"><li>Once.</li></ol>'
    figures = "<table><tr><th>Ward</th></tr><tr><td>1</td></tr></table><pre>x = 1</pre>"
    assert (
        cleaned(note + notes + figures + "<table><tr><td>Laid out.</td></tr></table>").text
        == "A wharfinger keeps it.\nLaid out."
    )


def test_shortcodes_leave_no_residue_and_other_brackets_stay() -> None:
    caption = (
        '[caption id="attachment_6" width="300"]<img src="/a.jpg" width="300" height="200"> Cranes[/caption]'
    )
    result = cleaned(
        f"{caption}<p>See [sic] and [1] [gallery ids=&#8220;1,2&#8221;]here. [vc_row a=1]x[/vc_row]</p>"
    )
    assert result.text == "See [sic] and [1] here. x"
    assert "<figcaption> Cranes</figcaption>" in result.html


def test_the_text_has_a_paragraph_a_line_without_headings_and_captions() -> None:
    figure = "<figure><figcaption>c</figcaption></figure>"
    html = f"<h2>Head</h2><p>One\n two</p><ul><li>a</li><li>b</li></ul>{figure}x"
    assert cleaned(html).text == "One two\na\nb\nx"


def test_a_body_that_is_deeper_than_parsers_like_is_still_cleaned() -> None:
    assert cleaned("<div>" * 50_000 + "deep").text == "deep"


# --- excerpts ---

BODY = "\n".join(["The first paragraph has eight words in it.", "The second one.", "word " * 100])


def test_a_description_of_its_own_is_the_excerpt() -> None:
    assert excerpt("<p>Why the mud &amp; the money matter.</p>", BODY) == "Why the mud & the money matter."


@pytest.mark.parametrize("mark", ["[&hellip;]", "[&#8230;]", "[...]", "…", "..."])
def test_a_cut_description_gives_way_to_the_body(mark: str) -> None:
    found = excerpt(f"The first paragraph has {mark}", BODY)
    assert found.startswith("The first paragraph has eight words in it. The second one. word word")
    assert found.endswith("word…")
    assert len(found.split()) == 60


def test_a_cut_description_without_a_body_ends_at_its_last_word() -> None:
    assert excerpt("The harbour, dredged, [&hellip;]", "") == "The harbour, dredged…"


def test_whole_paragraphs_that_nearly_fill_the_excerpt_end_it() -> None:
    body = "\n".join(["word " * 50 + "end.", "word " * 30])
    assert excerpt("", body).endswith("word end.")


@pytest.mark.parametrize(
    "tail",
    [
        " The post Dredging appeared first on The Ledger.",
        ' <p>The post <a href="/a">Dredging</a> appeared first on <a href="/">The Ledger</a>.</p>',
        " Continue reading &rarr;",
        ' <a class="more-link" href="/a">Read on</a>',
        " Read more »",
        " [caption id=1 width=3]",
    ],
)
def test_an_excerpt_loses_what_was_appended(tail: str) -> None:
    assert excerpt(f"It was dredged.{tail}", "") == "It was dredged."


def test_a_sentence_that_only_sounds_appended_stays() -> None:
    said = "Her advice is short. Read more books this year, and borrow them."
    assert excerpt(said, "") == said


def test_a_list_reads_as_a_sentence() -> None:
    assert (
        excerpt("", "Permit: February\nBids: March\nWork: October.")
        == "Permit: February; Bids: March; Work: October."
    )


def test_markup_that_was_escaped_twice_is_read() -> None:
    assert excerpt('In reply to &lt;a href="x"&gt;Ines&lt;/a&gt;.', "") == "In reply to Ines."


def test_a_text_without_spaces_is_cut_too() -> None:
    found = excerpt("", "潮" * 2_000)
    assert len(found) == 720
    assert found.endswith("潮…")


@given(st.text(max_size=300), st.text(max_size=300))
@settings(deadline=None, max_examples=200)
def test_no_text_makes_an_excerpt_of_more_than_one_line(description: str, body: str) -> None:
    found = excerpt(description, body)
    assert not any(unicodedata.category(c) in {"Cc", "Cs"} for c in found)
    assert len(found) <= 720 or len(found.split()) <= 90


PIECES = st.sampled_from(
    [
        *(
            "<p>",
            "</p>",
            "<div>",
            "<img ",
            "<iframe ",
            "<noscript>",
            "</noscript>",
            "<script>",
            "<svg>",
            "<math>",
        ),
        *("<object>", "<table>", "<template>", "<a ", "<!--", "-->", "src=", "data-src=", "srcset=", "href="),
        *(
            '"',
            ">",
            " ",
            "#",
            "x.jpg 1w,",
            "http://[",
            "[caption a=b]",
            "javascript:",
            "&amp;",
            "&#0;",
            "\x00",
            "é",
        ),
    ]
)


@given(st.lists(PIECES, max_size=40).map("".join))
@settings(deadline=None, max_examples=300)
def test_no_markup_gets_past_the_sanitiser(html: str) -> None:
    result = cleaned(html)
    lower = result.html.lower()
    assert not any(
        f"<{tag}" in lower for tag in ("script", "iframe", "svg", "form", "object", "style", "noscript")
    )
    assert '<a href="javascript' not in lower
    assert "\x00" not in result.text
