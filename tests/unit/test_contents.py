"""Files are read once for a load, and their stamp tells whether any of them is another one."""

from pathlib import Path

import pytest

from scheduler.contents import Contents, stamp_now

LIMIT = 10


@pytest.fixture
def file(tmp_path: Path) -> Path:
    found = tmp_path / "curfew.yaml"
    found.write_text("one")
    return found


def test_what_was_read_once_stays_as_it_was(file: Path) -> None:
    contents = Contents()
    assert contents.read(file, LIMIT) == b"one"
    file.write_text("two")
    assert contents.read(file, LIMIT) == b"one"
    assert Contents().read(file, LIMIT) == b"two"


def test_one_byte_more_than_the_limit_is_read_so_that_it_shows(file: Path) -> None:
    file.write_text("x" * 100)
    assert len(Contents().read(file, LIMIT)) == LIMIT + 1


@pytest.mark.parametrize(
    ("name", "why"),
    [
        ("none", "No such file or directory"),
        (".", "Is a directory"),
        ("a\0b", "no path has a zero byte in it"),
        ("a\ud800b", "no path has half a letter in it"),
        ("/dev/zero", "not a regular file"),
    ],
)
def test_what_cannot_be_read_cannot_be_read_again(file: Path, name: str, why: str) -> None:
    contents = Contents()
    for _ in range(2):
        with pytest.raises(OSError, match=why):
            contents.read(file.parent / name, LIMIT)


def test_a_stamp_is_the_same_as_long_as_the_files_are(file: Path) -> None:
    contents, missing = Contents(), file.parent / "key"
    contents.look(file, LIMIT)
    contents.look(missing, LIMIT)
    stamp = contents.stamp
    assert stamp[missing, LIMIT] == "no such file or directory"
    file.write_text("one")
    assert stamp_now(stamp) == stamp
    missing.write_text("")
    assert stamp_now(stamp) != stamp
    missing.unlink()
    file.write_text("two")
    assert stamp_now(stamp) != stamp
