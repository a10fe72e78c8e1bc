"""A Postfix of our own: queue, mailbox and log in a temporary folder, and a port for each way to be set up.

It needs root, as Postfix does. It listens on the loopback address alone, passes nothing on, and delivers what
it takes into one maildir, from which it is read.
"""

import contextlib
import os
import pwd
import re
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from smtp_server import Received

PROGRAMS = Path("/usr/lib/postfix/sbin")
SECONDS = 20
"""How long it may take to start, to stop, or to deliver what it has taken."""
LETS_EXECUTE = 0o100
"""A queue file has this permission once it is complete, and taken: one that is being written has not."""
BEFORE = re.compile(rb"((?:(?!Received:)[^\n]*\n)*)Received:([^\n]*\n(?:[\t ][^\n]*\n)*)")
"""What Postfix puts before a message: fields that say who it is for, and a trace (RFC 5321 section 4.4)."""

MAIN = """\
compatibility_level = 3.6
myhostname = relay.example
queue_directory = {folder}/queue
data_directory = {folder}/data
maillog_file = {folder}/mail.log
maillog_file_prefixes = {folder}
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
disable_dns_lookups = yes
smtpd_peername_lookup = no
mydestination =
mynetworks =
alias_maps =
alias_database =
local_recipient_maps =
local_header_rewrite_clients =
fast_flush_domains =
enable_long_queue_ids = yes
default_transport = error:nothing leaves this host
relay_transport = error:nothing leaves this host
virtual_mailbox_domains = mail.example, {domains}
virtual_mailbox_maps = static:all/
virtual_mailbox_base = {folder}/boxes
virtual_uid_maps = static:{uid}
virtual_gid_maps = static:{gid}
virtual_minimum_uid = 1
smtpd_relay_restrictions = reject_unauth_destination
smtpd_client_event_limit_exceptions =
smtpd_error_sleep_time = 0
smtpd_tls_security_level = none
anvil_rate_time_unit = 1s
in_flow_delay = 0
max_idle = 5s
{more}
"""
MASTER = """\
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
error unix - - n - - error
smtp unix - - n - - smtp
lmtp unix - - n - - lmtp
discard unix - - n - - discard
retry unix - - n - - error
virtual unix - n n - - virtual
anvil unix - - n - 1 anvil
postlog unix-dgram n - n - 1 postlogd
"""


More = Callable[[Mapping[str, int]], Mapping[str, str]]


@dataclass(frozen=True, kw_only=True)
class Door:
    """What is set at one port otherwise than elsewhere: for the server, and for its parts behind it."""

    smtpd: Mapping[str, str] = field(default_factory=dict)
    cleanup: Mapping[str, str] = field(default_factory=dict)
    rewrite: Mapping[str, str] = field(default_factory=dict)

    def services(self, port: int) -> Iterator[str]:
        """Give its lines of master.cf (master(5)), with parts of its own where it needs them."""
        smtpd = dict(self.smtpd)
        if self.cleanup:
            smtpd["cleanup_service_name"] = own = f"cleanup-{port}"
            yield f"{own} unix n - n - 0 cleanup{_options(self.cleanup)}\n"
        if self.rewrite:
            smtpd["rewrite_service_name"] = own = f"rewrite-{port}"
            yield f"{own} unix - - n - - trivial-rewrite{_options(self.rewrite)}\n"
        yield f"127.0.0.1:{port} inet n - n - - smtpd{_options(smtpd)}\n"


def _options(settings: Mapping[str, str]) -> str:
    return "".join(f"\n  -o {{ {name} = {value} }}" for name, value in settings.items())


class Postfix:
    """One instance. It can be stopped and started while mail is coming in; what it has taken stays."""

    def __init__(
        self, folder: Path, doors: Mapping[str, Door], stack: contextlib.ExitStack, more: More
    ) -> None:
        self._folder = folder
        self._ports = {name: _kept(stack) for name in doors}
        self._master: subprocess.Popen[bytes] | None = None
        nobody = pwd.getpwnam("nobody")
        for name in ("etc", "queue", "boxes"):
            (folder / name).mkdir()
        os.chown(folder / "boxes", nobody.pw_uid, nobody.pw_gid)
        domains = ", ".join(f"mail{number}.example" for number in range(7))
        settings = "\n".join(f"{name} = {value}" for name, value in more(self._ports).items())
        main = MAIN.format(
            folder=folder, domains=domains, uid=nobody.pw_uid, gid=nobody.pw_gid, more=settings
        )
        services = [line for name, door in doors.items() for line in door.services(self._ports[name])]
        (folder / "etc" / "main.cf").write_text(main, encoding="utf-8")
        (folder / "etc" / "master.cf").write_text("".join([MASTER, *services]), encoding="utf-8")
        # It makes the folders that are missing, each with its owner.
        subprocess.run(["postfix", "-c", folder / "etc", "check"], check=True, timeout=SECONDS)

    def port(self, door: str) -> int:
        return self._ports[door]

    def box(self, name: str) -> Path:
        """Give the maildir of a mailbox, which is made with its first mail."""
        return self._folder / "boxes" / name

    @property
    def log(self) -> str:
        path = self._folder / "mail.log"
        return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""

    def start(self) -> None:
        """Start it, and return once it listens."""
        end = time.monotonic() + SECONDS
        while True:
            self._master = subprocess.Popen(
                [PROGRAMS / "master", "-c", self._folder / "etc"], start_new_session=True
            )
            while self._master.poll() is None:
                if self._listens():
                    return
                assert time.monotonic() < end, self.log
                time.sleep(0.01)
            # A process of the one before may still have held a port.
            assert time.monotonic() < end, self.log
            time.sleep(0.1)

    def stop(self) -> None:
        """End it at once with all its processes, as `postfix stop` does, whatever they are at."""
        if self._master is None:
            return
        self._master.terminate()
        self._master.wait(SECONDS)
        self._master = None
        end = time.monotonic() + SECONDS
        while self._listens():
            assert time.monotonic() < end, self.log
            time.sleep(0.01)

    def restart(self) -> None:
        self.stop()
        self.start()

    def _listens(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", next(iter(self._ports.values())))) == 0

    def taken(self, *, at_least: int = 0) -> list[Received]:
        """Give what it has taken since it was last asked, each once, when it has delivered it all."""
        found: dict[str, Received] = {}
        end = time.monotonic() + SECONDS
        while True:
            delivered = not self._queued()
            found |= self._delivered()
            if delivered and len(found) >= at_least:
                return list(found.values())
            assert time.monotonic() < end, self.log
            time.sleep(0.02)

    def _queued(self) -> bool:
        # In the order in which a message goes through them, so that none is missed between two.
        for queue in ("incoming", "active", "deferred"):
            for path in (self._folder / "queue" / queue).rglob("*"):
                with contextlib.suppress(FileNotFoundError):
                    if path.is_file() and path.stat().st_mode & LETS_EXECUTE:
                        return True
        return False

    def _delivered(self) -> dict[str, Received]:
        box = self.box("all") / "new"
        found = {}
        for path in box.iterdir() if box.exists() else ():
            queue_id, message = _read(path.read_bytes())
            # Ended in the middle of a delivery, Postfix delivers again what it took once.
            found[queue_id] = message
            path.unlink()
        return found


def _read(octets: bytes) -> tuple[str, Received]:
    """Give a message as it was taken, without what Postfix has put before it, and its queue's name for it."""
    found = BEFORE.match(octets)
    assert found
    fields = dict(line.split(": ", 1) for line in found[1].decode().splitlines())
    [queue_id] = re.findall(rb" id (\w+)", found[2])
    message = Received(
        sender=fields["Return-Path"].strip("<>"),
        recipient=fields["Delivered-To"],
        data=octets[found.end() :].replace(b"\n", b"\r\n"),
        connection=0,
    )
    return queue_id.decode(), message


def _kept(stack: contextlib.ExitStack) -> int:
    """Give a port that nobody else gets until the stack is closed.

    Postfix shares its ports (SO_REUSEPORT): of two instances that had come by the same free one, each would
    get some of the other's mail. So we stay bound to it ourselves, and share it with our instance alone.
    """
    keeper = stack.enter_context(socket.socket())
    keeper.bind(("127.0.0.1", 0))
    keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    return int(keeper.getsockname()[1])


@contextlib.contextmanager
def running(doors: Mapping[str, Door], more: More = lambda _: {}) -> Iterator[Postfix]:
    """Run one until the end of the context. `more` gives what else is set, by its doors' ports."""
    # Not in pytest's own folder, into which nobody but its user may look.
    folder = Path(tempfile.mkdtemp(prefix="postfix-"))
    folder.chmod(0o755)
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        postfix = Postfix(folder, doors, stack, more)
        stack.callback(postfix.stop)
        postfix.start()
        yield postfix


def answers(table: Mapping[str, str]) -> str:
    """Give a table for Postfix (inline, postconf -m) from what it is asked to what it answers."""
    rows = ", ".join(f"{{ {key} = {value} }}" for key, value in table.items())
    return f"inline:{{ {rows} }}"
