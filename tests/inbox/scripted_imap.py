"""An IMAP server that does what no real one is made to do: each command is answered as a test has it."""

import contextlib
import socketserver
import threading
from collections.abc import Iterator, Mapping

from digest.config.bounces import ImapBox

HANGS = "hangs"
"""An answer that never comes."""
SECONDS = 20

Answers = Mapping[str, list[str]]
"""What is said to a command, before its OK: the first time, the second time, and so on as the last time."""


class _Handler(socketserver.StreamRequestHandler):
    server: "Scripted"

    def handle(self) -> None:
        self._say("* OK Ready")
        for line in self.rfile:
            tag, verb, *_ = line.decode().split()
            self.server.asked.append(verb)
            answers = self.server.answers.get(verb, [""])
            told = answers.pop(0) if len(answers) > 1 else answers[0]
            if told == HANGS:
                continue
            if told:
                self._say(told)
            self._say(f"{tag} {'BAD No' if verb == 'IDLE' else 'OK Done'}")
        self.server.left.set()

    def _say(self, line: str) -> None:
        self.wfile.write(f"{line}\r\n".encode())


class Scripted(socketserver.ThreadingTCPServer):
    """One on loopback. `asked` are the commands that came; an IDLE is refused."""

    daemon_threads = True

    def __init__(self, answers: Answers) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers = {"CAPABILITY": ["* CAPABILITY IMAP4rev1"], "UID": ["* SEARCH"], **answers}
        self.asked: list[str] = []
        self.left = threading.Event()
        """Whether somebody has gone."""

    @property
    def place(self) -> ImapBox:
        port = self.server_address[1]
        return ImapBox(host="127.0.0.1", port=port, user="rosa", folder="INBOX", is_tls=False)


@contextlib.contextmanager
def scripted(**answers: list[str]) -> Iterator[Scripted]:
    """Run one for a context."""
    with Scripted(answers) as server:
        serving = threading.Thread(target=server.serve_forever, args=(0.01,))
        serving.start()
        try:
            yield server
        finally:
            server.shutdown()
            serving.join(SECONDS)
