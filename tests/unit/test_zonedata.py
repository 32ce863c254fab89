"""The newer time zone database is used, and zoneinfo then reads it."""

import os
import shutil
import zoneinfo
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest
import tzdata

from scheduler.zonedata import forget_zones, stamp, use_newest

_NEWER, _OLDER = "2999a", "2011k"


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = zoneinfo.TZPATH
    yield
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


def _database(folder: Path, version: str | None, name: str = "tzdata.zi") -> str:
    folder.mkdir()
    if version is not None:
        text = f"# version {version}\n# This zic input file is in the public domain.\n"
        (folder / name).write_text(text if name == "tzdata.zi" else f"{version}\n")
    return str(folder)


@pytest.mark.parametrize("name", ["tzdata.zi", "+VERSION"])
def test_a_newer_database_of_the_system_is_used(tmp_path: Path, name: str) -> None:
    folder = _database(tmp_path / "zoneinfo", _NEWER, name)
    zoneinfo.reset_tzpath([folder])
    assert str(use_newest()) == f"{_NEWER} ({folder})"
    assert (folder,) == zoneinfo.TZPATH


@pytest.mark.parametrize("version", [_OLDER, None, "no version\N{SNOWMAN}"])
def test_an_older_database_of_the_system_or_one_without_a_version_is_left(tmp_path: Path, version: str | None) -> None:
    zoneinfo.reset_tzpath([_database(tmp_path / "zoneinfo", version)])
    assert str(use_newest()) == f"{tzdata.IANA_VERSION} (package tzdata)"
    assert zoneinfo.TZPATH == ()
    assert zoneinfo.ZoneInfo("Europe/Warsaw").key == "Europe/Warsaw"


def test_of_two_with_the_same_version_the_systems_is_used(tmp_path: Path) -> None:
    folder = _database(tmp_path / "zoneinfo", tzdata.IANA_VERSION)
    zoneinfo.reset_tzpath([folder])
    assert use_newest().source == folder


def test_a_system_without_a_database_has_the_packages(tmp_path: Path) -> None:
    zoneinfo.reset_tzpath([str(tmp_path / "nowhere")])
    assert use_newest().source == "package tzdata"


def test_the_first_folder_with_a_new_one_is_used(tmp_path: Path) -> None:
    folders = [_database(tmp_path / "old", _OLDER), _database(tmp_path / "new", _NEWER)]
    zoneinfo.reset_tzpath(folders)
    assert use_newest().source == folders[1]
    assert tuple(folders[1:]) == zoneinfo.TZPATH


def test_asking_again_gives_the_same(tmp_path: Path) -> None:
    zoneinfo.reset_tzpath([_database(tmp_path / "zoneinfo", _OLDER)])
    assert use_newest() == use_newest()


_PACKAGE = Path(tzdata.__file__).parent / "zoneinfo"
_SUMMER = datetime(2026, 7, 1)  # noqa: DTZ001 -- a wall time


def _with_zone(folder: str, zone: str, data: str) -> None:
    """Put the data of a zone where another one's are looked for, as an upgrade does: another file of that name."""
    path = Path(folder, zone)
    path.parent.mkdir(exist_ok=True)
    shutil.copy(_PACKAGE / data, path.with_suffix(".new"))
    path.with_suffix(".new").replace(path)


def _hours(zone: str) -> float:
    offset = _SUMMER.replace(tzinfo=zoneinfo.ZoneInfo(zone)).utcoffset()
    assert offset is not None
    return offset.total_seconds() / 3600


class TestStamp:
    """What tells a daemon that the data on the disk isn't that by which it has read its rules."""

    ZONES = ("Europe/Warsaw", "Asia/Tokyo")

    def test_it_stays_as_it_is_while_nothing_changes(self, tmp_path: Path) -> None:
        zoneinfo.reset_tzpath([_database(tmp_path / "zoneinfo", _NEWER)])
        before = stamp(self.ZONES)
        use_newest()
        assert stamp(self.ZONES) == before
        assert before[0] == use_newest()

    def test_other_data_of_a_zone_is_another_one_and_is_read_once_zones_are_forgotten(self, tmp_path: Path) -> None:
        folder = _database(tmp_path / "zoneinfo", _NEWER)
        zoneinfo.reset_tzpath([folder])
        use_newest()
        _with_zone(folder, "Europe/Warsaw", "Europe/Warsaw")
        before = stamp(self.ZONES)
        assert _hours("Europe/Warsaw") == 2
        _with_zone(folder, "Europe/Warsaw", "Asia/Tokyo")
        assert stamp(self.ZONES) != before
        assert _hours("Europe/Warsaw") == 2
        forget_zones()
        assert _hours("Europe/Warsaw") == 9

    def test_a_zone_that_nobody_uses_is_of_no_account(self, tmp_path: Path) -> None:
        folder = _database(tmp_path / "zoneinfo", _NEWER)
        zoneinfo.reset_tzpath([folder])
        before = stamp(self.ZONES)
        _with_zone(folder, "Europe/Berlin", "Europe/Berlin")
        assert stamp(self.ZONES) == before

    def test_a_newer_version_in_place_of_the_package_is_another_one_and_is_used(self, tmp_path: Path) -> None:
        """Also where the system's database was too old to be used before."""
        folder = _database(tmp_path / "zoneinfo", _OLDER)
        zoneinfo.reset_tzpath([folder])
        assert use_newest().source == "package tzdata"
        before = stamp(self.ZONES)
        (tmp_path / "zoneinfo" / "tzdata.zi").write_text(f"# version {_NEWER}\n")
        assert stamp(self.ZONES) != before
        assert str(use_newest()) == f"{_NEWER} ({folder})"
        assert os.fspath(folder) in zoneinfo.TZPATH
