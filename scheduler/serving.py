"""Answers over HTTP in threads of its own, so that somebody answers also while the event loop hangs.

Whoever asks is a stranger: nothing but GET is understood, nobody is waited for, and no more than a few at once.
"""

import socket
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http.server import BaseHTTPRequestHandler
from socketserver import ThreadingTCPServer
from threading import BoundedSemaphore, Thread, Timer
from typing import Any, Final

from rules.document import Endpoint
from scheduler.logs import logger

# Prometheus and who looks after the process; more would take threads and files from those who have work to do.
_MOST_AT_ONCE: Final = 8
_PATIENCE_SECONDS: Final = 5.0
# Who drips byte after byte is never silent.
_LONGEST_SECONDS: Final = 10.0
# How soon it ends when it's told to.
_STEP_SECONDS: Final = 0.2

_log = logger()


@dataclass(frozen=True, slots=True)
class Answer:
    """What is sent back."""

    status: int
    content_type: str
    content: bytes


Answering = Callable[[str, str], Answer]


class Server:
    """Answers at one address from when it's made until `close`.

    `answer` is called in one of several threads, with the path of the request and what its sender accepts.

    Raises:
        OSError: the address can't be had.
    """

    def __init__(self, endpoint: Endpoint, answer: Answering) -> None:
        kind = _Server6 if ":" in endpoint.host else _Server
        self._server = kind((endpoint.host, endpoint.port), answer)
        self.endpoint = Endpoint(endpoint.host, self._server.server_address[1])
        self._thread = Thread(target=self._server.serve_forever, args=[_STEP_SECONDS], name="metrics", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """Answer no more; it may wait for a fraction of a second."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(ThreadingTCPServer):
    # `http.server.HTTPServer` would ask for the name of the address first, which may take long.
    allow_reuse_address = True
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], answer: Answering) -> None:
        self._room = BoundedSemaphore(_MOST_AT_ONCE)
        super().__init__(address, partial(_Handler, answer))

    def process_request(self, request: Any, client_address: Any) -> None:
        """Take up a connection, or end it where there are too many."""
        if not self._room.acquire(blocking=False):
            self.shutdown_request(request)
            return
        try:
            super().process_request(request, client_address)
        except BaseException:
            self._room.release()
            raise

    def process_request_thread(self, request: Any, client_address: Any) -> None:
        """Answer one, in a thread of its own."""
        end = Timer(_LONGEST_SECONDS, _cut_off, [request])
        end.daemon = True
        try:
            end.start()
            super().process_request_thread(request, client_address)
        finally:
            end.cancel()
            self._room.release()

    def handle_error(self, request: Any, client_address: Any) -> None:  # noqa: ARG002 -- socketserver's signature
        """Whoever asks may go away before the answer."""
        _log.debug("a request for metrics came to nothing", exc_info=True)


def _cut_off(request: socket.socket) -> None:
    with suppress(OSError):
        request.shutdown(socket.SHUT_RDWR)


class _Server6(_Server):
    address_family = socket.AF_INET6


class _Handler(BaseHTTPRequestHandler):
    timeout = _PATIENCE_SECONDS
    server_version = "curfew"
    sys_version = ""

    def __init__(self, answer: Answering, *of_a_request: Any) -> None:
        self._answer = answer
        # It does all of its work in there.
        super().__init__(*of_a_request)

    def do_GET(self) -> None:
        """Answer."""
        path = self.path.partition("?")[0]
        try:
            answer = self._answer(path, self.headers.get("Accept", ""))
        except Exception:  # noqa: BLE001 -- a fault of it is shown, and ends nothing else
            _log.exception("a request for metrics has met a fault", path=path)
            answer = Answer(500, "text/plain", b"a fault of the program; the log has it\n")
        self.send_response(answer.status)
        self.send_header("Content-Type", answer.content_type)
        self.send_header("Content-Length", str(len(answer.content)))
        self.end_headers()
        self.wfile.write(answer.content)

    def log_message(self, format: str, *args: Any) -> None:
        """Nobody wants a line for each request."""
