"""What systemd wants to hear of a service of Type=notify: sd_notify(3), without a library.

Not one line is lost on a system without it: there, nobody listens and nothing is sent.
"""

import os
import socket
import time
from collections.abc import Mapping
from datetime import timedelta

from scheduler.texts import escaped


def notify(*lines: str) -> bool:
    """Send lines such as `READY=1`, `STOPPING=1` or `STATUS=...`; whether anybody was there to hear them."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if address[:1] not in {"/", "@"}:
        return False
    # An address that begins with @ is in the abstract namespace, which the kernel writes with a NUL.
    target = f"\0{address[1:]}" if address[0] == "@" else address
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK) as sender:
            sender.sendto("\n".join(lines).encode(), target)
    except OSError:
        return False
    return True


def notify_reloading() -> bool:
    """Say that another file is being loaded; `READY=1` says that this is over. Since systemd 253 it wants the time."""
    return notify("RELOADING=1", f"MONOTONIC_USEC={time.monotonic_ns() // 1000}")


def status(text: str) -> bool:
    """Say in one line what `systemctl status` is to show."""
    return notify(f"STATUS={escaped(text)}")


def is_heard(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether systemd has asked to be told anything."""
    return bool(environment.get("NOTIFY_SOCKET"))


def watchdog_limit(environment: Mapping[str, str] = os.environ) -> timedelta | None:
    """How long systemd waits for a `WATCHDOG=1` before it ends us; None where it doesn't, or means another process."""
    limit, process = environment.get("WATCHDOG_USEC", ""), environment.get("WATCHDOG_PID", "")
    is_ours = not process or process == str(os.getpid())
    return timedelta(microseconds=int(limit)) if limit.isdecimal() and int(limit) and is_ours else None
