"""The demo as a stranger runs it: a process, in an empty folder."""

import os
import re
import subprocess
import sys
from email import message_from_bytes, policy
from pathlib import Path

import pytest

NOWHERE = "http://127.0.0.1:9"
DIGEST = Path(sys.executable).with_name("digest")


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `digest demo` in an empty folder, with a folder of its own for temporary files."""
    here, temporary = folder / "here", folder / "tmp"
    here.mkdir()
    temporary.mkdir()
    return subprocess.run(
        [DIGEST, "demo", *arguments],
        cwd=here,
        env=os.environ | {"TMPDIR": str(temporary), "PYTHONIOENCODING": "utf-8", "HTTP_PROXY": NOWHERE},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, subprocess.CompletedProcess[str]]:
    folder = tmp_path_factory.mktemp("demo")
    return folder, run(folder, "--readers", "60")


def kept(folder: Path, suffix: str) -> list[Path]:
    return sorted((folder / "tmp").glob(f"digest-demo-*/*{suffix}"))


def test_the_demo_ends_with_figures_that_add_up(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = demo
    assert done.returncode == 0, done.stderr
    rows = re.findall(r", 07:00 +(\d+) +(\d+) +(\d+) +(\d+)", done.stdout)
    assert rows == [("60", "60", "0", "2"), ("58", "57", "1", "1")]
    assert done.stdout.count("✓") == 5
    assert done.stdout.endswith("digest init\n")


def test_the_demo_shows_its_steps_and_logs_nothing(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    _, done = demo
    steps = re.findall(r"^  ([^:]+): .+ \(\d+\.\d\d s\)$", done.stderr, re.MULTILINE)
    assert steps == [
        *("Import 60 readers", "Collect the feed", "Draft the issue", "Freeze it", "Send"),
        *("Two leave by one click", "Collect the feed", "Draft the issue", "Freeze it"),
        *("One more leaves", "Send"),
    ]
    assert "event=" not in done.stdout + done.stderr


def test_the_demo_leaves_the_folder_as_it_was_and_two_messages_elsewhere(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    folder, done = demo
    assert list((folder / "here").iterdir()) == []
    (outcome,) = (folder / "tmp").iterdir()
    assert sorted(path.suffix for path in outcome.iterdir()) == [".eml", ".eml", ".html", ".html"]
    assert str(kept(folder, ".eml")[0]) in done.stdout
    assert str(kept(folder, ".html")[0]) in done.stdout


def test_the_messages_of_the_demo_parse_without_a_defect(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    subjects = []
    for path in kept(demo[0], ".eml"):
        message = message_from_bytes(path.read_bytes(), policy=policy.strict)
        assert [part.get_content_type() for part in message.walk()][1:] == ["text/plain", "text/html"]
        assert all(not part.defects for part in message.walk())
        subjects.append(message["Subject"])
    assert subjects == [
        "The evening ferry left nineteen minutes late, and 212 people are glad it did",
        "Every boat in the harbour was lit last night, including the one that isn’t there",
    ]


def test_the_pages_of_the_demo_need_no_server_for_their_pictures(
    demo: tuple[Path, subprocess.CompletedProcess[str]],
) -> None:
    pages = kept(demo[0], ".html")
    assert len(pages) == 2
    for path in pages:
        pictures = re.findall(r'<img[^>]+src="([^"]+)"', path.read_text(encoding="utf-8"))
        assert pictures
        assert all(url.startswith("data:image/jpeg;base64,") for url in pictures)


def test_with_keep_the_installation_stays_and_can_be_asked(tmp_path: Path) -> None:
    done = run(tmp_path, "--readers", "10", "--keep")
    assert done.returncode == 0, done.stderr
    (installation,) = (tmp_path / "tmp").glob("digest-demo-*/installation")
    assert {"config.toml", "secret.key", "subscribers.db"} <= {path.name for path in installation.iterdir()}
    assert (installation / "secret.key").stat().st_mode & 0o077 == 0
    asked = subprocess.run(
        [DIGEST, "--config", installation / "config.toml", "issues", "list"],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert asked.returncode == 0, asked.stderr
    assert asked.stdout.count("T07:00") == 2
