"""Whom a Postfix asks about what it is to answer: a policy service, and one that knows passwords."""

import contextlib
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator
from itertools import count
from socketserver import StreamRequestHandler, ThreadingTCPServer

from smtp_server import At, Bad

STAGES: dict[str, At] = {
    "CONNECT": "banner",
    "EHLO": "ehlo",
    "MAIL": "mail",
    "RCPT": "rcpt",
    "DATA": "data",
    "END-OF-MESSAGE": "dot",
}
"""Postfix's names (SMTPD_POLICY_README) for where in a session it asks."""

Answer = Callable[[At, str], str]
"""Says what Postfix is to do at a stage of a recipient's transaction (access(5)); empty: what it would do."""


class _Server(ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True


class PolicyServer(_Server):
    """Asked at every stage. `answer` is whatever a test wants of it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Policy)
        self.answer: Answer = lambda _at, _recipient: ""

    @property
    def name(self) -> str:
        return f"inet:127.0.0.1:{self.server_address[1]}"


class _Policy(StreamRequestHandler):
    server: PolicyServer

    def handle(self) -> None:
        question: dict[str, str] = {}
        # Postfix may end at any time.
        with contextlib.suppress(OSError):
            for line in self.rfile:
                name, _, value = line.decode().rstrip("\n").partition("=")
                if name:
                    question[name] = value
                    continue
                action = self.server.answer(STAGES[question["protocol_state"]], question["recipient"])
                self.wfile.write(f"action={action or 'DUNNO'}\n\n".encode())
                question = {}


class PasswordServer(_Server):
    """Speaks Dovecot's protocol for authentication; it knows PLAIN and one account."""

    def __init__(self, user: str, password: str) -> None:
        super().__init__(("127.0.0.1", 0), _Passwords)
        self.account = [user, password]
        self.works = True
        """Else it hangs up on whoever asks."""

    @property
    def name(self) -> str:
        return f"inet:127.0.0.1:{self.server_address[1]}"


class _Passwords(StreamRequestHandler):
    server: PasswordServer

    def handle(self) -> None:
        self.wfile.write(
            b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t00112233445566778899aabbccddeeff\n"
            b"DONE\n"
        )
        with contextlib.suppress(OSError):
            for line in self.rfile:
                verb, *fields = line.decode().rstrip("\n").split("\t")
                if verb == "AUTH" and not self.server.works:
                    return
                if verb == "AUTH":
                    self.wfile.write(self._answer(fields).encode())

    def _answer(self, fields: list[str]) -> str:
        number, response = fields[0], fields[-1].removeprefix("resp=")
        _, user, password = b64decode(response).decode().split("\0")
        known = [user, password] == self.server.account
        return f"OK\t{number}\tuser={user}\n" if known else f"FAIL\t{number}\tuser={user}\n"


@contextlib.contextmanager
def asked(server: _Server) -> Iterator[None]:
    """Serve in a thread until the end of the context."""
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def badly(bad: Bad, deed: Callable[[], object] = lambda: None) -> Answer:
    """Give what answers so where it is to, after doing a deed, whichever thread asks."""
    lock, met = threading.Lock(), count(1)

    def answer(at: At, recipient: str) -> str:
        if at != bad.at or bad.to not in {"", recipient}:
            return ""
        with lock:
            occasion = next(met)
        if bad.times is not None and occasion not in bad.times:
            return ""
        deed()
        return bad.how

    return answer
