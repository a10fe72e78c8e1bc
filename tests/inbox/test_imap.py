"""A folder on a real IMAP server is read: Dovecot on loopback."""

import imaplib
import os
from collections.abc import Iterator

import pytest
from dovecot import PASSWORD, Dovecot, running

from digest.errors import InboxError, StoreError
from digest.inbox.booking import READ_OCTETS
from digest.inbox.imap import LoginError, Session

pytestmark = [
    pytest.mark.system,
    pytest.mark.skipif(os.geteuid() != 0, reason="Dovecot serves several users, as root alone may"),
]

UNREAD = ".digest-unread"
NO_MORE_THAN_OLD = "imap_capability = IMAP4rev1 UIDPLUS"
OLDEST = "imap_capability = IMAP4rev1"


@pytest.fixture(scope="module")
def server() -> Iterator[Dovecot]:
    with running() as server:
        yield server


def never() -> bool:
    return False


def mail(subject: str) -> bytes:
    return f"Subject: {subject}\n\nAway.\n".encode()


class Books:
    """Remembers the subjects of what it is given, and understands some of them."""

    def __init__(self, *understood: str) -> None:
        self.booked: list[str] = []
        self._understood = understood

    def __call__(self, octets: bytes) -> bool:
        subject = octets.partition(b"\r\n")[0].decode().removeprefix("Subject: ")
        self.booked.append(subject)
        return subject in self._understood


def read_and_put_by(server: Dovecot, *, is_tls: bool = False) -> None:
    server.deliver("rosa", mail("a"), mail("b"), mail("c"))
    books = Books("a", "c")
    with Session(server.place("rosa", is_tls=is_tls), PASSWORD) as session:
        assert session.unread() == 0
        session.scan(books, never)
        session.scan(books, never)
        assert session.unread() == 1
    assert books.booked == ["a", "b", "c"]


def test_what_is_understood_is_deleted_and_the_rest_is_put_by(server: Dovecot) -> None:
    read_and_put_by(server)
    assert server.mails("rosa") == []
    assert server.mails("rosa", UNREAD) == [mail("b")]


def test_a_server_that_cannot_move_copies_what_is_put_by() -> None:
    with running(more=NO_MORE_THAN_OLD) as old:
        read_and_put_by(old)
        assert (old.mails("rosa"), old.mails("rosa", UNREAD)) == ([], [mail("b")])


def test_a_server_that_cannot_expunge_single_mails_keeps_them_and_they_are_not_read_again() -> None:
    with running(more=OLDEST) as oldest:
        read_and_put_by(oldest)
        assert len(oldest.mails("rosa")) == 3
        assert oldest.mails("rosa", UNREAD) == [mail("b")]


def test_a_server_that_has_all_folders_below_the_inbox_gets_ours_there() -> None:
    with running(prefix="INBOX.") as server:
        read_and_put_by(server)
        assert server.mails("rosa", UNREAD) == [mail("b")]


def test_tls_wants_a_certificate_that_is_vouched_for(
    server: Dovecot, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = server.place("vera", is_tls=True)
    with pytest.raises(InboxError, match=r"is in trouble: .*certificate verify failed"):
        Session(place, PASSWORD)
    monkeypatch.setenv("SSL_CERT_FILE", str(server.authority))
    server.deliver("vera", mail("a"))
    with Session(place, PASSWORD) as session:
        session.scan(Books("a"), never)
    assert server.mails("vera") == []


def test_what_others_have_marked_as_deleted_is_neither_read_nor_expunged(server: Dovecot) -> None:
    server.deliver("olaf", mail("a"), mail("b"))
    with imaplib.IMAP4("127.0.0.1", server.port) as other:
        other.login("olaf", PASSWORD)
        other.select()
        other.store("1", "+FLAGS", r"(\Deleted)")
        other.unselect()
    books = Books("a", "b")
    with Session(server.place("olaf"), PASSWORD) as session:
        session.scan(books, never)
    assert books.booked == ["b"]
    assert server.mails("olaf") == [mail("a")]


def test_of_a_long_mail_the_first_mebibyte_is_read_and_of_an_empty_one_nothing(server: Dovecot) -> None:
    server.deliver("lena", mail("x") + b"y" * READ_OCTETS, b"")
    read: list[int] = []

    def book(octets: bytes) -> bool:
        read.append(len(octets))
        return True

    with Session(server.place("lena"), PASSWORD) as session:
        session.scan(book, never)
    assert read == [READ_OCTETS, 0]


def test_a_mail_stays_while_it_is_not_booked(server: Dovecot) -> None:
    def fails(_: bytes) -> bool:
        raise StoreError("The database is full.")

    server.deliver("ida", mail("a"))
    with Session(server.place("ida"), PASSWORD) as session, pytest.raises(StoreError):
        session.scan(fails, never)
    books = Books("a")
    with Session(server.place("ida"), PASSWORD) as session:
        session.scan(books, never)
    assert (books.booked, server.mails("ida")) == (["a"], [])


def test_two_who_read_at_once_are_not_in_each_others_way(server: Dovecot) -> None:
    server.deliver("mia", mail("a"), mail("b"), mail("c"))
    with (
        Session(server.place("mia"), PASSWORD) as one,
        Session(server.place("mia"), PASSWORD) as other,
    ):

        def book(_: bytes) -> bool:
            other.scan(lambda octets: octets.startswith(b"Subject: a"), never)
            return True

        one.scan(book, never)
        assert (one.waiting(), other.waiting()) == ([], [])
    assert server.mails("mia", UNREAD) == [mail("b"), mail("c")]


def test_a_stop_ends_it_after_the_mail_at_hand(server: Dovecot) -> None:
    server.deliver("emil", mail("a"), mail("b"))
    books = Books("a", "b")
    with Session(server.place("emil"), PASSWORD) as session:
        session.scan(books, lambda: bool(books.booked))
        assert books.booked == ["a"]
        assert len(session.waiting()) == 1


def test_what_comes_meanwhile_is_told_by_the_server(server: Dovecot) -> None:
    server.deliver("nils", mail("a"))
    looks = 0

    def deliver_once() -> bool:
        nonlocal looks
        looks += 1
        if looks == 1:
            server.deliver("nils", mail("b"))
        # Long before an IDLE would end by itself.
        return looks > 60

    with Session(server.place("nils"), PASSWORD) as session:
        assert session.can_idle
        session.scan(Books("a"), never)
        session.idle(deliver_once)
        assert len(session.waiting()) == 1
    assert looks < 60


def test_what_came_since_the_last_scan_is_not_waited_for(server: Dovecot) -> None:
    server.deliver("olga", mail("a"))
    with Session(server.place("olga"), PASSWORD) as session:
        session.scan(Books("a"), never)
        server.deliver("olga", mail("b"))
        session.waiting()
        session.idle(lambda: pytest.fail("it waits"))


def test_a_server_that_goes_ends_the_waiting_with_what_happened() -> None:
    with running() as server:
        server.deliver("rosa", mail("a"))
        with Session(server.place("rosa"), PASSWORD) as session:

            def go() -> bool:
                server.stop()
                return False

            session.scan(Books(), never)
            with pytest.raises(InboxError, match="is in trouble"):
                session.idle(go)
            with pytest.raises(InboxError, match="is in trouble"):
                session.scan(Books(), never)
        with pytest.raises(InboxError, match="is in trouble: Connection refused"):
            Session(server.place("rosa"), PASSWORD)


def test_a_wrong_password_is_told_as_such(server: Dovecot) -> None:
    with pytest.raises(LoginError, match=r"does not let rosa in: \[AUTHENTICATIONFAILED\]"):
        Session(server.place("rosa"), "wröng")


def test_a_server_that_cannot_know_passwords_now_is_not_told_as_a_wrong_one() -> None:
    unreachable = "passdb {\n driver = checkpassword\n args = /nowhere\n}"
    with running(more=unreachable) as server:
        with pytest.raises(InboxError, match=r"is in trouble: \[UNAVAILABLE\]") as told:
            Session(server.place("rosa"), "wrong")
        assert not isinstance(told.value, LoginError)


def test_a_folder_that_is_not_there_is_named_by_the_server(server: Dovecot) -> None:
    with pytest.raises(InboxError, match="Mailbox doesn't exist: Bounces"):
        Session(server.place("rosa", folder="Bounces"), PASSWORD)
