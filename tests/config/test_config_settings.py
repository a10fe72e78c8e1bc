"""What follows from a right config.toml: defaults, inheritance, paths, names."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError

from digest.config import Mailbox, Settings, load
from digest.errors import UsageError

HEAD = """\
[site]
name = "The Harbour Ledger"
url = "https://ledger.example/"
feeds = ["https://ledger.example/feed/", "https://ledger.example/podcast/"]
timezone = "America/New_York"
postal_address = "12 Quay Street"
contact = "editor@ledger.example"
[mail]
from = "The Harbour Ledger <news@ledger.example>"
[[newsletter]]
name = "daily"
schedule = "0 7 * * *"
"""

SECOND = """\
[[newsletter]]
name = "weekly"
title = "The Week"
schedule = "0 9 * * SAT"
timezone = "Europe/Berlin"
feeds = ["https://ledger.example/podcast/"]
"""

Read = Callable[[str], Settings]


@pytest.fixture
def read(tmp_path: Path) -> Read:
    def _read(text: str) -> Settings:
        path = tmp_path / "config.toml"
        path.write_text(text)
        return load(path, {})

    return _read


def test_what_is_left_out_has_its_default(read: Read) -> None:
    settings = read(HEAD)
    newsletter = settings.newsletter[0]
    assert newsletter.subject == "{{ articles[0].title }}"
    assert (newsletter.min_articles, newsletter.max_articles) == (1, 20)
    assert newsletter.max_age == timedelta(days=7)
    assert newsletter.draft_before == timedelta(hours=1)
    assert newsletter.grace == timedelta(hours=6)
    assert settings.delivery.expire_after == timedelta(hours=24)
    assert settings.delivery.on_unknown == "resend"
    assert settings.is_rehearsal
    assert (settings.smtp.port, settings.smtp.connections, settings.smtp.timeout) == (587, 10, 300)
    assert (settings.privacy.keep_ip_days, settings.privacy.keep_deliveries_days) == (90, 400)
    assert settings.web.public_url == "http://localhost:8025"


def test_a_newsletter_inherits_title_zone_and_feeds_from_the_site(read: Read) -> None:
    daily = read(HEAD + SECOND).newsletter_named("daily")
    assert (daily.title, daily.timezone) == ("The Harbour Ledger", "America/New_York")
    assert daily.feeds == ("https://ledger.example/feed/", "https://ledger.example/podcast/")


def test_a_newsletters_own_title_zone_and_feeds_win(read: Read) -> None:
    weekly = read(HEAD + SECOND).newsletter_named("weekly")
    assert (weekly.title, weekly.timezone) == ("The Week", "Europe/Berlin")
    assert weekly.feeds == ("https://ledger.example/podcast/",)


def test_the_only_newsletter_needs_no_name(read: Read) -> None:
    assert read(HEAD).newsletter_named(None).name == "daily"


def test_one_of_several_newsletters_needs_its_name(read: Read) -> None:
    with pytest.raises(UsageError, match=r"name one with --newsletter: daily, weekly\."):
        read(HEAD + SECOND).newsletter_named(None)


def test_an_unknown_newsletter_is_told_the_known_ones(read: Read) -> None:
    with pytest.raises(UsageError, match=r"no newsletter 'hourly' in config\.toml; there is: daily\."):
        read(HEAD).newsletter_named("hourly")


def test_settings_cannot_be_changed(read: Read) -> None:
    settings = read(HEAD)
    with pytest.raises(ValidationError):
        settings.smtp.host = "relay.example"  # type: ignore[misc] # what is tried
    with pytest.raises(ValidationError):
        settings.web = settings.web  # type: ignore[misc] # what is tried


def test_urls_lose_their_trailing_slash_but_feeds_keep_it(read: Read) -> None:
    site = read(HEAD).site
    assert site.url == "https://ledger.example"
    assert site.feeds[0].endswith("/feed/")


def test_bounces_go_to_the_sender_unless_told_otherwise(read: Read) -> None:
    assert read(HEAD).mail.envelope == "news@ledger.example"
    assert read(HEAD.replace("[mail]", '[mail]\nenvelope = "b@x.example"')).mail.envelope == "b@x.example"


@pytest.mark.parametrize(
    ("text", "name", "address"),
    [
        ("news@ledger.example", "", "news@ledger.example"),
        ("Bücher heute <news@bücher.example>", "Bücher heute", "news@xn--bcher-kva.example"),
        (r"\"Ledger, The\" <news@ledger.example>", "Ledger, The", "news@ledger.example"),
        ("Harbour Inc. <Desk@LEDGER.example>", "Harbour Inc.", "Desk@ledger.example"),
        ("Root <root@mail.localhost>", "Root", "root@mail.localhost"),
    ],
)
def test_a_sender_is_read_as_name_and_address(text: str, name: str, address: str, read: Read) -> None:
    settings = read(HEAD.replace("The Harbour Ledger <news@ledger.example>", text))
    assert settings.mail.sender == Mailbox(name=name, address=address)


def test_a_sender_is_written_so_that_it_is_read_again() -> None:
    assert str(Mailbox(name='The "L", daily', address="a@b.example")) == r'"The \"L\", daily" <a@b.example>'


def test_a_person_is_found_by_mail_or_on_a_page(read: Read) -> None:
    assert read(HEAD).site.help_url == "mailto:editor@ledger.example"
    page = read(HEAD.replace("editor@ledger.example", "https://ledger.example/contact"))
    assert page.site.help_url == "https://ledger.example/contact"


def test_relative_paths_start_at_the_files_folder(read: Read, tmp_path: Path) -> None:
    settings = read(HEAD)
    assert (settings.path, settings.folder) == (tmp_path / "config.toml", tmp_path)
    assert settings.database_url == f"sqlite:///{tmp_path}/subscribers.db"
    assert settings.secret_path == tmp_path / "secret.key"
    assert settings.templates_folder == tmp_path / "templates"
    assert settings.outbox == tmp_path / "outbox"


def test_absolute_paths_stay(read: Read) -> None:
    settings = read(
        HEAD
        + '[database]\nurl = "sqlite:////srv/a.db"\n[web]\nsecret_file = "/srv/key"\n[theme]\ntemplates = "/"'
    )
    assert settings.database_url == "sqlite:////srv/a.db"
    assert settings.secret_path == Path("/srv/key")
    assert settings.templates_folder == Path("/")


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgresql_gets_the_one_driver(scheme: str, read: Read) -> None:
    settings = read(HEAD + f'[database]\nurl = "{scheme}://u:p@h/x"')
    assert settings.database_url == "postgresql+psycopg://u:p@h/x"


def test_the_password_is_read_from_its_file_without_the_line_end(read: Read, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    settings = read(HEAD + '[smtp]\nhost = "h"\nusername = "u"\npassword_file = "password"')
    assert settings.smtp.password.get_secret_value() == "hunter2"


def test_a_password_may_go_unprotected_to_this_computer(read: Read) -> None:
    settings = read(HEAD + '[smtp]\nhost = "127.0.0.1"\nsecurity = "none"\nusername = "u"\npassword = "p"')
    assert settings.smtp.username == "u"


def test_what_is_not_available_yet_may_stand_there_empty(read: Read) -> None:
    settings = read(
        HEAD + '[smtp]\nprovider = ""\n[smtp.relays]\n[pace]\n[dkim]\n[editors]\naddresses = []\n'
    )
    assert settings.signing_keys() == ()
    assert settings.editors.addresses == ()


def test_a_providers_preset_stands_in_for_what_is_left_out(read: Read) -> None:
    smtp = read(HEAD + '[smtp]\nprovider = "ses"\n').smtp
    assert (smtp.rate, smtp.connections, smtp.messages_per_connection) == (14, 10, 100)


def test_what_is_said_wins_over_a_providers_preset(read: Read) -> None:
    smtp = read(HEAD + '[smtp]\nprovider = "ses"\nrate = 0\nconnections = 3\n').smtp
    assert (smtp.rate, smtp.connections, smtp.messages_per_connection) == (0, 3, 100)


def test_a_rate_may_be_a_fraction(read: Read) -> None:
    assert read(HEAD + "[smtp]\nrate = 0.2\n").smtp.rate == 0.2


def test_further_relays_have_keys_of_their_own_and_the_defaults(read: Read, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("hunter2\n")
    smtp = read(
        HEAD
        + """
[smtp]
host = "one.example"
connections = 3
[smtp.relays.second]
host = "two.example"
username = "u"
password_file = "password"
weight = 3
[smtp.relays.spare]
host = "three.example"
provider = "gmail"
weight = 0
"""
    ).smtp
    assert list(smtp.relays) == ["second", "spare"]
    second, spare = smtp.relays.values()
    assert (second.connections, second.port, second.weight) == (10, 587, 3)
    assert second.password.get_secret_value() == "hunter2"
    assert (spare.connections, spare.rate, spare.weight, smtp.weight) == (2, 1, 0, 1)


def test_paces_are_kept_by_the_domain_as_it_is_on_the_wire(read: Read) -> None:
    pace = read(HEAD + '[pace."Bücher.example"]\nrate = 0.5\n[pace."gmail.com"]\nconnections = 5\n').pace
    assert {domain: (keys.rate, keys.connections) for domain, keys in pace.items()} == {
        "xn--bcher-kva.example": (0.5, 0),
        "gmail.com": (0, 5),
    }


def test_links_parameters_lose_their_question_mark(read: Read) -> None:
    settings = read(HEAD.replace("[mail]", '[mail]\nlink_params = "?utm_source=digest&utm_medium=email"'))
    assert settings.mail.link_params == "utm_source=digest&utm_medium=email"
