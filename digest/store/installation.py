"""Who this installation is."""

from sqlmodel import Session

from digest.store.tables import InstallationRow


def uid(session: Session) -> str:
    """Give the id that `/healthz` answers with."""
    return session.get_one(InstallationRow, 1).uid


def permanent_key(session: Session) -> bytes:
    """Give the key of Message-IDs and suppression hashes. It is never rotated."""
    return bytes.fromhex(session.get_one(InstallationRow, 1).permanent_key)
