"""systemd's journal by its own protocol: entries with fields, one datagram each.

See https://systemd.io/JOURNAL_NATIVE_PROTOCOL/ and, for `$JOURNAL_STREAM`, systemd.exec(5).
"""

import os
import socket
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Final

ADDRESS: Final = "/run/systemd/journal/socket"
# A busy journal is waited for; one that hangs must not hang the daemon.
PATIENCE: Final = timedelta(seconds=1)


def reads(descriptor: int, environment: Mapping[str, str] = os.environ) -> bool:
    """Whether what's written to a file descriptor goes to the journal."""
    try:
        found = os.fstat(descriptor)
    except OSError:
        return False
    return environment.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


def entry(fields: Iterable[tuple[str, str]]) -> bytes:
    """One entry as it's sent. A name may come several times; a text of several lines forges no other field."""
    return b"".join(_field(name.encode("ascii"), text.encode("utf-8", "replace")) for name, text in fields)


def _field(name: bytes, text: bytes) -> bytes:
    if b"\n" in text:
        return b"%s\n%s%s\n" % (name, len(text).to_bytes(8, "little"), text)
    return b"%s=%s\n" % (name, text)


class Journal:
    """The way into the journal. Threads may share it: a datagram arrives whole, or not at all."""

    def __init__(self, address: str) -> None:
        self._address = address
        self.hangs = False

    def send(self, content: bytes) -> bool:
        """Send an entry; False where nobody took it."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
            # One that hangs was waited for once, and isn't again until it takes something.
            sender.settimeout(0 if self.hangs else PATIENCE.total_seconds())
            try:
                sender.sendto(content, self._address)
            except OSError as error:
                self.hangs = isinstance(error, TimeoutError | BlockingIOError)
                return False
        self.hangs = False
        return True
