"""Which time zone database is used: the newer of the system's and that of the `tzdata` package.

Stale data moves a resume by an hour: governments change their clocks with weeks of notice, and a system may not have
been updated for longer than that. A package may, too.
"""

import re
import zoneinfo
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tzdata

# https://data.iana.org/time-zones/tz-how-to.html: the compiled database's own text form begins with its version.
_VERSION_FILES: Final = ("tzdata.zi", "+VERSION")
_VERSION: Final = re.compile(r"(?:# version )?(\d{4}[a-z]+)\b")
_LONGEST_LINE: Final = 200
_PACKAGE: Final = Path(tzdata.__file__).parent / "zoneinfo"


@dataclass(frozen=True, slots=True)
class ZoneData:
    """A time zone database: its version, such as `2026a`, and where it is."""

    version: str
    source: str

    def __str__(self) -> str:
        return f"{self.version} ({self.source})"


def use_newest() -> ZoneData:
    """Make zoneinfo read the newest database from here on; where both are of one version, it's the system's.

    A database of the system that doesn't tell its version counts as older. Zones that were made before stay as they
    are in those who hold them.
    """
    found, folders = _newest()
    _read_from(folders)
    return found


def forget_zones() -> None:
    """Have zones read anew that are made from here on: their files have changed."""
    zoneinfo.ZoneInfo.clear_cache()


def table(name: str) -> str:
    """A table that comes with the zones, such as `zone.tab`: that of the newest database, empty where none has it."""
    _, folders = _newest()
    for folder in (*map(Path, folders), _PACKAGE):
        with suppress(OSError):
            return (folder / name).read_text(encoding="utf-8", errors="replace")
    return ""


def stamp(zones: Iterable[str]) -> tuple[object, ...]:
    """What is another one when other data is on the disk for these zones: for the next `use_newest`, or by itself."""
    found, folders = _newest()
    return (found, *(_identity(zone, folders) for zone in sorted(set(zones))))


def _newest() -> tuple[ZoneData, Sequence[str]]:
    """The newest database, and the folders in which zoneinfo finds it: none, for the package's."""
    own = ZoneData(_version_in(_PACKAGE) or tzdata.IANA_VERSION, "package tzdata")
    folders = _all_folders()
    for place, folder in enumerate(folders):
        version = _version_in(Path(folder))
        if version is not None and version >= own.version:
            return ZoneData(version, folder), folders[place:]
    return own, ()


def _all_folders() -> Sequence[str]:
    """The folders of the system, also where those of them that are older were left out before."""
    return _USED[0] if _USED and _USED[1] == zoneinfo.TZPATH else zoneinfo.TZPATH


def _identity(zone: str, folders: Sequence[str]) -> tuple[int, int, int] | None:
    """Which file has the data of a zone, as it is now; None where there's none."""
    for folder in (*map(Path, folders), _PACKAGE):
        with suppress(OSError):
            found = (folder / zone).stat()
            return found.st_ino, found.st_size, found.st_mtime_ns
    return None


# The folders that there were before those that zoneinfo reads, and these.
_USED: list[tuple[str, ...]] = []


def _read_from(folders: Sequence[str]) -> None:
    before = tuple(_all_folders())
    if folders != zoneinfo.TZPATH:
        zoneinfo.reset_tzpath(folders)
        forget_zones()
    _USED[:] = [before, zoneinfo.TZPATH]


def _version_in(folder: Path) -> str | None:
    for name in _VERSION_FILES:
        try:
            with (folder / name).open(encoding="ascii") as lines:
                match = _VERSION.match(lines.readline(_LONGEST_LINE))
        except (OSError, UnicodeDecodeError):
            continue
        if match is not None:
            return match[1]
    return None
