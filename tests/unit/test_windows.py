"""The union of windows into spans, and what windows and holds say of themselves."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from rules.windows import Hold, Label, QuietWindow, union

_HOUR = timedelta(hours=1)
_NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def _window(start: int, end: int, rule: str = "r") -> QuietWindow:
    label = Label(rule=rule, text=rule, zone=ZoneInfo("UTC"))
    return QuietWindow(_NOON + start * _HOUR, _NOON + end * _HOUR, label)


def test_no_windows_make_no_span() -> None:
    assert union([]) == []


def test_windows_that_touch_are_one_span() -> None:
    (span,) = union([_window(0, 1), _window(1, 2)])
    assert (span.start, span.end) == (_window(0, 2).start, _window(0, 2).end)


def test_windows_a_moment_apart_are_two_spans() -> None:
    later = _window(1, 2)
    first, second = union([_window(0, 1), later._replace(start=later.start + timedelta(microseconds=1))])
    assert first.end < second.start


def test_a_window_inside_another_does_not_shorten_the_span() -> None:
    (span,) = union([_window(0, 9, "long"), _window(1, 2, "short"), _window(8, 10, "late")])
    assert span.end == _window(0, 10).end
    assert [window.rule for window in span.windows] == ["long", "short", "late"]


def test_windows_that_start_together_keep_their_order() -> None:
    (span,) = union([_window(0, 1, "b"), _window(0, 2, "a")])
    assert [window.rule for window in span.windows] == ["b", "a"]


def test_a_span_has_an_end_unless_it_is_endless() -> None:
    (span,) = union([_window(0, 1)])
    assert span.until == span.end
    assert span._replace(is_endless=True).until is None


@pytest.mark.parametrize(("day_name", "because"), [("Christmas Day", "r: Christmas Day"), (None, "r: poland")])
def test_windows_and_holds_are_named_after_their_holiday_or_in_the_words_of_the_file(
    day_name: str | None, because: str
) -> None:
    label = Label(rule="r", text="poland", zone=ZoneInfo("UTC"))
    assert QuietWindow(_NOON, _NOON + _HOUR, label, day_name).because == because
    assert Hold(_NOON, label, day_name).because == because


def test_a_span_is_enforced_while_a_window_is_that_asks_for_it() -> None:
    strict = Label(rule="strict", text="", zone=ZoneInfo("UTC"), is_enforced=True)
    lax = Label(rule="lax", text="", zone=ZoneInfo("UTC"))
    (span,) = union(
        [
            QuietWindow(_NOON + 0 * _HOUR, _NOON + 2 * _HOUR, strict),
            QuietWindow(_NOON + 1 * _HOUR, _NOON + 3 * _HOUR, lax),
        ]
    )
    assert [span.is_enforced(_NOON + hour * _HOUR) for hour in (0, 1, 2)] == [True, True, False]


def test_the_resumes_after_a_span_are_spread_over_the_longest_time_that_is_asked_for() -> None:
    labels = [Label(rule="r", text="", zone=ZoneInfo("UTC"), resume_over=timedelta(minutes=each)) for each in (0, 9, 5)]
    (span,) = union([QuietWindow(_NOON + 0 * _HOUR, _NOON + 2 * _HOUR, label) for label in labels])
    assert span.resume_over == timedelta(minutes=9)
