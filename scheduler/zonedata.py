"""Which time zone database is used: the newer of the system's and that of the `tzdata` package.

Stale data moves a resume by an hour: governments change their clocks with weeks of notice, and a system may not have
been updated for longer than that. A package may, too.
"""

import re
import zoneinfo
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import tzdata

# https://data.iana.org/time-zones/tz-how-to.html: the compiled database's own text form begins with its version.
_VERSION_FILES: Final = ("tzdata.zi", "+VERSION")
_VERSION: Final = re.compile(r"(?:# version )?(\d{4}[a-z]+)\b")
_LONGEST_LINE: Final = 200


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
    own = ZoneData(tzdata.IANA_VERSION, "package tzdata")
    for place, folder in enumerate(zoneinfo.TZPATH):
        version = _version_in(Path(folder))
        if version is not None and version >= own.version:
            _read_from(zoneinfo.TZPATH[place:])
            return ZoneData(version, folder)
    # Without folders, zoneinfo takes the package.
    _read_from(())
    return own


def _read_from(folders: Sequence[str]) -> None:
    if folders != zoneinfo.TZPATH:
        zoneinfo.reset_tzpath(folders)
        zoneinfo.ZoneInfo.clear_cache()


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
