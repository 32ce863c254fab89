"""A small disk for the ledger, that can be filled to the last byte: a tmpfs, where the machine lets us mount one."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SIZE = "24m"
_BLOCK = b"\0" * 65536


class SmallDisk:
    """The folder that the ledger is in; `can_be_filled`: it's a disk of its own."""

    def __init__(self, folder: Path, *, can_be_filled: bool) -> None:
        self.folder = folder
        self.can_be_filled = can_be_filled
        self.is_full = False
        self._filler = folder / "filler"

    def fill(self) -> None:
        """Leave no room at all."""
        self.is_full = True
        with self._filler.open("wb", buffering=0) as filler:
            for block in (_BLOCK, b"\0" * 512, b"\0"):
                with suppress(OSError):
                    while filler.write(block) == len(block):
                        continue

    def empty(self) -> None:
        """There's room again."""
        self._filler.unlink(missing_ok=True)
        self.is_full = False


@contextmanager
def small_disk(folder: Path) -> Iterator[SmallDisk]:
    """A disk that is mounted there meanwhile; a plain folder where that isn't allowed."""
    folder.mkdir()
    is_mounted = os.geteuid() == 0 and _run("mount", "-t", "tmpfs", "-o", f"size={_SIZE}", "curfew-chaos", str(folder))
    try:
        yield SmallDisk(folder, can_be_filled=is_mounted)
    finally:
        if is_mounted:
            _run("umount", "--lazy", str(folder))


def _run(*command: str) -> bool:
    try:
        return subprocess.run(command, capture_output=True, check=False).returncode == 0
    except FileNotFoundError:
        return False
