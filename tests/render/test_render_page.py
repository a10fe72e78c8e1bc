"""What the HTML of every mail keeps to, whatever the stories have and lack."""

import re
from dataclasses import replace
from itertools import pairwise

import pytest
from render_editions import BARE, EDITION, NONCE, article, long_edition, picture
from selectolax.lexbor import LexborHTMLParser, LexborNode

from digest.errors import RenderError
from digest.model import slot_placeholder
from digest.render import Edition, render

EDITIONS = {
    "full": EDITION,
    "bare": BARE,
    "long": long_edition(12),
    "sample": replace(EDITION, sample=True),
    "logo": replace(EDITION, logo_url="https://ledger.example/logo.png"),
}
every_edition = pytest.mark.parametrize("edition", EDITIONS.values(), ids=EDITIONS)


def html(edition: Edition) -> str:
    return render(edition, nonce=NONCE).html


def page(edition: Edition) -> LexborHTMLParser:
    return LexborHTMLParser(html(edition))


def one(tree: LexborHTMLParser, selector: str) -> LexborNode:
    node = tree.css_first(selector)
    assert node is not None
    return node


def words(edition: Edition) -> str:
    body = page(edition).body
    assert body is not None
    return " ".join(body.text(separator=" ").split())


@every_edition
def test_the_doctype_stays_in_upper_case(edition: Edition) -> None:
    assert html(edition).startswith("<!DOCTYPE html>\n<html ")


@every_edition
def test_the_ghost_table_of_word_survives_inlining(edition: Edition) -> None:
    opening = '<!--[if mso]><table role="presentation" width="600" align="center"'
    closing = "<!--[if mso]></td></tr></table><![endif]-->"
    assert 0 < html(edition).index(opening) < html(edition).index(closing)


@every_edition
def test_every_layout_table_says_that_it_is_one(edition: Edition) -> None:
    tables = re.findall(r"<table\b[^>]*>", html(edition))
    assert tables
    # The one without stands in Word's own style sheet.
    assert all('role="presentation"' in table for table in tables)


@every_edition
def test_every_picture_has_an_alt_and_a_width(edition: Edition) -> None:
    for image in page(edition).css("img"):
        assert image.attributes["alt"]
        assert image.attributes.get("width") or image.attributes.get("height")


@every_edition
def test_headings_are_in_order(edition: Edition) -> None:
    levels = [int((heading.tag or "")[1]) for heading in page(edition).css("h1,h2,h3,h4")]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))


@every_edition
def test_every_link_has_words_or_a_picture_that_says_where_it_goes(edition: Edition) -> None:
    for link in page(edition).css("a"):
        image = link.css_first("img")
        name = link.text(strip=True) or (image.attributes["alt"] if image else "")
        assert name
        assert name.lower() not in {"here", "click here", "link", "more"}
        assert not name.startswith("http")


@every_edition
def test_every_link_is_https_or_a_mailbox(edition: Edition) -> None:
    for link in page(edition).css("a"):
        assert (link.attributes["href"] or "").startswith(("https://", "mailto:"))


@every_edition
def test_the_styles_stand_in_the_head_and_are_small(edition: Edition) -> None:
    tree = page(edition)
    styles = tree.css("style")
    assert tree.css("head style") == styles
    # Gmail reads 16 kB at most, and no variables.
    assert sum(len(style.text()) for style in styles) < 4_000
    assert "var(--" not in html(edition)


@every_edition
def test_rules_for_phones_and_for_the_dark_keep_their_importance(edition: Edition) -> None:
    style = page(edition).css("style")[-1].text()
    assert "@media (max-width:620px)" in style
    assert "@media (prefers-color-scheme:dark)" in style
    declarations = re.findall(r"[a-z-]+:[^;{}()]+(?=[;}])", style)
    assert declarations
    assert all(declaration.endswith("!important") for declaration in declarations)


@every_edition
def test_every_text_and_every_ground_has_its_colour_inline(edition: Edition) -> None:
    tree = page(edition)
    for node in tree.css(".ink,.text,.soft,.accent"):
        assert re.search(r"(^|; )color:#", node.attributes["style"] or "")
    for node in tree.css(".page,.card,.panel,.btn"):
        assert "background-color:#" in (node.attributes["style"] or "")


@every_edition
def test_language_and_direction_are_said_twice_because_clients_drop_the_outer_one(edition: Edition) -> None:
    for node in (one(page(edition), "html"), one(page(edition), "body table")):
        assert (node.attributes["lang"], node.attributes["dir"]) == ("en", "ltr")


@every_edition
def test_nothing_empty_is_left(edition: Edition) -> None:
    assert re.search(r"<(p|h1|h2|div|span|a)\b[^>]*>\s*</\1>", html(edition)) is None
    assert "None" not in html(edition)
    assert re.search(r"·(\s|\xa0)*(·|</)", html(edition).replace("</span><span", "<span")) is None


def test_a_site_written_from_right_to_left_says_so() -> None:
    assert 'dir="rtl"' in html(replace(EDITION, language="ar"))


def test_the_date_is_in_the_sites_language() -> None:
    assert "dienstag, 24. november 2026" in words(replace(EDITION, language="de")).lower()


def test_a_language_nobody_knows_is_refused() -> None:
    with pytest.raises(RenderError, match=r"site\.language is 'xx-nowhere'"):
        render(replace(EDITION, language="xx-nowhere"), nonce=NONCE)


def test_the_dateline_counts_stories_and_minutes() -> None:
    assert "6 stories" in words(EDITION)
    assert "a six-minute read" in words(EDITION)


def test_a_bare_story_is_a_headline_and_its_link() -> None:
    everything = words(BARE).partition("The Harbour Ledger")[2]
    before, _, after = everything.partition("You get this because")
    assert before == (" Tuesday, November 24, 2026 · 1 story Ferry fares frozen until March Read the story ")
    assert after.endswith("Unsubscribe The Harbour Ledger")


def test_the_foot_says_who_mails_why_and_how_to_leave() -> None:
    tree = page(EDITION)
    links = {link.text(strip=True): link.attributes["href"] for link in tree.css(".foot a")}
    assert links == {
        "Unsubscribe": slot_placeholder(NONCE, "unsubscribe_url"),
        "Write to the editor": "mailto:editor@ledger.example",
    }
    assert "The Harbour Ledger, 12 Quay Street, Port Averell" in words(EDITION)


def test_a_contact_may_be_a_page() -> None:
    tree = page(replace(EDITION, contact="https://ledger.example/contact"))
    assert "https://ledger.example/contact" in {link.attributes["href"] for link in tree.css(".foot a")}


def test_a_lead_picture_keeps_its_proportions() -> None:
    image = one(page(EDITION), ".lead-picture img")
    assert (image.attributes["width"], image.attributes["height"]) == ("520", "260")


def test_a_picture_of_unknown_size_has_a_width_and_no_height() -> None:
    image = page(EDITION).css(".thumb img")[1]
    assert image.attributes["width"] == "136"
    assert "height" not in image.attributes


def test_an_untitled_note_does_not_say_its_title_twice() -> None:
    note = article(1, "Pitch frozen", excerpt="Pitch frozen. Tickets stay valid.")
    said = words(replace(EDITION, articles=(note,)))
    assert "Tickets stay valid." in said
    assert said.count("Pitch frozen.") == 0


def test_a_storys_text_is_text() -> None:
    title = '<script>alert("1")</script> & {{ reader.email }} @import'
    hostile = article(1, title, excerpt="<img src=x>", author="<b>", categories=("</td>",))
    tree = page(replace(EDITION, articles=(hostile,)))
    assert one(tree, "h2").text() == title
    assert not tree.css("script,img,b")


def test_a_forged_placeholder_of_another_nonce_is_text() -> None:
    forged = slot_placeholder("fedcba9876543210", "unsubscribe_url")
    assert forged in words(replace(EDITION, articles=(article(1, f"See {forged}"),)))


def test_a_sample_is_marked() -> None:
    assert words(EDITIONS["sample"]).count("Sample: these stories are made up") == 1
    assert "Sample" not in words(EDITION)


def test_a_logo_has_the_sites_name_where_it_is_not_shown() -> None:
    image = one(page(EDITIONS["logo"]), "h1 img")
    assert image.attributes["alt"] == "The Harbour Ledger"


def test_the_preheader_is_padded_so_that_the_masthead_does_not_follow() -> None:
    node = one(page(EDITION), ".preheader")
    shown, *_ = node.text().split("\u200c")
    assert shown == render(EDITION, nonce=NONCE).preheader
    assert len(node.text().replace("\u200c", "")) >= 140
    assert "display:none" in (node.attributes["style"] or "")


def test_parameters_and_https_reach_every_link_of_a_story() -> None:
    story = replace(EDITION.articles[0], link="http://ledger.example/a/?p=1#more")
    edition = replace(EDITION, articles=(story,), link_params="utm_source=digest&utm_medium=email")
    links = {link.attributes["href"] for link in page(edition).css(".lead a, .lead-picture a, .btn a")}
    assert links == {"https://ledger.example/a/?p=1&utm_source=digest&utm_medium=email#more"}
    assert "https://ledger.example/a/?p=1&utm_source" in render(edition, nonce=NONCE).text


def test_the_same_edition_gives_the_same_bytes() -> None:
    assert render(EDITION, nonce=NONCE) == render(EDITION, nonce=NONCE)


def test_a_narrow_picture_gets_a_narrow_column() -> None:
    story = replace(EDITION.articles[1], picture=picture("mast", width=400, height=1000))
    cell = one(page(replace(EDITION, articles=(EDITION.articles[0], story))), ".thumb")
    assert cell.attributes["width"] == "68"
