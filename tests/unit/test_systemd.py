"""sd_notify over real datagram sockets."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.systemd import is_heard, notify, notify_reloading, status, watchdog_limit


@contextmanager
def listening(address: str) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.settimeout(5)
        listener.bind(address)
        yield listener


def test_all_lines_arrive_as_one_message_at_a_socket_with_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with listening(path) as listener:
        assert notify("READY=1", "STATUS=watching 3 rules")
        assert listener.recv(1000) == b"READY=1\nSTATUS=watching 3 rules"


def test_an_address_that_begins_with_at_is_in_the_abstract_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"curfew-test-{os.getpid()}"
    monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
    with listening(f"\0{name}") as listener:
        assert notify("STOPPING=1")
        assert listener.recv(1000) == b"STOPPING=1"


@pytest.mark.parametrize("address", [None, "", "relative", "vsock:2:1234"])
def test_without_an_address_that_is_known_nothing_is_sent(monkeypatch: pytest.MonkeyPatch, address: str | None) -> None:
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    if address is not None:
        monkeypatch.setenv("NOTIFY_SOCKET", address)
    assert not notify("READY=1")


@pytest.mark.parametrize("name", ["nobody-listens", "x" * 200])
def test_where_nobody_listens_it_says_so_and_raises_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / name))
    assert not notify("READY=1")


def test_a_listener_that_reads_nothing_holds_nobody_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with listening(path):
        sent = [notify("WATCHDOG=1") for _ in range(2000)]
    assert sent[0]
    assert not sent[-1]


def test_a_reload_is_told_with_the_instant_at_which_it_begins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with listening(path) as listener:
        before = time.monotonic_ns() // 1000
        assert notify_reloading()
        after = time.monotonic_ns() // 1000
        first, second = listener.recv(1000).decode().split("\n")
    assert first == "RELOADING=1"
    assert before <= int(second.removeprefix("MONOTONIC_USEC=")) <= after


def test_a_status_is_one_line_whatever_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with listening(path) as listener:
        assert status("1 change fails: ż\nWATCHDOG=trigger\x1b[2J")
        assert listener.recv(1000).decode() == r"STATUS=1 change fails: ż\nWATCHDOG=trigger\x1b[2J"


def test_whether_anybody_hears() -> None:
    assert is_heard({"NOTIFY_SOCKET": "/run/systemd/notify"})
    assert not is_heard({"NOTIFY_SOCKET": ""})
    assert not is_heard({})


@pytest.mark.parametrize(
    ("environment", "limit"),
    [
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": str(os.getpid())}, timedelta(minutes=1)),
        ({"WATCHDOG_USEC": "500000"}, timedelta(milliseconds=500)),
        ({"WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "1"}, None),
        ({"WATCHDOG_USEC": "0"}, None),
        ({"WATCHDOG_USEC": "soon"}, None),
        ({"WATCHDOG_USEC": "-1"}, None),
        ({}, None),
    ],
)
def test_how_long_systemd_waits_for_a_sign(environment: dict[str, str], limit: timedelta | None) -> None:
    assert watchdog_limit(environment) == limit
