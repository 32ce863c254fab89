"""A wall clock of the daemon's own that can be stepped, while its monotonic clock goes on: libfaketime's."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.proof.history import Clock

_LIBRARY = "faketime/libfaketime.so.1"
_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/local/lib")


def utc_now() -> datetime:
    """True time: what the sandbox's clock shows, which nobody steps."""
    return datetime.now(UTC)


def find_library() -> Path | None:
    """Where libfaketime is; None where it isn't installed."""
    found = (path for folder in _FOLDERS for path in sorted(Path(folder).glob(f"**/{_LIBRARY}")))
    return next(found, None)


class SteppedClock:
    """What the daemon's clock shows. Without the library it's the true time, and is never stepped."""

    def __init__(self, folder: Path, library: Path | None) -> None:
        self._file = folder / "clock"
        self._library = library
        self.ahead = timedelta()
        self.steps: list[tuple[datetime, timedelta]] = []
        self._write()

    @property
    def can_be_stepped(self) -> bool:
        """Whether the library is there."""
        return self._library is not None

    def environment(self) -> dict[str, str]:
        """What a process is given whose clock this is to be."""
        if self._library is None:
            return {}
        return {
            "LD_PRELOAD": str(self._library),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            # A step counts at once. asyncio's timers go by the monotonic clock, which is never stepped.
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            # A remedy for an old glibc, with which a thread of Python's that waits for its turn never sleeps.
            "FAKETIME_FORCE_MONOTONIC_FIX": "0",
            "NO_FAKE_STAT": "1",
        }

    def now(self) -> datetime:
        """What it shows."""
        return utc_now() + self.ahead

    def step(self, by: timedelta) -> None:
        """Put it on or back by whole seconds."""
        self.ahead += by
        self._write()
        self.steps.append((utc_now(), self.ahead))

    def history(self) -> Clock:
        """What it has shown."""
        return Clock(self.steps)

    def _write(self) -> None:
        new = self._file.with_suffix(".new")
        new.write_text(f"{self.ahead.total_seconds():+.0f}\n")
        new.rename(self._file)
