"""Laws of the union: whatever the windows, the spans are the same instants, in order and apart."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from zoneinfo import ZoneInfo

from hypothesis import given
from hypothesis import strategies as st

from rules.windows import Label, QuietWindow, Span, union

_EPOCH = datetime(2026, 1, 1, tzinfo=UTC)
_HOUR = timedelta(hours=1)
_LABELS = {rule: Label(rule=rule, text="", zone=ZoneInfo("UTC")) for rule in ("nights", "weekend")}


@st.composite
def windows(draw: st.DrawFn) -> QuietWindow:
    """A window of some hours, close enough to others to overlap or touch them often."""
    start = _EPOCH + draw(st.integers(0, 60)) * _HOUR
    end = start + draw(st.integers(1, 12)) * _HOUR
    rule = draw(st.sampled_from(sorted(_LABELS)))
    return QuietWindow(start, end, _LABELS[rule])


@given(st.lists(windows()))
def test_spans_are_sorted_apart_and_never_empty(given_windows: list[QuietWindow]) -> None:
    spans = union(given_windows)
    assert all(span.start < span.end for span in spans)
    assert all(one.end < other.start for one, other in pairwise(spans))


@given(st.lists(windows()), st.randoms(use_true_random=False))
def test_the_order_of_the_windows_does_not_matter(given_windows: list[QuietWindow], random: Random) -> None:
    shuffled = random.sample(given_windows, len(given_windows))
    assert [_members(span) for span in union(shuffled)] == [_members(span) for span in union(given_windows)]


def _members(span: Span) -> tuple[datetime, datetime, list[tuple[datetime, datetime, str]]]:
    return span.start, span.end, sorted((window.start, window.end, window.rule) for window in span.windows)


@given(st.lists(windows()))
def test_an_instant_is_in_a_span_exactly_when_it_is_in_a_window(given_windows: list[QuietWindow]) -> None:
    spans = union(given_windows)
    for instant in (_EPOCH + half * _HOUR / 2 for half in range(-1, 150)):
        in_window = any(window.start <= instant < window.end for window in given_windows)
        assert any(span.start <= instant < span.end for span in spans) == in_window


@given(st.lists(windows()))
def test_every_window_is_kept_in_the_one_span_that_covers_it(given_windows: list[QuietWindow]) -> None:
    spans = union(given_windows)
    kept = [window for span in spans for window in span.windows]
    assert kept == sorted(given_windows, key=lambda window: window.start)
    for span in spans:
        assert span.start == min(window.start for window in span.windows)
        assert span.end == max(window.end for window in span.windows)


@given(st.lists(windows()))
def test_spans_united_again_are_the_same(given_windows: list[QuietWindow]) -> None:
    spans = union(given_windows)
    again = union(QuietWindow(span.start, span.end, _LABELS["nights"]) for span in spans)
    assert [(span.start, span.end) for span in again] == [(span.start, span.end) for span in spans]
