"""The file that the daemon goes by, version after version, and when it was seen to have taken up each of them."""

import json
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Final

from tests.proof.chaos.clock import utc_now
from tests.proof.chaos.daemon import Life
from tests.proof.chaos.file import RuleFile
from tests.proof.history import Reign

# After a load is on record, its first pass and the calls that were planned before may still be under way.
TAKEN_UP_AFTER: Final = timedelta(seconds=10)
_NEWEST: Final = "SELECT id, details FROM journal WHERE event = 'file loaded' ORDER BY id DESC LIMIT 1"


@dataclass(frozen=True, slots=True)
class Version:
    """One version, in true time: when it was written, and when it was first seen to be in force."""

    file: RuleFile
    written_at: datetime
    loaded_at: datetime | None = None

    @property
    def digest(self) -> str:
        """How the journal names it."""
        return sha256(self.file.text().encode()).hexdigest()


class Versions:
    """The file in the daemon's folder."""

    def __init__(self, folder: Path, ledger: Path) -> None:
        self._path = folder / "curfew.yaml"
        self._ledger = ledger
        self._loads = 0
        self.all: list[Version] = []
        # When it was no good, in true time.
        self.spoilt: list[tuple[datetime, datetime]] = []
        self.is_spoilt = False
        # Of the newest version, by account.
        self.edges: Mapping[str, Sequence[datetime]] = {}

    @property
    def newest(self) -> RuleFile:
        """What was written last, and was good."""
        return self.all[-1].file

    def write(self, file: RuleFile) -> None:
        """Save another version as an editor does: a new file in the place of the old one."""
        self.mend()
        self.edges = file.edges()
        self._save(file.text())
        self.all.append(Version(file, utc_now()))

    def spoil(self) -> None:
        """Save it in the middle of a line."""
        text = self.newest.text()
        self._save(text[: text.rindex("campaigns") + 9])
        self.spoilt.append((utc_now(), utc_now()))
        self.is_spoilt = True

    def mend(self) -> None:
        """Save the last good version again."""
        if self.is_spoilt:
            self._save(self.newest.text())
            self.spoilt[-1] = self.spoilt[-1][0], utc_now()
            self.is_spoilt = False

    def look(self) -> None:
        """Note which version the daemon has loaded last, as long as that isn't the newest."""
        if self.all[-1].loaded_at is not None:
            return
        for number, details in self._newest_load():
            if number != self._loads:
                self._loads = number
                self._note(json.loads(details)["sha256"])

    def is_taken_up(self, for_at_least: timedelta) -> bool:
        """Whether the newest version has been in force for a while."""
        loaded_at = self.all[-1].loaded_at
        return loaded_at is not None and loaded_at + for_at_least <= utc_now()

    def reigns(self, lives: Sequence[Life], end: datetime) -> Iterator[Reign]:
        """When each version may have been in force: from when it was written, until another was surely taken up."""
        for number, version in enumerate(self.all):
            later = self.all[number + 1 :]
            ends = [each.loaded_at + TAKEN_UP_AFTER for each in later if each.loaded_at]
            ends += [life.started_at for life in lives if later and life.started_at >= later[0].written_at]
            yield Reign(
                plan=version.file.plan(),
                since=version.written_at,
                until=min([*ends, end]),
                certain_from=version.loaded_at or end,
            )

    def _save(self, text: str) -> None:
        new = self._path.with_suffix(".new")
        new.write_text(text)
        new.rename(self._path)

    def _newest_load(self) -> list[tuple[int, str]]:
        try:
            with closing(sqlite3.connect(f"file:{self._ledger}?mode=ro", uri=True)) as database:
                return database.execute(_NEWEST).fetchall()
        except sqlite3.Error:
            # It isn't there yet, or its disk is full.
            return []

    def _note(self, digest: str) -> None:
        for number in range(len(self.all) - 1, -1, -1):
            if self.all[number].digest == digest:
                self.all[number] = replace(self.all[number], loaded_at=self.all[number].loaded_at or utc_now())
                return
