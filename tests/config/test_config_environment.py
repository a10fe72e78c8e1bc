"""The environment over the file: every key, lists, numbered newsletters, and typing errors."""

import json
from pathlib import Path

import pytest

from digest.config import Settings, load, template_text
from digest.errors import ConfigError


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "config.toml"
    file.write_text(template_text())
    return file


def told(path: Path, **environ: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(path, environ)
    return str(caught.value).splitlines()


def test_the_environment_wins_over_the_file(path: Path) -> None:
    settings = load(
        path,
        {
            "DIGEST_SITE__NAME": "Another",
            "DIGEST_SMTP__HOST": "relay.example",
            "DIGEST_SMTP__PORT": "2525",
            "DIGEST_WEB__VERIFY": "no",
            "DIGEST_MAIL__FROM": "Another <a@b.example>",
            "DIGEST_DELIVERY__EXPIRE_AFTER": "2h",
            "DIGEST_DATABASE__URL": "postgres://h/x",
        },
    )
    assert settings.site.name == "Another"
    assert (settings.smtp.host, settings.smtp.port) == ("relay.example", 2525)
    assert not settings.web.verify
    assert settings.mail.sender.address == "a@b.example"
    assert settings.delivery.expire_after.total_seconds() == 7200
    assert settings.database_url == "postgresql+psycopg://h/x"


def test_an_empty_variable_empties_its_key(path: Path) -> None:
    path.write_text(template_text().replace('host = ""', 'host = "relay.example"'))
    assert load(path, {"DIGEST_SMTP__HOST": ""}).is_rehearsal


@pytest.mark.parametrize(
    "text", ["a@x.example,b@y.example", " a@x.example , b@y.example", '["a@x.example", "b@y.example"]']
)
def test_a_list_comes_with_commas_or_as_json(text: str, path: Path) -> None:
    assert load(path, {"DIGEST_ALERTS__TO": text}).alerts.to == ("a@x.example", "b@y.example")


def test_headers_come_as_json(path: Path) -> None:
    assert load(path, {"DIGEST_MAIL__HEADERS": '{"X-Set": "news"}'}).mail.headers == {"X-Set": "news"}


def test_a_newsletter_is_reached_by_its_number(path: Path) -> None:
    settings = load(path, {"DIGEST_NEWSLETTER__0__MAX_ARTICLES": "5"})
    assert (settings.newsletter[0].name, settings.newsletter[0].max_articles) == ("daily", 5)


def test_a_newsletter_may_be_added(path: Path) -> None:
    settings = load(
        path, {"DIGEST_NEWSLETTER__1__NAME": "weekly", "DIGEST_NEWSLETTER__1__SCHEDULE": "0 9 * * 6"}
    )
    assert [newsletter.name for newsletter in settings.newsletter] == ["daily", "weekly"]


def test_all_newsletters_may_come_as_json(path: Path) -> None:
    newsletters = json.dumps([{"name": "weekly", "schedule": "0 9 * * 6"}])
    assert load(path, {"DIGEST_NEWSLETTER": newsletters}).newsletter[0].name == "weekly"


def test_an_empty_file_will_do_where_the_environment_says_all(tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text("")
    settings = load(
        path,
        {
            "DIGEST_SITE__NAME": "A",
            "DIGEST_SITE__URL": "https://a.example",
            "DIGEST_SITE__FEEDS": "https://a.example/feed,https://a.example/other",
            "DIGEST_SITE__TIMEZONE": "UTC",
            "DIGEST_SITE__POSTAL_ADDRESS": "A street",
            "DIGEST_SITE__CONTACT": "a@a.example",
            "DIGEST_MAIL__FROM": "a@a.example",
            "DIGEST_NEWSLETTER__0__NAME": "daily",
            "DIGEST_NEWSLETTER__0__SCHEDULE": "0 7 * * *",
        },
    )
    assert len(settings.site.feeds) == 2


def test_the_relays_password_comes_from_the_environment(path: Path) -> None:
    settings = load(
        path,
        {
            "DIGEST_SMTP__HOST": "relay.example",
            "DIGEST_SMTP__USERNAME": "u",
            "DIGEST_SMTP__PASSWORD": "hunter2",
        },
    )
    assert settings.smtp.password.get_secret_value() == "hunter2"
    assert "hunter2" not in repr(settings)


def test_a_password_in_the_environment_needs_no_file(path: Path) -> None:
    path.write_text(template_text().replace('\npassword_file = ""', '\npassword_file = "gone"'))
    environ = {"DIGEST_SMTP__PASSWORD": "x"}
    assert load(path, environ).smtp.password.get_secret_value() == "x"


def test_a_further_relays_password_comes_from_the_environment(path: Path) -> None:
    text = '\n[smtp.relays.second]\nhost = "relay.example"\nusername = "u"\n'
    path.write_text(template_text() + text)
    settings = load(
        path,
        {"DIGEST_SMTP__RELAYS__SECOND__PASSWORD": "hunter2", "DIGEST_SMTP__RELAYS__SECOND__RATE": "0.5"},
    )
    second = settings.smtp.relays["second"]
    assert (second.password.get_secret_value(), second.rate, second.host) == ("hunter2", 0.5, "relay.example")
    assert "hunter2" not in repr(settings)


def test_relays_and_paces_may_come_as_json(path: Path) -> None:
    path.with_name("password").write_text("hunter2")
    relay = {"host": "relay.example", "username": "u", "password_file": "password"}
    settings = load(
        path,
        {
            "DIGEST_SMTP__RELAYS": json.dumps({"second": relay}),
            "DIGEST_PACE": '{"gmail.com": {"rate": 5}}',
        },
    )
    assert settings.smtp.relays["second"].password.get_secret_value() == "hunter2"
    assert settings.pace["gmail.com"].rate == 5


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("DIGEST_SMTP_HOST", "unknown variable; did you mean DIGEST_SMTP__HOST?"),
        ("DIGEST_SMPT__HOST", "unknown variable; did you mean DIGEST_SMTP__HOST?"),
        ("DIGEST_SMTP__HSOT", "unknown key; did you mean host?"),
        (
            "DIGEST_NEWSLETTER__DAILY__SUBJECT",
            "unknown variable; did you mean DIGEST_NEWSLETTER__0__SUBJECT?",
        ),
        ("DIGEST_NEWSLETTER__7__SUBJECT", "unknown variable; did you mean DIGEST_NEWSLETTER__0__SUBJECT?"),
        ("DIGEST_MAIL__SENDER", "unknown key"),
        ("DIGEST_", "unknown variable"),
        ("DIGEST_SMTP__", "unknown key"),
        ("DIGEST_SMTP____HOST", "unknown key"),
        ("DIGEST_SMTP__HOST__X", "must be text, in quotes"),
        ("DIGEST_SMTP", "must be a table"),
        ("DIGEST_SMTP__PORT", "must be a whole number"),
        ("DIGEST_SMTP__RATE", "must be a number"),
        ("DIGEST_SMTP__RELAYS", "is neither JSON nor a list with commas between"),
        ("DIGEST_SMTP__RELAYS__SECOND", "must be tables, each with its own header: [smtp.relays.NAME]"),
        ("DIGEST_WEB__VERIFY", "must be true or false"),
        ("DIGEST_ALERTS__TO__X", "must be a list, in [brackets]"),
        ("DIGEST_NEWSLETTER__0", "must be a table"),
        ("DIGEST_MAIL__HEADERS", "is neither JSON nor a list with commas between"),
        ("DIGEST_SMTP__PASSWORD_FILE", "x cannot be read: No such file or directory"),
    ],
)
def test_a_mistake_in_the_environment_names_its_variable(name: str, problem: str, path: Path) -> None:
    (line,) = told(path, **{name: "x"})
    assert line.startswith(f"environment: {name}: ")
    assert problem in line


def test_a_mistake_about_a_further_relay_names_its_variable(path: Path) -> None:
    lines = told(path, DIGEST_SMTP__RELAYS__SECOND__HOST="h", DIGEST_SMTP__RELAYS__SECOND__PROT="25")
    assert lines == ["environment: DIGEST_SMTP__RELAYS__SECOND__PROT: unknown key; did you mean port?"]


def test_a_mistake_in_the_environment_is_told_beside_the_files(path: Path) -> None:
    path.write_text(template_text().replace("port = 587", "port = 0"))
    lines = told(path, DIGEST_WEB__PORT="many")
    assert lines == [
        "config.toml:43: smtp.port: must be 1 or more",
        "environment: DIGEST_WEB__PORT: must be a whole number",
    ]


def test_other_variables_are_nobodys_business(path: Path) -> None:
    environ = {"DIGEST_CONFIG": str(path), "PATH": "/bin", "digest_smtp__host": "x", "MY_DIGEST_X": "y"}
    assert load(path, environ).smtp.host == ""


def test_the_processs_own_environment_is_not_read(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DIGEST_SMTP__HOST", "relay.example")
    settings: Settings = load(path, {})
    assert settings.smtp.host == ""
