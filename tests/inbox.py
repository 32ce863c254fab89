"""Where alerts and pings go in tests: servers on loopback, for HTTP one that takes them, refuses them, or hangs."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any


@dataclass
class Letter:
    """One request."""

    method: str
    path: str
    headers: dict[str, str]
    content: bytes

    @property
    def json(self) -> dict[str, Any]:
        """The body of a `json://` target, or of whatever else sends JSON."""
        found: dict[str, Any] = json.loads(self.content)
        return found


@dataclass
class Inbox:
    """What has come so far; `status` is what's answered, and while `hangs` is set nothing is."""

    port: int = 0
    status: int = 200
    letters: list[Letter] = field(default_factory=list)
    hangs: bool = False
    # Set at the end, so that no thread waits any longer.
    is_over: threading.Event = field(default_factory=threading.Event)

    @property
    def target(self) -> str:
        """Its address for Apprise."""
        return f"json://127.0.0.1:{self.port}/box"

    @property
    def url(self) -> str:
        """Its address as it is."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def titles(self) -> list[str]:
        """The titles of the messages that came, in order."""
        return [letter.json["title"] for letter in self.letters if letter.path == "/box"]

    @property
    def bodies(self) -> list[str]:
        """What the messages say, in order."""
        return [letter.json["message"] for letter in self.letters if letter.path == "/box"]


@contextmanager
def inbox() -> Iterator[Inbox]:
    """One that is open meanwhile."""
    box = Inbox()

    class Handler(BaseHTTPRequestHandler):
        def _take(self) -> None:
            content = self.rfile.read(int(self.headers.get("content-length") or 0))
            if box.hangs:
                box.is_over.wait()
                return
            if box.status < 400:
                box.letters.append(Letter(self.command, self.path, dict(self.headers), content))
            self.send_response(box.status)
            self.send_header("content-length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        do_GET = do_POST = do_PUT = _take  # noqa: N815 -- http.server's names

        def log_message(self, *_: Any) -> None:
            """Say nothing on standard error."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    box.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield box
    finally:
        box.is_over.set()
        server.shutdown()
        server.server_close()
        thread.join()


class _Smtp(StreamRequestHandler):
    """As much of RFC 5321 as one mail takes."""

    def handle(self) -> None:
        self.wfile.write(b"220 here\r\n")
        while line := self.rfile.readline():
            command = line[:4].upper()
            if command == b"DATA":
                self.wfile.write(b"354 go on\r\n")
                content = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    content += part
                self.server.mails.append(message_from_bytes(content, policy=default))  # type: ignore[attr-defined]
            self.wfile.write(b"221 bye\r\n" if command == b"QUIT" else b"250 ok\r\n")


@contextmanager
def mailbox() -> Iterator[tuple[int, list[EmailMessage]]]:
    """A mail server on loopback: its port, and what has come so far."""
    server = ThreadingTCPServer(("127.0.0.1", 0), _Smtp)
    server.daemon_threads = True
    mails: list[EmailMessage] = []
    server.mails = mails  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server.server_address[1], mails
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
