"""A problem of a file as a person reads it: its line, and on a terminal what stands there, with a caret."""

import sys
from typing import Final

import click
from rich.cells import cell_len, set_cell_size

from rules.source import Problem
from scheduler.errors import WrongFile, problem_line
from scheduler.texts import printable

# Of a longer line, only what stands around the place is shown. Some letters take two cells of the terminal.
_WIDTH: Final = 76
_BEFORE: Final = 40
# Where no key and no password stands; below `accounts` and `database`, or a key that nobody knows, one may.
_SHOWN: Final = ("timezone", "calendars", "rules")
_SECRETS: Final = ("accounts", "key", "credential", "database")


def file_text(error: WrongFile) -> str:
    """All problems of a file, as they are printed on standard error."""
    return "\n".join(problem_text(error.file, problem, error.content) for problem in error.problems)


def problem_text(file: str, problem: Problem, content: bytes) -> str:
    """`FILE:LINE:COLUMN: PATH: message`, and on a terminal the line of the file below it."""
    line = problem_line(file, problem)
    excerpt = _excerpt(problem, content) if sys.stderr.isatty() else None
    return line if excerpt is None else f"{line}\n{excerpt}"


def _excerpt(problem: Problem, content: bytes) -> str | None:
    """The line, and a caret below the place; None where there's none to show, or where a key may stand on it."""
    lines = content.decode("utf-8-sig", "replace").splitlines()
    line, column = problem.place.line, problem.place.column - 1
    if line > len(lines) or not lines[line - 1].strip() or _may_hold_a_secret(problem, lines[line - 1]):
        return None
    text = printable(lines[line - 1].replace("\t", " "))
    before, after = text[:column], text[column:]
    if cell_len(text) > _WIDTH:
        before = _last_cells(before, _BEFORE)
        after = set_cell_size(after, _WIDTH - cell_len(before)).rstrip()
    caret = click.style(
        " " * cell_len(before) + "^", fg="yellow" if problem.is_warning or problem.is_note else "red", bold=True
    )
    return f"    {before}{after}\n    {caret}"


def _last_cells(text: str, width: int) -> str:
    return text if cell_len(text) <= width else set_cell_size(text[::-1], width)[::-1]


def _may_hold_a_secret(problem: Problem, line: str) -> bool:
    part = problem.path.partition(".")[0].partition("[")[0]
    return part not in _SHOWN or any(word in line.lower() for word in _SECRETS)
