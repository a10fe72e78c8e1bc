"""A relay that says what a test wants, on a loopback port, in a thread. Remembers what it heard."""

import socket
import ssl
import threading
from collections.abc import Mapping
from types import TracebackType
from typing import Self

GOOD = {
    "GREETING": "220 relay.example ESMTP",
    "EHLO": "250-relay.example\r\n250-PIPELINING\r\n250-STARTTLS\r\n250 AUTH PLAIN LOGIN",
    "STARTTLS": "220 2.0.0 Ready to start TLS",
    "AUTH": "235 2.7.0 Authentication successful",
    "MAIL": "250 2.1.0 Ok",
    "RCPT": "250 2.1.5 Ok",
    "QUIT": "221 2.0.0 Bye",
}


class Relay:
    """Answers by the first word that it hears; an empty answer means silence."""

    def __init__(
        self,
        answers: Mapping[str, str] | None = None,
        *,
        tls: ssl.SSLContext | None = None,
        at_once: bool = False,
    ) -> None:
        self._answers, self._tls, self._at_once = {**GOOD, **(answers or {})}, tls, at_once
        self._listening = socket.create_server(("127.0.0.1", 0))
        self._open: list[socket.socket] = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self.port: int = self._listening.getsockname()[1]
        self.heard: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        # This wakes the thread where it still waits for somebody.
        self._listening.shutdown(socket.SHUT_RDWR)
        for one in (self._listening, *self._open):
            one.close()
        self._thread.join(5)

    def _serve(self) -> None:
        try:
            connection, _ = self._listening.accept()
            self._open.append(connection)
            self._talk(connection)
        except OSError:
            # Closed by the other side, or by the end of the test.
            return

    def _talk(self, connection: socket.socket) -> None:
        if self._tls is not None and self._at_once:
            connection = self._secure(connection)
        self._say(connection, "GREETING")
        while line := self._line(connection):
            verb = line.partition(" ")[0].strip().upper()
            self.heard.append(verb)
            self._say(connection, verb)
            if verb == "STARTTLS" and self._tls is not None:
                connection = self._secure(connection)
            if verb == "QUIT":
                connection.close()
                return

    def _secure(self, connection: socket.socket) -> socket.socket:
        assert self._tls is not None
        secured = self._tls.wrap_socket(connection, server_side=True)
        self._open.append(secured)
        return secured

    def _say(self, connection: socket.socket, what: str) -> None:
        if answer := self._answers.get(what, "500 5.5.1 What?"):
            connection.sendall(f"{answer}\r\n".encode())

    @staticmethod
    def _line(connection: socket.socket) -> str:
        line = b""
        while not line.endswith(b"\n"):
            octet = connection.recv(1)
            if not octet:
                return ""
            line += octet
        return line.decode("latin-1")
