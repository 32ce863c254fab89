"""sd_notify over real datagram sockets."""

import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from scheduler.systemd import notify, notify_reloading


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


def test_a_reload_is_told_with_the_time_of_the_clock_that_systemd_goes_by(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = str(tmp_path / "notify")
    monkeypatch.setenv("NOTIFY_SOCKET", path)
    with listening(path) as listener:
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
        assert notify_reloading()
        word, _, number = listener.recv(1000).decode().partition("\nMONOTONIC_USEC=")
        assert word == "RELOADING=1"
        assert before <= int(number) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
