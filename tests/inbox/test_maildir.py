"""A Maildir is read: what goes, what is put by, and what is none of our business."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from digest.errors import InboxError, StoreError
from digest.inbox.booking import READ_OCTETS
from digest.inbox.maildir import UNREAD, scan, waiting

NOBODY = 65534


def never() -> bool:
    return False


class Books:
    """Remembers what it is given."""

    def __init__(self, *, understands: bool = True) -> None:
        self.booked: list[bytes] = []
        self._understands = understands

    def __call__(self, octets: bytes) -> bool:
        self.booked.append(octets)
        return self._understands


@pytest.fixture
def maildir(tmp_path: Path) -> Path:
    return made(tmp_path / "Maildir")


def made(maildir: Path) -> Path:
    for name in ("tmp", "new", "cur"):
        (maildir / name).mkdir(parents=True)
    return maildir


def files(maildir: Path) -> list[str]:
    return sorted(
        str(path.relative_to(maildir))
        for path in maildir.rglob("*")
        if not path.is_dir() and path.name != "maildirfolder"
    )


@contextlib.contextmanager
def a_users() -> Iterator[Path]:
    """Give a Maildir, and the rights of a user who is not root."""
    maildir = made(Path(tempfile.mkdtemp(prefix="maildir-")))
    is_root = os.geteuid() == 0
    try:
        if is_root:
            for path in (maildir, *maildir.iterdir()):
                os.chown(path, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        yield maildir
    finally:
        if is_root:
            os.seteuid(0)
        shutil.rmtree(maildir)


def test_what_is_understood_goes_and_the_rest_is_put_by_where_a_mail_reader_finds_it(maildir: Path) -> None:
    for name in ("new/1", "cur/2:2,S", "new/3", "tmp/4"):
        (maildir / name).write_text(name)
    assert waiting(maildir) == 3
    scan(maildir, lambda octets: octets == b"new/1", never)
    assert files(maildir) == [f"{UNREAD}/cur/2:2,S", f"{UNREAD}/new/3", "tmp/4"]
    assert (maildir / UNREAD / "new/3").read_text() == "new/3"
    assert {path.name for path in (maildir / UNREAD).iterdir()} == {"cur", "new", "tmp", "maildirfolder"}
    scan(maildir, lambda _: pytest.fail("read again"), never)


def test_what_is_put_by_replaces_nothing(maildir: Path) -> None:
    for text in ("first", "second", "third"):
        (maildir / "new/1").write_text(text)
        scan(maildir, lambda _: False, never)
    kept = sorted((maildir / UNREAD / "new").iterdir())
    assert [path.read_text() for path in kept] == ["first", "second", "third"]


def test_folders_links_pipes_and_hidden_files_are_no_mails(maildir: Path, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("secret")
    (maildir / "new/link").symlink_to(tmp_path / "secret")
    (maildir / "new/nowhere").symlink_to(tmp_path / "nowhere")
    (maildir / "new/folder").mkdir()
    (maildir / "new/.hidden").write_text("hidden")
    os.mkfifo(maildir / "new/pipe")
    (maildir / "new/empty").touch()
    books = Books()
    scan(maildir, books, never)
    assert books.booked == [b""]
    assert files(maildir) == ["new/.hidden", "new/link", "new/nowhere", "new/pipe"]


def test_what_another_reader_has_taken_meanwhile_is_passed_over(maildir: Path) -> None:
    for name in ("1", "2", "3"):
        (maildir / "new" / name).touch()

    def faster(_: bytes) -> bool:
        assert waiting(maildir) == 3
        for path in (maildir / "new").iterdir():
            path.unlink()
        return False

    scan(maildir, faster, never)
    assert files(maildir) == []


def test_of_a_long_mail_the_first_mebibyte_is_read(maildir: Path) -> None:
    (maildir / "new/1").write_bytes(b"x" * READ_OCTETS + b"y")
    books = Books()
    scan(maildir, books, never)
    assert books.booked == [b"x" * READ_OCTETS]


def test_a_mail_stays_while_it_is_not_booked(maildir: Path) -> None:
    (maildir / "new/1").touch()

    def fails(_: bytes) -> bool:
        raise StoreError("The database is full.")

    with pytest.raises(StoreError):
        scan(maildir, fails, never)
    assert files(maildir) == ["new/1"]


def test_a_stop_ends_it_after_the_mail_at_hand(maildir: Path) -> None:
    for name in ("1", "2", "3"):
        (maildir / "new" / name).touch()
    books = Books()
    scan(maildir, books, lambda: bool(books.booked))
    assert len(files(maildir)) == 2


def test_a_mail_that_may_not_be_read_is_named_once_the_others_are_read() -> None:
    with a_users() as maildir:
        for name in ("1", "2", "3"):
            (maildir / "new" / name).touch()
        (maildir / "new/2").chmod(0)
        with pytest.raises(InboxError, match="new/2 cannot be read: Permission denied"):
            scan(maildir, lambda _: True, never)
        assert files(maildir) == ["new/2"]


@pytest.mark.parametrize("understood", [True, False])
def test_a_mail_that_cannot_be_given_up_is_named_at_once(*, understood: bool) -> None:
    with a_users() as maildir:
        (maildir / "new/1").touch()
        (maildir / "new/2").touch()
        (maildir / "new").chmod(0o500)
        books = Books(understands=understood)
        with pytest.raises(InboxError, match="is booked, but cannot be moved: Permission denied"):
            scan(maildir, books, never)
        assert len(books.booked) == 1


@pytest.mark.parametrize("missing", ["", "cur"])
def test_a_maildir_that_is_none_is_named(maildir: Path, missing: str) -> None:
    shutil.rmtree(maildir / missing)
    with pytest.raises(InboxError, match="check \\[bounces\\] maildir"):
        scan(maildir, lambda _: True, never)
