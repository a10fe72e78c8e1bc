"""Every command that a document shows is one that the program knows, with its options."""

import shlex

import pytest
from docs_markdown import DEPLOY, DOCUMENTS, ROOT, commands, name
from typer import Context
from typer.core import TyperGroup
from typer.main import get_command

from digest.cli.program import program

SHOWN = [
    pytest.param(words, id=f"{name(path)}: {shlex.join(['digest', *words])}")
    for path in (*DOCUMENTS, *DEPLOY)
    for words in commands(path.read_text(encoding="utf-8"))
]


def trouble(words: list[str]) -> str:
    """Say what of a command the program does not know; empty where it knows it all.

    Parses and does not run. A word in capitals or dots stands for something of the reader's own.
    """
    command = get_command(program())
    rest = list(words)
    while True:
        options = {
            text: option for option in command.params for text in (*option.opts, *option.secondary_opts)
        }
        while rest and (rest[0].startswith("-") or not isinstance(command, TyperGroup)):
            word = rest.pop(0)
            if not word.startswith("-") or word == "-":
                continue
            if word not in options and word not in {"-h", "--help"}:
                return f"no option {word}"
            if word in options and not getattr(options[word], "is_flag", False):
                if not rest:
                    return f"{word} lacks its value"
                rest.pop(0)
        if not rest or not isinstance(command, TyperGroup):
            return ""
        found = command.get_command(Context(command), rest.pop(0))
        if found is None:
            return "no such command"
        command = found


@pytest.mark.parametrize("words", SHOWN)
def test_every_command_shown_is_known(words: list[str]) -> None:
    assert trouble(words) == ""


def test_the_readme_shows_the_whole_way_from_init_to_send() -> None:
    shown = [" ".join(words) for words in commands((ROOT / "README.md").read_text(encoding="utf-8"))]
    way = [
        "demo",
        "init",
        "preview",
        "subscribers add",
        "subscribers import",
        "doctor relay",
        "send --to",
        "send",
    ]
    found = [next(number for number, line in enumerate(shown) if line.startswith(step)) for step in way[1:-1]]
    assert found == sorted(found)
    assert {"demo", "send", "run"} <= {line.split(" ")[0] for line in shown}


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        ("sned", "no such command"),
        ("issues aprove", "no such command"),
        ("send --dryrun", "no option --dryrun"),
        ("send --slot", "--slot lacks its value"),
        ("--config c.toml issues list --limit 3", ""),
    ],
)
def test_a_command_that_is_not_there_is_noticed(words: str, problem: str) -> None:
    assert trouble(words.split()) == problem
