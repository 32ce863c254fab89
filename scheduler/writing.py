"""Files that are written whole, or not at all, and names that survive a power cut."""

import os
from pathlib import Path


def write_whole(path: Path, text: str, *, mode: int) -> None:
    """Write a file under another name, and give it its own when the disk has it; what was there is replaced.

    Behind a symbolic link, the file is replaced and not the link.

    Raises:
        OSError: it can't be written; what was there is as it was.
    """
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        with open(unfinished, "x", encoding="utf-8", opener=_open_for_its_owner) as file:
            file.write(text)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        unfinished.replace(target)
    finally:
        unfinished.unlink(missing_ok=True)


def settle(folder: Path) -> None:
    """Have the new names in a folder survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open_for_its_owner(path: str, flags: int) -> int:
    # It may be a key: nobody else reads it, not even for the moment until its mode is set.
    return os.open(path, flags, 0o600)
