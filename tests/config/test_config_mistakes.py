"""Every mistake in config.toml: found, placed, explained, and reported with all the others."""

from pathlib import Path

import pytest

from digest.config import Settings, load, template_text
from digest.errors import ConfigError, UsageError

HEAD = """\
[site]
name = "The Harbour Ledger"
url = "https://ledger.example/"
feeds = ["https://ledger.example/feed/"]
timezone = "America/New_York"
postal_address = "12 Quay Street"
contact = "editor@ledger.example"

[[newsletter]]
name = "daily"
schedule = "0 7 * * *"

[mail]
from = "The Harbour Ledger <news@ledger.example>"
"""


def read(folder: Path, text: str | bytes, **environ: str) -> Settings:
    path = folder / "config.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return load(path, environ)


def mistakes(folder: Path, text: str | bytes, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(folder, text, **environ)
    return str(caught.value).splitlines()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        pytest.param(
            'name = "The', 'nmae = "The', "2: site.nmae: unknown key; did you mean name?", id="typo"
        ),
        pytest.param("[mail]", "[mial]", "13: mial: unknown section; did you mean mail?", id="section typo"),
        pytest.param(
            '"The Harbour Ledger"', "5", "2: site.name: must be text, in quotes", id="number for text"
        ),
        pytest.param('"The Harbour Ledger"', '" "', "2: site.name: must not be empty", id="blank name"),
        pytest.param(
            '"The Harbour Ledger"',
            '"a\\nb"',
            "2: site.name: must be one line, without control characters",
            id="CR",
        ),
        pytest.param(
            '["https://ledger.example/feed/"]',
            '"x"',
            "4: site.feeds: must be a list, in [brackets]",
            id="no list",
        ),
        pytest.param(
            '["https://ledger.example/feed/"]',
            "[]",
            "4: site.feeds: must name at least one feed",
            id="no feed",
        ),
        pytest.param(
            '["https://ledger.example/feed/"]',
            '["file:///etc/passwd"]',
            "4: site.feeds[0]: must be an http or https URL",
            id="file feed",
        ),
        pytest.param(
            '"https://ledger.example/"',
            '"ledger.example"',
            "3: site.url: must be an http or https URL",
            id="bare",
        ),
        pytest.param(
            '"https://ledger.example/"',
            '"https://["',
            "3: site.url: is no URL: Invalid IPv6 URL",
            id="brackets",
        ),
        pytest.param(
            "America/New_York",
            "America/NewYork",
            "5: site.timezone: is no time zone that this computer knows; did you mean America/New_York?",
            id="zone",
        ),
        pytest.param(
            "America/New_York",
            "../../etc",
            "5: site.timezone: is no time zone that this computer knows",
            id="path",
        ),
        pytest.param(
            "editor@ledger.example",
            "http://ledger.example",
            "7: site.contact: must be a mail address or an https URL",
            id="contact",
        ),
        pytest.param(
            "[[newsletter]]",
            "[newsletter]",
            "9: newsletter: begins with [[newsletter]], in double brackets",
            id="[]",
        ),
        pytest.param(
            '"daily"',
            '"Daily News"',
            "10: newsletter[0].name: must be 1 to 63 of a-z, 0-9 and -, neither first nor last a -",
            id="slug",
        ),
        pytest.param(
            "0 7 * * *",
            "0 25 * * *",
            "11: newsletter[0].schedule: is no cron expression: bad hour",
            id="hour",
        ),
        pytest.param("0 7 * * *", "0 7 31 2 *", "11: newsletter[0].schedule: is no cron", id="31 February"),
        pytest.param("0 7 * * *", "@daily", "11: newsletter[0].schedule: must have five fields", id="@daily"),
        pytest.param(
            '"The Harbour Ledger <news@ledger.example>"',
            '"a@ledger.example, b@ledger.example"',
            "14: mail.from: 'a@ledger.example, b@ledger.example' cannot be mailed",
            id="two senders",
        ),
        pytest.param(
            '"The Harbour Ledger <news@ledger.example>"',
            '"a@b.example, B <b@b.example>"',
            "14: mail.from: must be one address",
            id="two senders, one named",
        ),
        pytest.param(
            '"The Harbour Ledger <news@ledger.example>"',
            '"x <a@b.example>\\r\\nBcc: c@d.example"',
            "14: mail.from: must be one line",
            id="a header smuggled in",
        ),
    ],
)
def test_a_mistake_is_told_with_its_line_and_key(old: str, new: str, expected: str, tmp_path: Path) -> None:
    assert old in HEAD
    told = mistakes(tmp_path, HEAD.replace(old, new, 1))
    assert any(line.startswith(f"config.toml:{expected}") for line in told), told


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        ('[smtp]\nport = "587"', "16: smtp.port: must be a whole number"),
        ("[smtp]\nport = 70000", "16: smtp.port: must be 65535 or less"),
        ("[smtp]\nport = true", "16: smtp.port: must be a whole number"),
        ("[smtp]\nconnections = 0", "16: smtp.connections: must be 1 or more"),
        ('[smtp]\nrate = "1"', "16: smtp.rate: must be a number"),
        ("[smtp]\nrate = true", "16: smtp.rate: must be a number"),
        ("[smtp]\nrate = nan", "16: smtp.rate: must be a number"),
        ("[smtp]\nrate = inf", "16: smtp.rate: must be a number"),
        (
            "[smtp]\nrate = -0.5",
            "16: smtp.rate: must be 0 for no limit, or between 0.001 and",
        ),
        (
            "[smtp]\nrate = 0.0001",
            "16: smtp.rate: must be 0 for no limit, or between 0.001 and",
        ),
        ("[smtp]\nweight = -1", "16: smtp.weight: must be 0 or more"),
        ("[smtp]\nweight = 0", "15: smtp: one relay at least must have a weight of 1 or more"),
        ("[smtp]\nca_file = 'gone'", "16: smtp.ca_file: "),
        ("[smtp]\nca_file = 'config.toml'", "16: smtp.ca_file: "),
        ('[smtp]\nsecurity = "ssl"', "16: smtp.security: must be 'starttls', 'tls' or 'none'"),
        (
            '[smtp]\nhost = "relay.example:587"',
            "16: smtp.host: must be a host's name or IP address alone; the port has its own key",
        ),
        (
            '[smtp]\nprovider = "postmrk"',
            "16: smtp.provider: must be ses, postmark, mailgun, sendgrid, gmail, postfix, or left out; did",
        ),
        ('[smtp]\nprovider = ["ses"]', "16: smtp.provider: must be text, in quotes"),
        ("[smtp.relays.second]\nport = 25", "15: smtp.relays.second.host: is missing: the relay's name"),
        ('[smtp.relays.second]\nhost = ""', "16: smtp.relays.second.host: must not be empty"),
        ('[smtp.relays.second]\nhsot = "x"\nhost = "x"', "16: smtp.relays.second.hsot: unknown key; did you"),
        ('[smtp.relays.second]\nhost = "x"\ntimeout = 9', "17: smtp.relays.second.timeout: unknown key"),
        ('[smtp.relays]\nhost = "x"', "15: smtp.relays: must be tables, each with its own header: [smtp.rel"),
        ('[smtp]\nrelays = "x"', "16: smtp.relays: must be tables"),
        ('[smtp.relays.my-second]\nhost = "x"', "15: smtp.relays.my-second: a relay's name must be 1 to 32"),
        ('[smtp.relays.main]\nhost = "x"', '15: smtp.relays.main: "main" is [smtp] itself'),
        (
            '[smtp.relays.second]\nhost = "x"\nusername = "u"',
            "17: smtp.relays.second.username: needs a password: give password_file or DIGEST_SMTP__RELAYS__S",
        ),
        (
            "[smtp.relays.second]\nhost = 'x'\nusername = 'u'\npassword_file = 'gone'",
            "18: smtp.relays.second.password_file: ",
        ),
        (
            '[pace."gmail.com"]\nrate = 0',
            '15: pace."gmail.com": limits nothing; give it a rate, or connections',
        ),
        ('[pace."gmail.com"]\nrate = -1', '16: pace."gmail.com".rate: must be 0 for no limit'),
        ('[pace."gmail.com"]\nspeed = 1', '16: pace."gmail.com".speed: unknown key'),
        (
            '[pace."*"]\nrate = 1',
            '15: pace."*": must be the domain of readers\' addresses, in quotes: [pace',
        ),
        ("[pace]\nrate = 1", '15: pace: must be tables, each with its own header: [pace."gmail.com"]'),
        ('[pace]\n"A.example" = {rate = 1}\n"a.example" = {rate = 1}', "15: pace: names a domain twice"),
        (
            '[pace]\n"müller.example" = {rate = 1}\n"xn--mller-kva.example" = {rate = 1}',
            "15: pace: names a domain twice",
        ),
        (
            '[editors]\naddresses = ["a@b.example"]',
            "16: editors.addresses: not available in this version; leave it out",
        ),
        ("[web]\nverify = 1", "16: web.verify: must be true or false"),
        ("[web]\nhost = ''", "16: web.host: must not be empty"),
        (
            '[web]\npublic_url = "https://x.example/?a=b"',
            "16: web.public_url: must end before any ? or #",
        ),
        (
            '[delivery]\nexpire_after = "soon"',
            '16: delivery.expire_after: must be a whole number with its unit, in quotes: "30s", "90m"',
        ),
        ("[delivery]\nexpire_after = 24", "16: delivery.expire_after: must be a whole number with its unit"),
        ('[delivery]\nexpire_after = "0h"', "16: delivery.expire_after: must be more than nothing"),
        ('[delivery]\nexpire_after = "99999d"', "16: delivery.expire_after: must be ten years or less"),
        (
            '[database]\nurl = "mysql://x"',
            '16: database.url: must begin with "sqlite:///" or "postgresql+psycopg://"',
        ),
        (
            '[database]\nurl = "postgresql+asyncpg://h/x"',
            '16: database.url: must begin with "sqlite:///" or "postgresql+psycopg://"',
        ),
        (
            '[database]\nurl = "sqlite:///:memory:"',
            '16: database.url: must name a file, as "sqlite:///subscribers.db"',
        ),
        ('[theme]\naccent = "blue"', '16: theme.accent: must be a colour as "#1f4e79"'),
        ('[theme]\nlogo = "http://x.example/a.png"', "16: theme.logo: must be an https URL"),
        ('[alerts]\nto = ["a@b.example", "nobody"]', "16: alerts.to[1]: 'nobody' cannot be mailed"),
        ('[alerts]\ncommand = "it\'s"', "16: alerts.command: is no command line: no closing quotation"),
        ("[privacy]\nkeep_ip_days = 0", "16: privacy.keep_ip_days: must be 1 or more"),
        (
            '[web]\nkeep_ip_days = "x"',
            "16: web.keep_ip_days: unknown key; did you mean privacy.keep_ip_days?",
        ),
        ("smtp = 5", "15: mail.smtp: unknown key"),
        ('envelope = "verp"', '15: mail.envelope: "verp" needs something that reads what comes back'),
        ('envelope = "börse@x.example"', "15: mail.envelope: must be ASCII before the @-sign"),
        ('envelope = "nobody"', "15: mail.envelope: 'nobody' cannot be mailed"),
        ('headers = { "Bcc" = "a@b.example" }', "15: mail.headers: Bcc is set by digest itself"),
        ('headers = { "X" = "a\\nb" }', "15: mail.headers: X must be one line of ASCII"),
        ('headers = { "X Y" = "a" }', "15: mail.headers: 'X Y' is no header's name"),
        ("headers = { X = 5 }", "15: mail.headers.X: must be text, in quotes"),
        ('link_params = "utm source"', "15: mail.link_params: must be"),
        (
            '[[newsletter]]\nname = "daily"\nschedule = "0 8 * * *"',
            "16: newsletter[1].name: there is another newsletter of this name",
        ),
        (
            '[[newsletter]]\nname = "b"\nschedule = "0 8 * * *"\nfeeds = ["https://x.example/"]',
            "18: newsletter[1].feeds: must be among site.feeds",
        ),
        (
            '[[newsletter]]\nname = "b"\nschedule = "0 8 * * *"\nsubject = "{{ x"',
            "18: newsletter[1].subject: is no Jinja template: ",
        ),
        (
            '[[newsletter]]\nname = "b"\nschedule = "0 8 * * *"\nmin_articles = 9\nmax_articles = 3',
            "19: newsletter[1].max_articles: must not be under min_articles, which is 9",
        ),
        (
            '[[newsletter]]\nname = "b"\nschedule = "0 8 * * *"\napproval = "maybe"',
            "18: newsletter[1].approval: must be 'automatic' or 'required'",
        ),
        (
            '[[newsletter]]\nname = "b"',
            "15: newsletter[1].schedule: is missing: when its issues are due: a cron expression",
        ),
        ("[smtp]\npassword_file = 'gone'", "16: smtp.password_file: "),
        ("[theme]\ntemplates = 'gone'", "16: theme.templates: there is no folder "),
        (
            '[smtp]\nhost = "h"\nusername = "u"',
            "17: smtp.username: needs a password: give password_file or DIGEST_SMTP__PASSWORD",
        ),
        ('[smtp]\nhost = "h"\npassword = "p"', "17: smtp.password: is of no use without a username"),
        (
            '[smtp]\nhost = "h.example"\nsecurity = "none"\nusername = "u"\npassword = "p"',
            "18: smtp.username: would go with its password over an open line",
        ),
    ],
)
def test_a_mistake_further_down_is_told_with_its_line_and_key(
    tail: str, expected: str, tmp_path: Path
) -> None:
    (told,) = mistakes(tmp_path, HEAD + tail)
    assert told.startswith(f"config.toml:{expected}")


def test_a_domain_without_quotes_is_told_to_have_some(tmp_path: Path) -> None:
    told = mistakes(tmp_path, HEAD + "[pace.gmail.com]\nrate = 1")
    assert any("pace.gmail: " in line and "in quotes" in line for line in told)


def test_all_mistakes_are_told_together_in_the_files_order_the_environments_last(tmp_path: Path) -> None:
    text = (
        HEAD.replace("timezone", "timzone").replace("0 7", "0 77")
        + "[smtp]\nprot = 25\npassword_file = 'no'\n"
    )
    told = mistakes(tmp_path, text, DIGEST_SMTP__RATE="fast", DIGEST_SMPT__HOST="x")
    assert [line.split(": ")[:2] for line in told] == [
        ["config.toml:1", "site.timezone"],
        ["config.toml:5", "site.timzone"],
        ["config.toml:11", "newsletter[0].schedule"],
        ["config.toml:16", "smtp.prot"],
        ["config.toml:17", "smtp.password_file"],
        ["environment", "DIGEST_SMPT__HOST"],
        ["environment", "DIGEST_SMTP__RATE"],
    ]


def test_an_empty_file_is_told_what_it_needs(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "") == [
        "config.toml: mail: is missing; it needs from",
        "config.toml: newsletter: must be given at least once",
        "config.toml: site: is missing; it needs name, url, feeds, timezone, postal_address, contact",
    ]


def test_broken_toml_is_told_with_line_and_column(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "[site]\nname = oops\n") == ["config.toml:2:8: syntax: Invalid value"]


def test_a_file_that_ends_too_soon_is_told_with_its_last_place(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, "[site]\nname =")
    assert told.startswith("config.toml:2:7: syntax: ")


def test_a_file_nested_without_end_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "a = " + "[" * 20000) == [
        "config.toml: syntax: a value is too long or too deeply nested"
    ]


def test_a_number_without_end_is_a_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, "a = " + "9" * 5000) == [
        "config.toml: syntax: a value is too long or too deeply nested"
    ]


def test_a_file_in_latin_1_is_told_where_it_is_not_utf_8(tmp_path: Path) -> None:
    assert mistakes(tmp_path, '[site]\nname = "Café"'.encode("latin-1")) == [
        "config.toml:2: encoding: byte 0xe9 is not UTF-8; save the file as UTF-8"
    ]


def test_a_byte_order_mark_is_nothing(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbf" + HEAD.encode()).site.name == "The Harbour Ledger"


def test_windows_line_ends_keep_the_lines_count(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, HEAD.replace("0 7", "0 77").replace("\n", "\r\n"))
    assert told.startswith("config.toml:11: newsletter[0].schedule: ")


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="`digest init` writes one"):
        load(tmp_path / "config.toml", {})


def test_a_folder_in_its_place_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        load(tmp_path, {})


@pytest.mark.parametrize("key", ["_env_file", "_secrets_dir", "__pydantic_self__", "self", "path"])
def test_the_librarys_own_parameters_are_unknown_keys(key: str, tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, f'{key} = "x"\n' + HEAD)
    assert told.startswith(f"config.toml:1: {key}: unknown section")


def test_a_mistake_never_shows_a_password(tmp_path: Path) -> None:
    tail = "[smtp]\npassword = 'hunter2'\nport = 0\n[database]\nurl = 'mysql://u:hunter2@h/x'\n"
    path = tmp_path / "config.toml"
    path.write_text(HEAD + tail)
    with pytest.raises(ConfigError) as caught:
        load(path, {})
    assert "hunter2" not in str(caught.value) + repr(caught.value) + str(caught.value.__cause__)


def test_a_password_file_of_several_lines_is_the_wrong_file(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, HEAD + "[smtp]\npassword_file = 'config.toml'")
    assert told.endswith("it holds more than one line")


def test_the_template_with_one_typo_has_one_mistake(tmp_path: Path) -> None:
    assert mistakes(tmp_path, template_text().replace("max_age", "max_aeg")) == [
        "config.toml:23: newsletter[0].max_aeg: unknown key; did you mean max_age?"
    ]


def test_a_key_that_is_not_bare_is_told_in_quotes(tmp_path: Path) -> None:
    (told,) = mistakes(tmp_path, HEAD + '"a\\nb" = 1')
    assert told == 'config.toml:15: mail."a\\nb": unknown key'
