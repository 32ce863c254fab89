"""What systemd wants to hear of a service of Type=notify: sd_notify(3), without a library.

Not one line is lost on a system without it: there, nobody listens and nothing is sent.
"""

import os
import socket
import time


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
