"""Outcomes that were pruned, in files of JSON lines (https://jsonlines.org) that can be verified by themselves.

The first line says what the first outcome follows, the last one which is the last; each line between is one outcome,
with the values that are hashed (`scheduler.ledger.chain`), by their names.
"""

import json
import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Final

from scheduler.errors import LedgerError, WrongUse, reason
from scheduler.ledger.chain import FIELDS, Link

_FORMAT: Final = "curfew outcomes, version 1"

Row = tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Archive:
    """A file of outcomes, from the one before its first to its last."""

    path: Path
    start: Link
    last: Link

    def rows(self, first: int = 0, last: int | None = None) -> Iterator[Row]:
        """Its outcomes of these numbers."""
        for number, values in enumerate(_lines(self.path), start=1):
            if "number" not in values:
                continue
            if set(values) != set(FIELDS) or type(values["number"]) is not int:
                raise WrongUse(f"{self.path}:{number}: isn't an outcome")
            row = tuple(values[name] for name in FIELDS)
            if first <= row[1] and (last is None or row[1] <= last):
                yield row


def opened(path: Path) -> Archive:
    """An archive that was written before.

    Raises:
        WrongUse: the file is none, or is cut off.
    """
    first = last = None
    for last in _lines(path):
        first = first or last
    if not first or not last or first.get("archive") != _FORMAT or "last" not in last:
        raise WrongUse(f"{path}: isn't an archive of `curfew db prune`, or is cut off")
    return Archive(path, _link(path, first.get("after")), _link(path, last["last"]))


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    try:
        with path.open(encoding="ascii") as lines:
            for number, line in enumerate(lines, start=1):
                values = json.loads(line)
                if not isinstance(values, dict):
                    raise WrongUse(f"{path}:{number}: isn't an object of JSON")
                yield values
    except OSError as error:
        raise WrongUse(f"{path}: {reason(error)}") from None
    except ValueError:
        raise WrongUse(f"{path}: isn't a file of JSON lines") from None


def _link(path: Path, text: Any) -> Link:
    number, _, digest = str(text).partition(":")
    if not number.isdecimal():
        raise WrongUse(f"{path}: isn't an archive of `curfew db prune`")
    return Link(int(number), digest)


def write(path: Path, start: Link, rows: Iterable[Row], last: Link) -> Archive:
    """Write an archive, readable by its owner alone, so that it survives a power cut.

    Raises:
        LedgerError: it can't be written.
    """
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as file:
            _write_line(file, {"archive": _FORMAT, "after": str(start)})
            for row in rows:
                _write_line(file, dict(zip(FIELDS, row, strict=True)))
            _write_line(file, {"last": str(last)})
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        raise LedgerError(f"{path}: {reason(error)}") from None
    return Archive(path, start, last)


def _write_line(file: Any, values: dict[str, Any]) -> None:
    file.write(json.dumps(values, separators=(",", ":")) + "\n")


def is_same(archive: Archive, rows: Iterable[Row]) -> bool:
    """Whether it has, as it's read from the disk, these outcomes and no others."""
    return all(mine == theirs for mine, theirs in zip_longest(archive.rows(), rows))
