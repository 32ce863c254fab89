"""Where a machine is: the name of its time zone, and the country of a zone."""

from pathlib import Path

import pytest

from scheduler import zonedata
from scheduler.places import country_of, own_zones


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A root whose `/etc` says Warsaw by its link, and Berlin by its text."""
    etc = tmp_path / "etc"
    etc.mkdir()
    (etc / "localtime").symlink_to("../usr/share/zoneinfo/Europe/Warsaw")
    (etc / "timezone").write_text("Europe/Berlin\n")
    return tmp_path


def test_a_variable_counts_before_the_link_and_the_link_before_the_text(machine: Path) -> None:
    assert list(own_zones({"TZ": "Asia/Tokyo"}, machine)) == ["Asia/Tokyo", "Europe/Warsaw", "Europe/Berlin"]
    assert list(own_zones({}, machine)) == ["Europe/Warsaw", "Europe/Berlin"]


@pytest.mark.parametrize(
    "text", [":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo", ":/usr/share/zoneinfo/posix/Asia/Tokyo"]
)
def test_a_variable_may_be_a_path(text: str, tmp_path: Path) -> None:
    assert list(own_zones({"TZ": text}, tmp_path)) == ["Asia/Tokyo"]


def test_a_copy_in_the_place_of_the_link_says_nothing(machine: Path) -> None:
    (machine / "etc/localtime").unlink()
    (machine / "etc/localtime").write_bytes(b"TZif2\xff")
    assert list(own_zones({"TZ": ""}, machine)) == ["Europe/Berlin"]
    (machine / "etc/timezone").unlink()
    assert list(own_zones({}, machine)) == []


@pytest.mark.parametrize(
    ("zone", "country"),
    [
        ("Europe/Warsaw", "PL"),
        ("America/New_York", "US"),
        ("Europe/Oslo", "NO"),  # a link of the database's, and a place of its own
        ("Asia/Calcutta", "IN"),  # an old name
        ("Poland", "PL"),
        ("Etc/UTC", None),
        ("UTC", None),
        ("Europe/Nowhere", None),
        ("", None),
    ],
)
def test_a_zone_lies_in_a_country_or_in_none(zone: str, country: str | None) -> None:
    assert country_of(zone) == country


def test_without_the_tables_no_country_is_known(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(zonedata, "_PACKAGE", tmp_path)
    monkeypatch.setattr(zonedata, "_newest", lambda: (None, ()))
    assert country_of("Europe/Warsaw") is None
