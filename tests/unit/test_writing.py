"""A file is written whole, or not at all."""

import os
from pathlib import Path

import pytest

from scheduler.writing import write_whole


def test_it_has_its_text_and_its_mode_and_nothing_lies_beside_it(tmp_path: Path) -> None:
    write_whole(tmp_path / "key", "ż\n", mode=0o600)
    write_whole(tmp_path / "rules", "a\n", mode=0o644)
    assert (tmp_path / "key").read_text(encoding="utf-8") == "ż\n"
    assert [(tmp_path / name).stat().st_mode & 0o777 for name in ("key", "rules")] == [0o600, 0o644]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["key", "rules"]


def test_until_its_mode_is_set_only_its_owner_can_read_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def look(descriptor: int, mode: int) -> None:
        seen.append([path.stat().st_mode & 0o777 for path in tmp_path.iterdir()])
        fchmod(descriptor, mode)

    fchmod = os.fchmod
    monkeypatch.setattr(os, "fchmod", look)
    write_whole(tmp_path / "rules", "a\n", mode=0o644)
    assert seen == [[0o600]]


def test_behind_a_link_the_file_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    (tmp_path / "there/rules").write_text("old")
    (tmp_path / "rules").symlink_to("there/rules")
    write_whole(tmp_path / "rules", "new", mode=0o644)
    assert (tmp_path / "rules").is_symlink()
    assert (tmp_path / "there/rules").read_text() == "new"


def test_what_fails_leaves_all_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(28, "No space left on device")

    (tmp_path / "rules").write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_whole(tmp_path / "rules", "new", mode=0o644)
    assert [(path.name, path.read_text()) for path in tmp_path.iterdir()] == [("rules", "old")]
