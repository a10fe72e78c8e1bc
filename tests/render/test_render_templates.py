"""A template's mistakes: one sentence, with the place and what to do. And a site's own templates."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from render_editions import EDITION, NONCE, site_with

from digest.errors import RenderError
from digest.model import Rendering, slot_placeholder
from digest.render import Edition, render

LEAVE = "{{ reader.unsubscribe_url }}"


def with_html(tmp_path: Path, source: str) -> Rendering:
    site = site_with(tmp_path, digest_html_j2=source)
    return render(replace(EDITION, site_templates=site), nonce=NONCE)


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("one\n{{ articels }}", r"digest\.html\.j2, line 2: 'articels' is undefined: mend the template"),
        ("{{ lead.titel }}", r"digest\.html\.j2, line 1: .* has no attribute 'titel'"),
        ("\n\n{% if %}", r"digest\.html\.j2, line 3: "),
        ("{% include 'nowhere.html.j2' %}", r"there is no mail template 'nowhere\.html\.j2'"),
        ("\n{{ 1 / 0 }}", r"digest\.html\.j2, line 2: division by zero"),
        ("{{ lead.title + 1 }}", r"digest\.html\.j2, line 1: "),
        ("{{ lead.__class__ }}", r"digest\.html\.j2, line 1: .* unsafe"),
        ("{{ reader.nickname }}", r"digest\.html\.j2, line 1: there is no reader\.nickname: .*reader\.since"),
    ],
)
def test_a_mistake_says_where_it_is(tmp_path: Path, source: str, says: str) -> None:
    with pytest.raises(RenderError, match=says) as caught:
        with_html(tmp_path, source)
    assert "\n" not in str(caught.value)


def test_a_mistake_in_an_included_part_names_the_part(tmp_path: Path) -> None:
    folder = tmp_path / "email" / "parts"
    folder.mkdir(parents=True)
    (folder / "footer.html.j2").write_text("fine\n{{ wrong }}")
    with pytest.raises(RenderError, match=r"^footer\.html\.j2, line 2: 'wrong' is undefined"):
        render(replace(EDITION, site_templates=tmp_path), nonce=NONCE)


@pytest.mark.parametrize(
    "expression",
    [
        "reader.name|upper",
        "reader.name|default('friend')",
        "reader.name|e",
        "reader.name|safe",
        "reader.name|length",
        "[reader.name]|join",
        "'%s'|format(reader.name)",
        "'Dear ' ~ reader.name",
        "'Dear ' + reader.name",
        "reader.name + '!'",
        "reader.name * 2",
        "'%s' % reader.name",
        "'{}'.format(reader.name)",
        "reader.name == ''",
        "reader.name != ''",
        "reader.name < 'b'",
        "'' == reader.name",
        "'a' in reader.name",
        "reader.name is defined",
        "reader.name is string",
        "'x' if reader.name else 'y'",
        "not reader.name",
        "reader.name or 'friend'",
        "reader.name[0]",
        "reader.name.upper()",
        "reader.name()",
        "reader.name.or_('friend')|upper",
    ],
)
@pytest.mark.parametrize("part", ["html", "txt"])
def test_a_slot_can_only_be_printed(tmp_path: Path, expression: str, part: str) -> None:
    site = site_with(tmp_path, **{f"digest_{part}_j2": f"{LEAVE}\n{{{{ {expression} }}}}"})
    with pytest.raises(
        RenderError, match=rf"^digest\.{part}\.j2, line 2: reader\.name differs per subscriber"
    ):
        render(replace(EDITION, site_templates=site), nonce=NONCE)


def test_a_loop_over_a_slot_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"reader\.name differs per subscriber"):
        with_html(tmp_path, "{% for letter in reader.name %}{{ letter }}{% endfor %}")


def test_a_fallback_is_text(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match=r"the fallback of reader\.name has to be a text"):
        with_html(tmp_path, "{{ reader.name.or_(1) }}")


def test_a_slot_prints_its_placeholder_in_text_in_links_and_with_a_fallback(tmp_path: Path) -> None:
    rendering = with_html(
        tmp_path,
        '<a href="{{ reader.unsubscribe_url }}">Leave</a> {{ reader.since }}'
        '{{ reader.name.or_("you & “me”") }}',
    )
    assert f'<a href="{slot_placeholder(NONCE, "unsubscribe_url")}">Leave</a>' in rendering.html
    assert slot_placeholder(NONCE, "name", "you & “me”") in rendering.html
    assert slot_placeholder(NONCE, "since") in rendering.html


def test_a_slot_damaged_inside_a_block_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(RenderError, match="a reader slot was damaged"):
        with_html(tmp_path, LEAVE + "{% filter upper %}{{ reader.name }}{% endfilter %}")


@pytest.mark.parametrize("expression", ["reader.name", "reader.unsubscribe_url", "reader.name.or_('you')"])
def test_a_subject_has_no_slot(expression: str) -> None:
    edition = replace(EDITION, subject_template=f"{{{{ {expression} }}}}, good morning")
    with pytest.raises(RenderError, match=r"^the subject, line 1: reader\.\w+ differs per subscriber"):
        render(edition, nonce=NONCE)


def test_a_mistake_in_the_subject_says_so() -> None:
    with pytest.raises(RenderError, match=r"^the subject, line 1: "):
        render(replace(EDITION, subject_template="{{ articles[0].titel }}"), nonce=NONCE)
    with pytest.raises(RenderError, match=r"^the subject, line 1: "):
        render(replace(EDITION, subject_template="{{ articles[0"), nonce=NONCE)


@pytest.mark.parametrize(
    ("template", "subject"),
    [
        ("{{ articles[2].title }}", "The night market moves to Eastmole, eels & all"),
        ("{{ newsletter.title }}: {{ articles|length|stories }}", "The Daily Ledger: 6 stories"),
        ("  two\n lines ", "two lines"),
        ("", "The Daily Ledger"),
    ],
)
def test_a_subject_is_one_line_of_plain_text(template: str, subject: str) -> None:
    assert render(replace(EDITION, subject_template=template), nonce=NONCE).subject == subject


@pytest.mark.parametrize("part", ["html", "txt"])
def test_a_part_without_an_unsubscribe_link_is_refused(tmp_path: Path, part: str) -> None:
    site = site_with(tmp_path, **{f"digest_{part}_j2": "{{ reader.email }}"})
    with pytest.raises(RenderError, match=rf"^digest\.{part}\.j2: there is no unsubscribe link"):
        render(replace(EDITION, site_templates=site), nonce=NONCE)


@pytest.mark.parametrize(
    "source",
    [
        "<script>1</script>",
        "<form></form>",
        '<iframe src="https://ledger.example"></iframe>',
        '<link rel="stylesheet" href="https://ledger.example/style.css">',
        "<style data-premailer='ignore'>@import url(https://ledger.example/style.css);</style>",
        "<style data-premailer='ignore'>@font-face{font-family:x}</style>",
    ],
)
def test_what_mail_clients_block_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(RenderError, match="mail clients block"):
        with_html(tmp_path, f"<html><head></head><body>{source}{LEAVE}</body></html>")


def test_a_site_changes_one_part_and_keeps_the_others(tmp_path: Path) -> None:
    folder = tmp_path / "email" / "parts"
    folder.mkdir(parents=True)
    (folder / "masthead.html.j2").write_text("<tr><td><h1>Our own masthead</h1></td></tr>")
    html = render(replace(EDITION, site_templates=tmp_path), nonce=NONCE).html
    assert "Our own masthead" in html
    assert "Read the story" in html


def test_a_site_builds_upon_the_shipped_part(tmp_path: Path) -> None:
    folder = tmp_path / "email" / "parts"
    folder.mkdir(parents=True)
    source = '{% include "shipped/parts/footer.html.j2" %}<tr><td>Printed on herring.</td></tr>'
    (folder / "footer.html.j2").write_text(source)
    html = render(replace(EDITION, site_templates=tmp_path), nonce=NONCE).html
    assert "Printed on herring." in html
    assert "Write to the editor" in html


def test_a_newsletter_names_its_own_template(tmp_path: Path) -> None:
    site = site_with(tmp_path, weekly_html_j2=f"<p>Weekly</p>{LEAVE}", weekly_txt_j2=f"Weekly {LEAVE}")
    rendering = render(replace(EDITION, site_templates=site, template="weekly"), nonce=NONCE)
    assert "<p>Weekly</p>" in rendering.html
    assert rendering.text.startswith("Weekly ")


def test_a_template_that_is_not_there_is_named() -> None:
    with pytest.raises(RenderError, match=r"there is no mail template 'weekly\.html\.j2'"):
        render(replace(EDITION, template="weekly"), nonce=NONCE)


@pytest.mark.parametrize(
    "change",
    [
        {"accent": "blue"},
        {"accent": "#fff;}"},
        {"paper": "#12345"},
        {"serif": "Georgia;}</style>"},
        {"sans": ""},
        {"contact": "http://ledger.example"},
        {"contact": "call us"},
    ],
    ids=str,
)
def test_a_theme_or_contact_that_cannot_be_used_is_refused(change: dict[str, Any]) -> None:
    edition: Edition = replace(EDITION, **change)
    with pytest.raises(RenderError):
        render(edition, nonce=NONCE)
