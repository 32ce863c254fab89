"""What leads to a file, and that a change of any of it is heard; on real folders."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from scheduler.watching import Watch, steps_to
from tests.scheduler_fakes import captured_logs


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A ConfigMap: `curfew.yaml` leads to `..data/curfew.yaml`, and `..data` to `..1`; no link leads to the folder."""
    place = tmp_path.resolve()
    publish(place, 1, "one")
    (place / "curfew.yaml").symlink_to("..data/curfew.yaml")
    return place


def publish(folder: Path, version: int, text: str) -> None:
    """As the kubelet does it: a new folder, and another link put in the place of the old one at once."""
    new = folder / f"..{version}"
    new.mkdir()
    (new / "curfew.yaml").write_text(text)
    (folder / "..data_tmp").symlink_to(new.name)
    (folder / "..data_tmp").rename(folder / "..data")
    shutil.rmtree(folder / f"..{version - 1}", ignore_errors=True)


class TestSteps:
    def test_of_a_plain_file_it_is_the_one_step(self, folder: Path) -> None:
        assert steps_to(folder / "..1/curfew.yaml") == [folder / "..1/curfew.yaml"]

    def test_of_a_file_behind_links_every_link_is_a_step(self, folder: Path) -> None:
        assert steps_to(folder / "curfew.yaml") == [
            folder / "curfew.yaml",
            folder / "..data",
            folder / "..1/curfew.yaml",
        ]

    def test_a_relative_path_counts_from_where_the_process_is(
        self, folder: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(folder / "..1")
        assert steps_to(Path("curfew.yaml")) == [folder / "..1/curfew.yaml"]
        assert steps_to(Path("../curfew.yaml")) == steps_to(folder / "curfew.yaml")

    def test_an_absolute_link_to_a_folder_begins_anew(self, folder: Path) -> None:
        (folder / "etc").mkdir()
        (folder / "etc/current").symlink_to(folder / "..1")
        assert steps_to(folder / "etc/current/curfew.yaml") == [folder / "etc/current", folder / "..1/curfew.yaml"]

    @pytest.mark.parametrize("name", ["gone.yaml", "gone/curfew.yaml", "a\0b"])
    def test_where_something_is_missing_it_ends_there(self, folder: Path, name: str) -> None:
        assert steps_to(folder / name) == [folder / Path(name).parts[0]]

    def test_links_in_a_circle_have_an_end(self, folder: Path) -> None:
        (folder / "a").symlink_to("b")
        (folder / "b").symlink_to("a")
        assert set(steps_to(folder / "a")) == {folder / "a", folder / "b"}


@asynccontextmanager
async def heard(*files: Path) -> AsyncIterator[asyncio.Event]:
    """An event that is set when something was heard of these files."""
    event = asyncio.Event()
    async with Watch(event.set).over(files):
        yield event


def write(folder: Path) -> None:
    (folder / "curfew.yaml").write_text("another one")


def replace(folder: Path) -> None:
    (folder / "curfew.yaml~").write_text("another one")
    (folder / "curfew.yaml~").rename(folder / "curfew.yaml")


def remove(folder: Path) -> None:
    (folder / "curfew.yaml").unlink()


def swap(folder: Path) -> None:
    publish(folder, 2, "another one")


def link_elsewhere(folder: Path) -> None:
    (folder / "other").write_text("another one")
    (folder / "new").symlink_to("other")
    (folder / "new").rename(folder / "curfew.yaml")


class TestWatch:
    @pytest.mark.parametrize("change", [write, replace, remove, swap, link_elsewhere])
    async def test_every_way_to_change_a_file_is_heard(self, folder: Path, change: Callable[[Path], None]) -> None:
        async with heard(folder / "curfew.yaml") as event:
            change(folder)
            async with asyncio.timeout(20):
                await event.wait()

    async def test_a_file_that_comes_into_being_is_heard(self, folder: Path) -> None:
        async with heard(folder / "new/key") as event:
            (folder / "new").mkdir()
            async with asyncio.timeout(20):
                await event.wait()

    async def test_what_else_happens_in_the_folder_is_not_heard(self, folder: Path) -> None:
        """The ledger may lie beside the file, and it's written to all the time."""
        async with heard(folder / "curfew.yaml") as event, heard(folder / "last") as last:
            for number in range(20):
                (folder / "curfew.db-wal").write_text(str(number))
            (folder / "last").write_text("x")
            async with asyncio.timeout(20):
                await last.wait()
            assert not event.is_set()

    async def test_a_folder_that_cannot_be_watched_is_said_once(self, folder: Path) -> None:
        watch = Watch(lambda: None)
        # Half a letter in the name: the library can't take that for a path.
        place = Path(os.fsdecode(os.fsencode(folder) + b"/\xff"))
        place.mkdir()
        with captured_logs() as logs:
            for _ in range(2):
                async with watch.over([place / "curfew.yaml"]):
                    await asyncio.sleep(0.01)
        said: list[Any] = [line["event"] for line in logs]
        assert said == ["edits aren't heard of at once; the file is looked at every minute"]
