"""A file's zone and ledger by a glance: right where their lines are plain; elsewhere the whole file must be read."""

from pathlib import Path

import pytest

from scheduler.glance import Glance, glance

REST = "rules: [{broken\n"


@pytest.mark.parametrize(
    ("lines", "zone", "url"),
    [
        ("timezone: Europe/Warsaw\n", "Europe/Warsaw", "sqlite:///{folder}/curfew.db"),
        ("timezone: 'UTC'   # here\ndatabase: sqlite:///x.db\n", "UTC", "sqlite:///{folder}/x.db"),
        (
            "database: sqlite:////var/lib/${NAME}.db\naccounts: {}\ntimezone: America/Argentina/Salta\n",
            "America/Argentina/Salta",
            "sqlite:////var/lib/here.db",
        ),
        (
            "timezone: UTC\ndatabase: postgresql://u:${SECRET}@db/x\n",
            "UTC",
            "postgresql://u:p%40ss@db/x",
        ),
    ],
)
def test_what_is_plain_is_seen_whatever_the_rest_is(tmp_path: Path, lines: str, zone: str, url: str) -> None:
    file = tmp_path / "curfew.yaml"
    file.write_text(lines + REST)
    seen = glance(file, {"NAME": "here", "SECRET": "p@ss"})
    assert seen is not None
    assert (seen.zone.key, seen.url) == (zone, url.format(folder=tmp_path))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{timezone: UTC}\n",
        b"timezone: UTC\ntimezone: UTC\n",
        b"timezone: [UTC]\n",
        b"timezone: localtime\n",
        b"timezone: Europe/Nowhere\n",
        b"timezone: ../../etc/passwd\n",
        b"timezone: UTC\ndatabase: garbage\n",
        b"timezone: UTC\ndatabase: sqlite:///${NOPE}\n",
        b"timezone: UTC\ndatabase: [x]\n",
        b"timezone: UTC\n# \xff\n",
        b"timezone: UTC\n" + b"#" * 1024 * 1024,
    ],
)
def test_what_is_not_is_left_to_whoever_reads_all_of_it(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "curfew.yaml"
    file.write_bytes(content)
    assert glance(file, {}) is None


def test_a_file_that_is_not_there_and_the_folder_of_a_service(tmp_path: Path) -> None:
    assert glance(tmp_path / "curfew.yaml", {}) is None
    (tmp_path / "curfew.yaml").write_text("timezone: UTC\n")
    seen = glance(tmp_path / "curfew.yaml", {"STATE_DIRECTORY": "/var/lib/curfew:/other"})
    assert isinstance(seen, Glance)
    assert seen.url == "sqlite:////var/lib/curfew/curfew.db"
