import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from cli_site import Site
from typer.testing import CliRunner

from digest.cli.failure import lines, report
from digest.cli.program import Program, program
from digest.errors import DigestError, FeedError

COMMANDS = (
    *("init", "demo", "collect", "preview", "send", "run", "serve", "stats"),
    *("issues", "articles", "subscribers", "doctor", "dkim", "config", "db"),
)


@pytest.fixture
def site(tmp_path: Path) -> Site:
    return Site(tmp_path)


def test_every_command_is_there_with_its_help(site: Site) -> None:
    said = site.digest("--help")
    assert said.code == 0
    assert [name for name in COMMANDS if f" {name} " not in said.out] == []


def _leaves() -> list[tuple[str, ...]]:
    """Give the path of every command, those of groups included."""
    root = typer.main.get_command(program())
    assert isinstance(root, Program)
    paths: list[tuple[str, ...]] = []
    for name in root.list_commands(None):
        inner = getattr(root.get_command(None, name), "commands", {})
        paths += [(name, one) for one in inner] or [(name,)]
    return paths


@pytest.mark.parametrize("path", _leaves(), ids=" ".join)
def test_every_command_explains_itself(site: Site, path: tuple[str, ...]) -> None:
    said = site.digest(*path, "--help")
    assert said.code == 0
    if path != ("demo",):
        assert "Example:" in said.out


def test_the_version_is_told(site: Site) -> None:
    assert site.digest("--version").out == "digest 0.1.0\n"


def test_without_config_the_folder_is_named_with_the_remedy(site: Site) -> None:
    said = site.digest("collect")
    assert said.code == 2
    assert said.err == (
        f"digest: There is no config.toml in {site.folder}: `digest init` writes one, "
        "or name it with --config.\n"
    )


def test_broken_toml_is_one_line_with_its_place(site: Site) -> None:
    site.config.write_text('[site]\nname = "x\n')
    said = site.digest("config", "check")
    assert said.code == 2
    assert said.err.startswith("digest: config.toml:2:")
    assert said.err.count("\n") == 1


def test_several_mistakes_are_told_together(site: Site) -> None:
    site.configure(('timezone = "America/New_York"', 'timezone = "Mars"'), ("port = 587", 'port = "x"'))
    said = site.digest("config", "check")
    assert said.code == 2
    first, *others = said.err.splitlines()
    assert first == "digest: 2 mistakes in the settings:"
    assert ["site.timezone" in others[0], "smtp.port" in others[1], len(others)] == [True, True, 2]


def test_a_folder_without_a_database_says_how_to_get_one(site: Site) -> None:
    site.configure()
    for command in (("collect",), ("stats",), ("issues", "list"), ("subscribers", "list")):
        said = site.digest(*command)
        assert said.code == 1
        assert "`digest init` makes one" in said.err
    assert not (site.folder / "subscribers.db").exists()


def test_a_lost_key_is_told(site: Site) -> None:
    site.begin()
    (site.folder / "secret.key").unlink()
    said = site.digest("stats")
    assert said.code == 2
    assert "no secret.key" in said.err


def test_a_key_that_others_may_read_is_a_warning(site: Site) -> None:
    site.begin()
    (site.folder / "secret.key").chmod(0o644)
    said = site.digest("stats")
    assert said.code == 0
    assert f"chmod 600 {site.folder / 'secret.key'}" in said.err


@pytest.mark.parametrize("text", [b"short\n", b"", b"\xff\xfe"], ids=["short", "empty", "not text"])
def test_a_key_file_without_a_key_is_misuse(site: Site, text: bytes) -> None:
    site.begin()
    (site.folder / "secret.key").write_bytes(text)
    said = site.digest("stats")
    assert said.code == 2
    assert "secret.key" in said.err


def test_verbose_shows_the_traceback(site: Site) -> None:
    said = site.digest("-v", "collect")
    assert said.code == 2
    assert "Traceback" in said.err
    assert said.err.splitlines()[-1].startswith("digest: ")


@pytest.mark.parametrize("args", [("nonsense",), ("collect", "--nonsense"), ("articles", "why", "x")])
def test_misuse_exits_with_2(site: Site, args: tuple[str, ...]) -> None:
    assert site.digest(*args).code == 2


@pytest.mark.parametrize(
    ("text", "cause", "told"),
    [
        ("The feed failed.", FeedError("line 3 is cut short"), ["  because: line 3 is cut short"]),
        ("It is closed: Permission denied.", PermissionError(13, "Permission denied"), []),
        ("It is closed.", PermissionError(13, "Permission denied"), ["  because: Permission denied"]),
        ("It failed.", ValueError("a library's own words"), []),
    ],
    ids=["a cause of ours", "said already", "the system's", "a library's"],
)
def test_a_cause_is_told_where_it_adds_something(text: str, cause: Exception, told: list[str]) -> None:
    error = DigestError(text)
    error.__cause__ = cause
    assert lines(error) == [f"digest: {text}", *told]


def test_escape_sequences_do_not_reach_the_terminal(
    capsys: pytest.CaptureFixture[str],
) -> None:
    report(DigestError("the relay said \x1b[2J\x07"), verbose=False)
    assert "\x1b" not in capsys.readouterr().err


def test_what_is_piped_is_neither_coloured_nor_wrapped(site: Site) -> None:
    site.begin()
    site.digest("collect")
    said = site.digest("articles", "list", env={"COLUMNS": "40"})
    assert "\x1b" not in said.out
    assert "The night market is back, with soup, lanterns and a man who mends umbrellas" in said.out


@pytest.mark.parametrize("no_color", [False, True], ids=["plain", "NO_COLOR"])
def test_a_terminal_is_coloured_unless_no_color_says_otherwise(site: Site, *, no_color: bool) -> None:
    ours, its_end = os.openpty()
    environ = {name: value for name, value in os.environ.items() if name != "NO_COLOR"}
    subprocess.run(
        [sys.executable, "-c", "from digest.cli import main; main()", "--help"],
        cwd=site.folder,
        env=environ | {"TERM": "xterm-256color"} | ({"NO_COLOR": "1"} if no_color else {}),
        stdin=subprocess.DEVNULL,
        stdout=its_end,
        check=True,
    )
    os.close(its_end)
    shown = os.read(ours, 1000).decode(errors="replace")
    os.close(ours)
    assert (re.search(r"\x1b\[(\d;)?3\d", shown) is None) is no_color


def test_a_reader_that_has_enough_is_no_failure(site: Site) -> None:
    running = site.process("config", "schema")
    assert running.stdout is not None
    running.stdout.close()
    assert running.wait(60) == 141
    assert running.stderr is not None
    assert running.stderr.read() == ""
    running.stderr.close()


def failing(error: BaseException) -> typer.Typer:
    """Give a program whose only command fails."""
    alone = typer.Typer()

    @alone.command("fail")
    def fail() -> None:
        raise error

    class Failing(Program):
        def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - typer's signature
            return typer.main.get_group(alone).commands[cmd_name]

    app = typer.Typer(cls=Failing)
    app.callback()(lambda: None)
    return app


def test_an_interrupt_ends_quietly_with_130() -> None:
    said = CliRunner().invoke(failing(KeyboardInterrupt()), ["fail"])
    assert (said.exit_code, said.output) == (130, "")


def test_a_bug_keeps_its_own_class() -> None:
    error = ZeroDivisionError()
    assert CliRunner().invoke(failing(error), ["fail"]).exception is error
