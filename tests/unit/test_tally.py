"""What was done, counted: by outcome, by how late, by how long."""

import asyncio
import math
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.ruleset import Action
from scheduler.errors import ApiError, KeyRefused, NeverAgain, RateLimited, TryLater
from scheduler.ledger.records import Outcome
from scheduler.tally import Histogram, Tally

VALUES = st.lists(st.floats(0, 10) | st.sampled_from([1.0, 2.0, 5.0]))


@given(VALUES)
def test_each_bound_has_all_that_are_no_greater(values: list[float]) -> None:
    histogram = Histogram((1, 2, 5))
    for value in values:
        histogram.add(value)
    assert histogram.up_to() == [(bound, sum(value <= bound for value in values)) for bound in (1, 2, 5, math.inf)]
    assert histogram.sum == pytest.approx(sum(values))


def test_what_usually_comes_of_an_account_is_there_before_it_comes() -> None:
    """Prometheus sees no increase in a series that begins with 1."""
    tally = Tally()
    tally.attempted("main", Action.PAUSE, Outcome.FAILED)
    tally.expect("main")
    tally.expect("main")
    assert tally.attempts["main", "pause", "failed"] == 1
    assert dict(tally.attempts)["main", "resume", "succeeded"] == 0


def test_on_a_clock_that_was_put_back_nothing_is_early() -> None:
    tally = Tally()
    tally.called_late(Action.PAUSE, timedelta(hours=-1))
    assert (tally.lateness["pause"].up_to()[0], tally.lateness["pause"].sum) == ((0.1, 1), 0.0)


@pytest.mark.parametrize(
    ("error", "result"),
    [
        (None, "ok"),
        (KeyRefused("no"), "key_refused"),
        (RateLimited("slower"), "rate_limited"),
        (NeverAgain("no"), "refused"),
        (TryLater("later"), "try_later"),
        (asyncio.CancelledError(), "cut_off"),
    ],
)
def test_a_call_is_counted_with_what_came_of_it(error: ApiError | asyncio.CancelledError | None, result: str) -> None:
    tally = Tally()

    def call() -> None:
        with tally.call("pause"):
            if error:
                raise error

    if error:
        with pytest.raises(type(error)):
            call()
    else:
        call()
    assert [(key, histogram.up_to()[-1]) for key, histogram in tally.calls.items()] == [
        (("pause", result), (math.inf, 1))
    ]
