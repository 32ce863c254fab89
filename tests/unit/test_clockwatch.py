"""What two readings of the clocks tell: a clock that was set, a machine or a process that stood still."""

from datetime import UTC, datetime, timedelta

import pytest

from scheduler.clock import Reading, read_clocks
from scheduler.clockwatch import Disturbance, disturbances, jump

BEFORE = Reading(wall=datetime(2026, 11, 27, 16, tzinfo=UTC), running=timedelta(hours=1), since_boot=timedelta(hours=2))
SECOND, HOUR = timedelta(seconds=1), timedelta(hours=1)


def after(*, wall: timedelta, running: timedelta, since_boot: timedelta) -> Reading:
    return Reading(BEFORE.wall + wall, BEFORE.running + running, BEFORE.since_boot + since_boot)


def found(wall: timedelta, running: timedelta, since_boot: timedelta) -> list[Disturbance]:
    return list(disturbances(BEFORE, after(wall=wall, running=running, since_boot=since_boot)))


@pytest.mark.parametrize("late", [timedelta(), 10 * SECOND, 57 * SECOND])
def test_time_that_goes_by_is_none_also_where_the_look_is_late(late: timedelta) -> None:
    assert found(2 * SECOND + late, 2 * SECOND + late, 2 * SECOND + late) == []


@pytest.mark.parametrize("slew", [SECOND, -SECOND])
def test_a_clock_that_is_put_right_by_a_second_is_none(slew: timedelta) -> None:
    assert found(2 * SECOND + slew, 2 * SECOND, 2 * SECOND) == []


@pytest.mark.parametrize(
    ("by", "facts"),
    [
        (HOUR, {"by_seconds": 3600.0, "direction": "forward"}),
        (-HOUR, {"by_seconds": 3600.0, "direction": "back"}),
        (2 * SECOND, {"by_seconds": 2.0, "direction": "forward"}),
        (timedelta(days=-400), {"by_seconds": 34_560_000.0, "direction": "back"}),
    ],
)
def test_a_clock_that_was_set_says_by_how_much_and_which_way(by: timedelta, facts: object) -> None:
    (jumped,) = found(2 * SECOND + by, 2 * SECOND, 2 * SECOND)
    assert (jumped.event, jumped.facts) == ("clock jumped", facts)
    assert jump(by) == jumped


def test_a_machine_that_was_suspended_has_not_been_set() -> None:
    (suspended,) = found(2 * SECOND + HOUR, 2 * SECOND, 2 * SECOND + HOUR)
    assert (suspended.event, suspended.facts) == ("machine was suspended", {"by_seconds": 3600.0})


def test_a_process_that_was_stopped_says_so() -> None:
    (stopped,) = found(HOUR, HOUR, HOUR)
    assert (stopped.event, stopped.facts) == ("daemon stood still", {"by_seconds": 3600.0})


def test_several_at_once_are_told_apart() -> None:
    """Suspended for two hours, stopped for one, and then the clock is put back by a day."""
    both = found(3 * HOUR - timedelta(days=1), HOUR, 3 * HOUR)
    assert [(each.event, each.lasted, each.direction) for each in both] == [
        ("clock jumped", timedelta(days=1), "back"),
        ("machine was suspended", 2 * HOUR, None),
        ("daemon stood still", HOUR, None),
    ]


def test_the_real_clocks_agree() -> None:
    first, second = read_clocks(), read_clocks()
    assert second.running >= first.running
    assert list(disturbances(first, second)) == []
