"""A Dovecot of our own: mailboxes, certificate and log in a temporary folder. It needs root, as Dovecot does.

Whoever knows the password is a user, whatever the name.
"""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import trustme
from installed import free_port

from digest.config.bounces import ImapBox

SECONDS = 20
"""How long it may take to start or to stop."""
PASSWORD = "tidewater"

CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/log
protocols = imap
listen = 127.0.0.1
ssl = yes
ssl_cert = <{folder}/certificate.pem
ssl_key = <{folder}/key.pem
disable_plaintext_auth = no
auth_failure_delay = 0
mail_location = maildir:{folder}/mail/%u
first_valid_uid = 1
passdb {{
  driver = static
  args = password={password}
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home={folder}/mail/%u
}}
service imap-login {{
  chroot =
  inet_listener imap {{
    port = {port}
  }}
  inet_listener imaps {{
    port = {tls_port}
    ssl = yes
  }}
}}
service anvil {{
  # Else it answers the slower, the more wrong passwords came from here.
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
service stats {{
  unix_listener stats-writer {{
    mode = 0666
  }}
}}
namespace inbox {{
  inbox = yes
  separator = .
  prefix = {prefix}
}}
{more}
"""


class Dovecot:
    """One instance."""

    def __init__(self, folder: Path, *, prefix: str, more: str) -> None:
        self._folder, self._prefix, self._more = folder, prefix, more
        self._process: subprocess.Popen[bytes] | None = None
        self.port, self.tls_port = 0, 0
        authority = trustme.CA()
        certificate = authority.issue_cert("localhost", "127.0.0.1")
        self.authority = folder / "authority.pem"
        authority.cert_pem.write_to_path(self.authority)
        certificate.private_key_pem.write_to_path(folder / "key.pem")
        for blob in certificate.cert_chain_pems:
            blob.write_to_path(folder / "certificate.pem", append=True)
        (folder / "mail").mkdir()
        shutil.chown(folder / "mail", "nobody")

    def place(self, user: str, *, is_tls: bool = False, folder: str = "INBOX") -> ImapBox:
        port = self.tls_port if is_tls else self.port
        return ImapBox(host="127.0.0.1", port=port, user=user, folder=folder, is_tls=is_tls)

    @property
    def log(self) -> str:
        path = self._folder / "log"
        return path.read_text(encoding="utf-8") if path.exists() else ""

    def start(self) -> None:
        """Start it, on the ports that it had before or on free ones."""
        end = time.monotonic() + SECONDS
        while self._process is None:
            assert time.monotonic() < end, self.log
            self._configure()
            self._process = subprocess.Popen(
                ["dovecot", "-F", "-c", self._folder / "dovecot.conf"], start_new_session=True
            )
            while not self._listens() and self._process is not None:
                assert time.monotonic() < end, self.log
                time.sleep(0.01)
                if self._process.poll() is not None:
                    # Somebody was faster at one of the ports.
                    self._process, self.port = None, 0

    def _configure(self) -> None:
        if not self.port:
            self.port, self.tls_port = free_port(), free_port()
        text = CONFIG.format(
            folder=self._folder,
            port=self.port,
            tls_port=self.tls_port,
            password=PASSWORD,
            prefix=self._prefix,
            more=self._more,
        )
        (self._folder / "dovecot.conf").write_text(text, encoding="utf-8")

    def stop(self) -> None:
        """End it at once, and every connection with it: they would live on for some seconds."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(SECONDS)
            self._process = None

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.tls_port)) == 0

    def deliver(self, user: str, *mails: bytes) -> None:
        """Put mails into a user's INBOX, as a mail server does."""
        inbox = self._folder / "mail" / user
        for name in ("tmp", "new", "cur"):
            (inbox / name).mkdir(parents=True, exist_ok=True)
        for place in (inbox, *inbox.iterdir()):
            shutil.chown(place, "nobody", "nogroup")
        for number, mail in enumerate(mails, time.time_ns()):
            written = inbox / "tmp" / f"{number}.test"
            written.write_bytes(mail)
            shutil.chown(written, "nobody", "nogroup")
            written.rename(inbox / "new" / written.name)

    def mails(self, user: str, folder: str = "") -> Sequence[bytes]:
        """Give the mails that lie in a folder of a user's, by their names."""
        box = self._folder / "mail" / user / folder
        found = (path for name in ("new", "cur") if (box / name).exists() for path in (box / name).iterdir())
        return [path.read_bytes() for path in sorted(found, key=lambda path: path.name)]


@contextlib.contextmanager
def running(*, prefix: str = "", more: str = "") -> Iterator[Dovecot]:
    """Run one for a context: `prefix` is that of its folders, `more` stands in dovecot.conf."""
    # Not in pytest's own folder, into which nobody but its user may look.
    folder = Path(tempfile.mkdtemp(prefix="dovecot-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        server = Dovecot(folder, prefix=prefix, more=more)
        stack.callback(server.stop)
        server.start()
        yield server
