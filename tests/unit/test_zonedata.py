"""The newer time zone database is used, and zoneinfo then reads it."""

import zoneinfo
from collections.abc import Iterator
from pathlib import Path

import pytest
import tzdata

from scheduler.zonedata import use_newest

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
