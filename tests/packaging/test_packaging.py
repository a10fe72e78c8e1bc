"""What `pip install` gives: a `digest` that works from any folder, with its templates and its sample site."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, ROOT],
        check=True,
    )
    [built] = folder.glob("*.whl")
    return built


def test_the_wheel_holds_templates_migrations_and_the_sample_site(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    for part in (
        "digest/templates/email/digest.html.j2",
        "digest/templates/email/digest.txt.j2",
        "digest/templates/web/base.html.j2",
        "digest/store/migrations/env.py",
        "digest/config/template.toml",
    ):
        assert part in names
    assert any(name.startswith("digest/store/migrations/versions/0001") for name in names)
    assert any(name.startswith("digest/sample/") and name.endswith(".jpg") for name in names)


def test_in_an_empty_environment_it_works_from_any_folder(wheel: Path, tmp_path: Path) -> None:
    subprocess.run([sys.executable, "-m", "venv", tmp_path / "venv"], check=True)
    binaries = tmp_path / "venv" / "bin"
    subprocess.run([binaries / "pip", "install", "--quiet", wheel], check=True)
    folder = tmp_path / "site"
    folder.mkdir()
    for command in (
        ["init"],
        ["config", "check"],
        ["preview", "--format", "text", "--output", "-"],
        ["send"],
    ):
        ran = subprocess.run(
            [binaries / "digest", *command], cwd=folder, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, ran.stderr
    assert "Nobody was mailed." in ran.stdout
    assert len(list((folder / "outbox" / "new").iterdir())) == 1
    demo = subprocess.run(
        [binaries / "digest", "demo", "--readers", "50"],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )
    assert demo.returncode == 0, demo.stderr
