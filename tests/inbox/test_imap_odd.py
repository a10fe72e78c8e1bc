"""IMAP servers that answer oddly, or not at all."""

from scripted_imap import scripted

from digest.inbox.imap import Session


def test_a_server_that_tells_what_it_can_do_but_once_is_believed() -> None:
    with (
        scripted(CAPABILITY=["* CAPABILITY IMAP4rev1 IDLE", ""]) as server,
        Session(server.place, "x") as session,
    ):
        assert session.can_idle
