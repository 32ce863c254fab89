"""A problem as it's shown: its line, and on a terminal the line of the file with a caret below the place."""

import sys

import pytest

from rules.source import Place, Problem
from scheduler.cli.problems import file_text, problem_text
from scheduler.errors import WrongFile


class Stream:
    """Standard error that is a terminal, or isn't."""

    def __init__(self, *, is_terminal: bool) -> None:
        self._is_terminal = is_terminal

    def isatty(self) -> bool:
        return self._is_terminal


def shown(
    content: str | bytes,
    line: int,
    column: int,
    path: str = "rules[0].pause",
    *,
    warns: bool = False,
    is_terminal: bool = True,
) -> list[str]:
    """The lines below that of the problem, without their indent."""
    problem = Problem(Place(line, column), path, "is wrong", warns)
    encoded = content.encode() if isinstance(content, str) else content
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stderr", Stream(is_terminal=is_terminal))
        first, *others = problem_text("c.yaml", problem, encoded).splitlines()
    assert first == f"c.yaml:{line}:{column}: {path}: {'warning: ' if warns else ''}is wrong"
    assert all(other.startswith("    ") for other in others)
    return [other[4:] for other in others]


def caret(blanks: int, colour: int = 31) -> str:
    return f"\x1b[{colour}m\x1b[1m{' ' * blanks}^\x1b[0m"


def test_the_caret_stands_below_the_column() -> None:
    assert shown("a: 1\npause: x\n", 2, 8) == ["pause: x", caret(7)]


def test_a_warning_is_yellow() -> None:
    assert shown("pause: x", 1, 8, warns=True) == ["pause: x", caret(7, 33)]


def test_where_standard_error_is_no_terminal_the_line_is_not_shown() -> None:
    assert shown("pause: x", 1, 8, is_terminal=False) == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_the_ends_of_lines_are_those_of_yaml(end: str) -> None:
    assert shown(f"a: 1{end}pause: x{end}b: 2", 2, 8) == ["pause: x", caret(7)]


def test_a_mark_at_the_files_beginning_takes_no_column() -> None:
    assert shown(b"\xef\xbb\xbfpause: x", 1, 8) == ["pause: x", caret(7)]


@pytest.mark.parametrize(("content", "line"), [("", 1), ("a: 1\n", 2), ("a: 1\n   \n", 2), ("a: 1\n", 99)])
def test_where_there_is_nothing_to_show_nothing_is_shown(content: str, line: int) -> None:
    assert shown(content, line, 1) == []


def test_a_place_behind_the_line_is_its_end() -> None:
    assert shown("pause:\n", 1, 7) == ["pause:", caret(6)]


def test_tabs_and_what_cannot_be_seen_take_one_place() -> None:
    assert shown("a:\t\t\x07x", 1, 6) == ["a:  \ufffdx", caret(5)]


def test_wide_letters_before_the_place_move_the_caret() -> None:
    assert shown("休日: x", 1, 5) == ["休日: x", caret(6)]


def test_letters_without_a_width_do_not_move_it() -> None:
    assert shown("e\N{COMBINING ACUTE ACCENT}: x", 1, 5) == ["e\N{COMBINING ACUTE ACCENT}: x", caret(3)]


class TestLongLines:
    def test_one_that_just_fits_is_whole(self) -> None:
        line = "a: " + "x" * 73
        assert shown(line, 1, 4) == [line, caret(3)]

    def test_of_a_longer_one_what_stands_far_behind_the_place_is_left_out(self) -> None:
        line = "a: " + "x" * 74
        assert shown(line, 1, 4) == [line[:76], caret(3)]

    def test_and_what_stands_far_before_it(self) -> None:
        line = "x" * 100 + "THERE" + "y" * 100
        assert shown(line, 1, 101) == ["x" * 40 + "THERE" + "y" * 31, caret(40)]

    def test_a_place_at_its_end_is_shown(self) -> None:
        assert shown("x" * 100 + "!", 1, 101) == ["x" * 40 + "!", caret(40)]

    def test_of_wide_letters_half_as_many_are_shown(self) -> None:
        line = "休" * 100 + "!" + "日" * 100
        assert shown(line, 1, 101) == ["休" * 20 + "!" + "日" * 17, caret(40)]


class TestSecrets:
    @pytest.mark.parametrize("path", ["timezone", "calendars.poland.country", "rules", "rules[3].pause.from"])
    def test_where_no_key_can_stand_the_line_is_shown(self, path: str) -> None:
        assert shown("x: swordfish", 1, 4, path) == ["x: swordfish", caret(3)]

    @pytest.mark.parametrize(
        "path",
        [
            "accounts",
            "accounts.main.base_url",
            "(file)",
            "database",
            "acounts",
            "acounts.main.ap",
            "rulesx",
        ],
    )
    def test_where_a_key_or_a_password_may_stand_it_is_not(self, path: str) -> None:
        assert shown("x: swordfish", 1, 4, path) == []

    @pytest.mark.parametrize(
        "line",
        [
            "{timezone: x, accounts: {main: {api_key: swordfish}}}",
            "{timezone: x, Accounts: {main: {a: swordfish}}}",
            "{timezone: x, main: {API_KEY: swordfish}}",
            "{timezone: x, database: 'postgresql://curfew:swordfish@host/x'}",
        ],
    )
    def test_nor_where_one_stands_on_the_same_line(self, line: str) -> None:
        assert shown(line, 1, 12, "timezone") == []

    def test_the_account_of_a_rule_is_no_secret(self) -> None:
        assert shown("  account: mian", 1, 12, "rules[0].account") == ["  account: mian", caret(11)]


def test_all_problems_of_a_file_are_shown_one_below_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    problems = (
        Problem(Place(1, 1), "timezone", "one"),
        Problem(Place(2, 1), "accounts", "two"),
        Problem(Place(3, 8), "rules", "three"),
    )
    error = WrongFile("c.yaml", problems, b"a: 1\nb: 2\nrules: x\n")
    monkeypatch.setattr(sys, "stderr", Stream(is_terminal=True))
    assert file_text(error).splitlines() == [
        "c.yaml:1:1: timezone: one",
        "    a: 1",
        f"    {caret(0)}",
        "c.yaml:2:1: accounts: two",
        "c.yaml:3:8: rules: three",
        "    rules: x",
        f"    {caret(7)}",
    ]
