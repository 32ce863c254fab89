"""What files hold, each read once, and whether it's still the same."""

import errno
import os
import stat
from collections.abc import Iterable, Mapping
from hashlib import sha256
from pathlib import Path

from scheduler.errors import reason

# Each file that was read, with how much of it at most, and the SHA-256 of that, or why it couldn't be read.
Stamp = Mapping[tuple[Path, int], str]


class Contents:
    """Files as they are read for one load: whatever is made of them is made of the same bytes."""

    def __init__(self) -> None:
        self._found: dict[tuple[Path, int], bytes | OSError] = {}

    def read(self, path: Path, limit: int) -> bytes:
        """The bytes of a file, one more than the limit at most; a pipe or a device is none: it may never end.

        Raises:
            OSError: it can't be read.
        """
        found = self.look(path, limit)
        if isinstance(found, OSError):
            raise found
        return found

    def look(self, path: Path, limit: int) -> bytes | OSError:
        """What `read` gives, or raises."""
        key = path, limit
        if key not in self._found:
            self._found[key] = _read(path, limit)
        return self._found[key]

    @property
    def stamp(self) -> Stamp:
        """What's another one when any of the files is."""
        return {
            key: reason(found) if isinstance(found, OSError) else sha256(found).hexdigest()
            for key, found in self._found.items()
        }


def stamp_now(files: Iterable[tuple[Path, int]]) -> Stamp:
    """The stamp of the same files as they are now."""
    contents = Contents()
    for path, limit in files:
        contents.look(path, limit)
    return contents.stamp


def _read(path: Path, limit: int) -> bytes | OSError:
    if "\0" in str(path):
        return OSError(errno.EINVAL, "no path has a zero byte in it")
    try:
        with open(path, "rb", opener=_open_at_once) as opened:
            if not stat.S_ISREG(os.fstat(opened.fileno()).st_mode):
                return OSError(errno.EINVAL, "not a regular file")
            return opened.read(limit + 1)
    except OSError as error:
        return error
    except UnicodeEncodeError:
        return OSError(errno.EINVAL, "no path has half a letter in it")


def _open_at_once(path: str, flags: int) -> int:
    # Otherwise a pipe is opened only when somebody writes to it.
    return os.open(path, flags | os.O_NONBLOCK)
