"""The project's documents, and what of them can be checked: links, headings, commands, tables."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
DEPLOY = sorted((ROOT / "docs" / "deploy").iterdir())

FENCE = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
CODE = re.compile(r"`([^`\n]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)|(?:src|href)=\"([^\"]+)\"")
HEADING = re.compile(r"^#+ +(.+)$", re.MULTILINE)
ROW = re.compile(r"^\| `([\w.]+)` \| (.+?) \| (.+) \|$", re.MULTILINE)
SECTION = re.compile(r"^## (.+)$", re.MULTILINE)


def name(path: Path) -> str:
    """Give a document's path from the root, to call a test by."""
    return str(path.relative_to(ROOT))


def prose(path: Path) -> str:
    """Give a document without its code blocks."""
    return FENCE.sub("", path.read_text(encoding="utf-8"))


def links(path: Path) -> list[str]:
    """Give where a document's links and pictures point."""
    return [one or other for one, other in LINK.findall(prose(path))]


def anchors(path: Path) -> set[str]:
    """Give a document's headings as the fragments that they are reached by."""
    titles = (re.sub(r"[^\w\s-]", "", heading.lower()) for heading in HEADING.findall(prose(path)))
    return {re.sub(r"\s", "-", title.strip()) for title in titles}


def commands(text: str) -> Iterator[list[str]]:
    """Give every `digest …` that a text shows, as its words: in shell blocks, and in a line."""
    shown = [line for language, block in FENCE.findall(text) if language == "sh" for line in _lines(block)]
    shown += CODE.findall(FENCE.sub("", text))
    for line in shown:
        words = shlex.split(line, comments=True)
        if words[:1] == ["sudo"]:
            words = next((words[n:] for n, word in enumerate(words) if word.endswith("/bin/digest")), [])
        if words and words[0].rpartition("/")[2] == "digest":
            yield words[1:]


def _lines(block: str) -> list[str]:
    return block.replace("\\\n", " ").splitlines()


def tables(text: str) -> dict[str, dict[str, str]]:
    """Give the rows of a document's tables by section: key and default, as they are written."""
    parts = SECTION.split(text)
    return {
        title: {key: default for key, default, _ in ROW.findall(body)}
        for title, body in zip(parts[1::2], parts[2::2], strict=True)
    }
