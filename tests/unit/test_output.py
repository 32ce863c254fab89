"""What is printed for programs: text from elsewhere stays text, also in a spreadsheet."""

import csv
import io
from datetime import UTC, datetime

import pytest

from scheduler.cli.output import csv_text

ROW = {
    "name": "x",
    "number": -5,
    "flag": False,
    "none": None,
    "rules": ["a", "b"],
    "at": datetime(2026, 1, 2, tzinfo=UTC),
}


def read(text: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(text, newline="")))


def test_each_row_is_a_line_below_the_names() -> None:
    assert read(csv_text(tuple(ROW), [ROW])) == [
        ["name", "number", "flag", "none", "rules", "at"],
        ["x", "-5", "false", "", "a; b", "2026-01-02T00:00:00Z"],
    ]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_a_formula_of_a_spreadsheet(start: str) -> None:
    text = f"{start}cmd|' /C calc'!A0"
    row = {"name": text, "rules": [text, "b"]}
    assert read(csv_text(tuple(row), [row]))[1] == [f"'{text}", f"'{text}; b"]


def test_what_breaks_a_line_or_a_field_stays_in_its_field() -> None:
    name = 'a,b"c\nd;=e'
    assert read(csv_text(("name",), [{"name": name}])) == [["name"], [name]]
