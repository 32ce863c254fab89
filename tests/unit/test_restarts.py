"""How long a start makes no call after others that came to nothing."""

from datetime import timedelta
from itertools import pairwise

import pytest

from scheduler.restarts import LONGEST_WAIT, RECENT, wait_after


@pytest.mark.parametrize(
    ("crashes", "seconds"), [(0, 0), (1, 0), (2, 0), (3, 1), (4, 2), (5, 4), (6, 8), (8, 32), (9, 60), (1000, 60)]
)
def test_a_crash_or_two_cost_nothing_and_then_the_wait_doubles(crashes: int, seconds: int) -> None:
    assert wait_after(crashes) == timedelta(seconds=seconds)


def test_a_daemon_that_always_dies_at_once_starts_to_call_no_more_often_than_one_that_lives_looks() -> None:
    """systemd starts it again after five seconds; a tick is a minute."""
    now, calls = timedelta(), list[timedelta]()
    while now < timedelta(hours=1):
        now += timedelta(seconds=5) + wait_after(sum(now - RECENT < each for each in calls))
        calls.append(now)
    assert len(calls) <= 60 + 9
    assert max(b - a for a, b in pairwise(calls)) <= LONGEST_WAIT + timedelta(seconds=5)
