"""The error tree: what the user reads, and the exit code."""

import pytest

from rules.source import Place, Problem
from scheduler.errors import (
    ApiError,
    CurfewError,
    KeyRefused,
    LedgerError,
    LedgerFault,
    LedgerInUse,
    NeverAgain,
    RateLimited,
    TryLater,
    WrongFile,
    WrongUse,
)


@pytest.mark.parametrize(
    ("status", "code", "text"),
    [
        (404, "CAMPAIGN_NOT_EXIST", "HTTP 404: CAMPAIGN_NOT_EXIST: Campaign not found"),
        (404, None, "HTTP 404: Campaign not found"),
        (None, None, "Campaign not found"),
    ],
)
def test_an_api_error_says_status_code_and_message_where_it_has_them(
    status: int | None, code: str | None, text: str
) -> None:
    error = NeverAgain("Campaign not found", http_status=status, code=code)
    assert str(error) == text


def test_a_wrong_file_has_one_line_for_each_problem() -> None:
    problems = (Problem(Place(2, 5), "rules[0]", "is wrong"), Problem(Place(3, 1), "x", "too", is_warning=True))
    error = WrongFile("c.yaml", problems)
    assert str(error) == "c.yaml:2:5: rules[0]: is wrong\nc.yaml:3:1: x: warning: too"
    assert error.problems == problems


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        (CurfewError, 1),
        (LedgerError, 1),
        (LedgerFault, 1),
        (LedgerInUse, 1),
        (ApiError, 1),
        (WrongUse, 2),
        (WrongFile, 2),
    ],
)
def test_each_kind_has_its_exit_code(kind: type[CurfewError], code: int) -> None:
    assert kind.exit_code == code


def test_the_api_errors_are_split_by_what_the_caller_does_next() -> None:
    """Nothing is both to be tried later and never again, and only the first kind says when."""
    assert issubclass(RateLimited, TryLater)
    assert not issubclass(NeverAgain, TryLater)
    assert not issubclass(KeyRefused, TryLater)
    assert TryLater("later").retry_after is None
