"""A small HTTP server for strangers, over real sockets."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPConnection

import pytest

from rules.document import Endpoint
from scheduler import serving
from scheduler.serving import Answer, Server
from tests.scheduler_fakes import captured_logs

Answering = Callable[[str, str], Answer]


def echo(path: str, accept: str) -> Answer:
    return Answer(200, "text/plain", f"{path} {accept}".encode())


@contextmanager
def serving_at(endpoint: Endpoint, answer: Answering = echo) -> Iterator[Endpoint]:
    server = Server(endpoint, answer)
    try:
        yield server.endpoint
    finally:
        server.close()


@pytest.fixture
def endpoint() -> Iterator[Endpoint]:
    with serving_at(Endpoint("127.0.0.1", 0)) as endpoint:
        yield endpoint


def asked(endpoint: Endpoint, path: str = "/", method: str = "GET", **headers: str) -> tuple[int, bytes]:
    connection = HTTPConnection(endpoint.host, endpoint.port, timeout=10)
    try:
        connection.request(method, path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def test_it_answers_get_with_the_path_and_what_is_accepted(endpoint: Endpoint) -> None:
    assert endpoint.port > 0
    assert asked(endpoint, "/metrics?name=x", Accept="text/plain") == (200, b"/metrics text/plain")


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE"])
def test_it_understands_nothing_else(endpoint: Endpoint, method: str) -> None:
    assert asked(endpoint, method=method)[0] == 501


def test_it_answers_at_an_address_of_version_6() -> None:
    try:
        with serving_at(Endpoint("::1", 0)) as endpoint:
            assert asked(endpoint)[0] == 200
            assert str(endpoint) == f"[::1]:{endpoint.port}"
    except OSError:
        pytest.skip("this machine has no IPv6")


def test_an_address_that_is_taken_is_an_error(endpoint: Endpoint) -> None:
    with pytest.raises(OSError, match="in use"):
        Server(endpoint, echo)


def test_once_it_is_closed_nobody_answers_and_another_can_have_the_address() -> None:
    with serving_at(Endpoint("127.0.0.1", 0)) as endpoint:
        assert asked(endpoint)[0] == 200
    with pytest.raises(ConnectionRefusedError):
        asked(endpoint)
    with serving_at(endpoint):
        assert asked(endpoint)[0] == 200


def test_who_says_nothing_keeps_nobody_else_waiting_and_more_than_a_few_are_turned_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "_MOST_AT_ONCE", 3)
    with serving_at(Endpoint("127.0.0.1", 0)) as endpoint, ExitStack() as silent:

        def connected() -> socket.socket:
            return silent.enter_context(socket.create_connection((endpoint.host, endpoint.port), timeout=10))

        for _ in range(2):
            connected()
        assert asked(endpoint)[0] == 200
        connected()
        # One of those who are turned away: it's told by the end of the connection.
        while connected().recv(1):
            pass


def test_who_says_nothing_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving._Handler, "timeout", 0.05)
    with (
        serving_at(Endpoint("127.0.0.1", 0)) as endpoint,
        socket.create_connection((endpoint.host, endpoint.port), timeout=10) as silent,
    ):
        assert silent.recv(1) == b""


def test_nor_is_who_drips_byte_after_byte(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight of these would keep all others out, and whoever looks after the process would start it anew."""
    monkeypatch.setattr(serving, "_LONGEST_SECONDS", 0.1)
    with (
        serving_at(Endpoint("127.0.0.1", 0)) as endpoint,
        socket.create_connection((endpoint.host, endpoint.port), timeout=0.01) as dripping,
        pytest.raises(ConnectionError),
    ):
        drip(dripping)


def drip(connection: socket.socket) -> None:
    for _ in range(500):
        connection.sendall(b"G")
        with suppress(TimeoutError):
            connection.recv(1)


def test_a_thread_that_cannot_be_had_takes_no_room_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving, "_MOST_AT_ONCE", 1)
    with captured_logs(), serving_at(Endpoint("127.0.0.1", 0)) as endpoint:
        with monkeypatch.context() as patch:
            patch.setattr(threading.Thread, "start", refused)
            with pytest.raises(ConnectionError):
                asked(endpoint)
        assert asked(endpoint)[0] == 200


def refused(_thread: threading.Thread) -> None:
    raise RuntimeError("can't start new thread")


def test_a_fault_is_said_and_ends_nothing_else() -> None:
    def answer(path: str, accept: str) -> Answer:
        if path == "/fault":
            raise ZeroDivisionError("a bug")
        return echo(path, accept)

    with captured_logs() as logs, serving_at(Endpoint("127.0.0.1", 0), answer) as endpoint:
        assert asked(endpoint, "/fault") == (500, b"a fault of the program; the log has it\n")
        assert asked(endpoint)[0] == 200
    assert [(line["event"], line["path"]) for line in logs] == [("a request for metrics has met a fault", "/fault")]


def test_who_goes_away_before_the_answer_ends_nothing() -> None:
    is_gone = threading.Event()

    def answer(path: str, accept: str) -> Answer:
        if path == "/slow":
            is_gone.wait(10)
            return Answer(200, "text/plain", b"x" * 10_000_000)
        return echo(path, accept)

    with captured_logs() as logs, serving_at(Endpoint("127.0.0.1", 0), answer) as endpoint:
        with socket.create_connection((endpoint.host, endpoint.port), timeout=10) as impatient:
            impatient.sendall(b"GET /slow HTTP/1.0\r\n\r\n")
        is_gone.set()
        assert asked(endpoint)[0] == 200
    assert [line for line in logs if line["log_level"] != "debug"] == []
