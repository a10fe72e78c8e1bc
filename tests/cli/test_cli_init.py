import stat
from pathlib import Path

from cli_site import Site

from digest.links import parse_keys


def test_init_makes_the_three_files_and_names_the_next_three_commands(tmp_path: Path) -> None:
    site = Site(tmp_path)
    said = site.digest("init", str(tmp_path))
    assert said.code == 0
    assert {path.name for path in tmp_path.iterdir()} == {"config.toml", "secret.key", "subscribers.db"}
    assert [word in said.out for word in ("preview", "subscribers add", "send")] == [True] * 3
    assert said.out.count("made") == 3


def test_what_init_writes_is_in_order(tmp_path: Path) -> None:
    site = Site(tmp_path).begin()
    assert site.digest("config", "check").code == 0
    assert site.digest("db", "current").code == 0
    assert len(parse_keys((tmp_path / "secret.key").read_text())) == 1


def test_the_key_and_the_database_are_their_owners_alone(tmp_path: Path) -> None:
    Site(tmp_path).begin()
    for name in ("secret.key", "subscribers.db"):
        assert stat.S_IMODE((tmp_path / name).stat().st_mode) == 0o600


def test_init_touches_nothing_that_exists(tmp_path: Path) -> None:
    site = Site(tmp_path).begin(('name = "The Harbour Ledger"', 'name = "Mine"'))
    site.readers("rosa@mail.example")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    said = site.digest("init")
    assert (said.code, said.out.count("kept")) == (0, 3)
    assert {name: (tmp_path / name).read_bytes() for name in before} == before


def test_init_makes_the_folder_it_is_given(tmp_path: Path) -> None:
    said = Site(tmp_path).digest("init", str(tmp_path / "a" / "news"))
    assert said.code == 0
    assert (tmp_path / "a" / "news" / "subscribers.db").is_file()
    assert f"digest --config {tmp_path / 'a' / 'news' / 'config.toml'} preview" in said.out


def test_a_broken_config_is_told_and_nothing_is_made_beside_it(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("[site\n")
    said = Site(tmp_path).digest("init")
    assert said.code == 2
    assert said.err.startswith("digest: config.toml:1:")
    assert [path.name for path in tmp_path.iterdir()] == ["config.toml"]


def test_a_folder_that_is_a_file_is_misuse(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    said = Site(tmp_path).digest("init", str(tmp_path / "taken"))
    assert said.code == 2
    assert "taken" in said.err
