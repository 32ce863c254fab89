"""Where this machine is, as far as it says so: its time zone, and the country in which a zone lies."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

from scheduler.settings import Environment
from scheduler.zonedata import table

_ROOT: Final = Path("/")
_ZONES: Final = "zoneinfo/"


def own_zones(environment: Environment, root: Path = _ROOT) -> Iterator[str]:
    """What may be the name of this machine's time zone, the likeliest first; `TZ` says anything that a person likes."""
    said = environment.get("TZ", "").removeprefix(":")
    for text in (said, _linked(root / "etc/localtime"), _written(root / "etc/timezone")):
        # A path to the zone's file, or its name.
        name = (text.partition(_ZONES)[2] or text).removeprefix("posix/").strip()
        if name:
            yield name


def country_of(zone: str) -> str | None:
    """The code of the country in which a zone lies; None for one of no country, as UTC.

    The table is tzdb's `zone.tab`, which has one country for each zone; an old name is followed to the new one.
    """
    countries = {columns[2]: columns[0] for columns in _rows("zone.tab", "\t", 3)}
    if zone in countries:
        return countries[zone]
    targets = {columns[2]: columns[1] for columns in _rows("tzdata.zi", " ", 3) if columns[0] == "L"}
    return countries.get(targets.get(zone, ""))


def _rows(name: str, separator: str, least: int) -> Iterator[list[str]]:
    for line in table(name).splitlines():
        columns = line.split(separator)
        if not line.startswith("#") and len(columns) >= least:
            yield columns


def _linked(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:
        return ""


def _written(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
