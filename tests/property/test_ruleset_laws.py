"""Laws of a whole file: decisions, edges and holds agree with one another and with the brute force of the oracle."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import pairwise

from hypothesis import assume, given
from hypothesis import strategies as st

from rules.ruleset import Action, Edge, Ruleset, Timeline
from tests.property import oracle
from tests.property.strategies import CAMPAIGN, File, files

_TICK = timedelta(microseconds=1)
_HOUR = timedelta(hours=1)


def _timeline(ruleset: Ruleset) -> Timeline:
    return ruleset.timeline("main", CAMPAIGN)


def _edges(file: File) -> list[Edge]:
    return _timeline(file.ruleset).edges(*file.around)


def _said(edges: list[Edge]) -> list[tuple[datetime, str, datetime | None]]:
    return [(edge.at, "hold" if edge.is_hold else edge.action.value, edge.until) for edge in edges]


@given(files())
def test_windows_are_those_of_the_oracle(file: File) -> None:
    rules = file.ruleset.selecting("main", CAMPAIGN)
    found = [window for rule in rules for pattern in rule.windows for window in pattern.windows(*file.around)]
    expected = oracle.windows(file.entries, *file.around)
    assert sorted((window.start, window.end, window.label.is_resumed) for window in found) == sorted(
        (window.start, window.end, window.is_resumed) for window in expected
    )


@given(files())
def test_holds_are_those_of_the_oracle(file: File) -> None:
    found = _timeline(file.ruleset).holds(*file.around)
    assert sorted({hold.at for hold in found}) == oracle.holds(file.entries, *file.around)
    assert [hold.at for hold in found] == sorted(hold.at for hold in found)


@given(files())
def test_edges_are_those_of_the_oracle(file: File) -> None:
    expected = oracle.edges(file.entries, *file.around)
    assume(expected is not None)
    assert _said(_edges(file)) == expected


@given(files(), st.data())
def test_decisions_are_those_of_the_oracle_also_a_microsecond_around_each_of_its_edges(
    file: File, data: st.DataObject
) -> None:
    start, end = file.around
    windows = oracle.windows(file.entries, start, end)
    edges = [edge for window in windows[:50] for edge in (window.start, window.end) if start < edge < end]
    instants = data.draw(st.lists(file.instants(), max_size=5))
    instants += [edge + step for edge in edges for step in (-_TICK, timedelta(), _TICK)]
    for at in instants:
        decision = _timeline(file.ruleset).decide(at)
        now = [(window.start, window.end) for window in windows if window.start <= at < window.end]
        assert decision.is_quiet == bool(now)
        assert sorted((window.start, window.end) for window in decision.windows) == sorted(now)


@given(files())
def test_decisions_turn_at_every_edge_which_itself_belongs_to_what_follows(file: File) -> None:
    timeline = _timeline(file.ruleset)
    for edge in _edges(file)[:50]:
        before, at, after = (timeline.decide(edge.at + step) for step in (-_TICK, timedelta(), _TICK))
        if not edge.is_hold:
            assert (before.is_quiet, at.is_quiet) == (edge.action is Action.RESUME, edge.action is Action.PAUSE)
            assert before.until == edge.at
            assert after.is_quiet == at.is_quiet
        if edge.until is not None:
            assert at.until == edge.until > edge.at


@given(files())
def test_between_two_edges_decisions_stay_the_same(file: File) -> None:
    timeline = _timeline(file.ruleset)
    at, end = file.around
    for _ in range(50):
        decision, following = timeline.decide(at), timeline.next_edge(at)
        assert following is None or following > at
        until = min(end, following or end)
        for each in (at + (until - at) / 2, until - _TICK):
            assert timeline.decide(each).is_quiet == decision.is_quiet
        assert timeline.edges(at + _TICK, until) == []
        if until == end:
            break
        at = until


@given(files())
def test_spans_are_whole_sorted_apart_and_never_empty(file: File) -> None:
    timeline, (start, end) = _timeline(file.ruleset), file.around
    found = [timeline.span_at(start)]
    following = timeline.next_span(start)
    while following and following.start <= end:
        found.append(following)
        following = timeline.next_span(following.start)
    spans = [span for span in found if span is not None]
    assert all(span.start < span.end for span in spans)
    assert all(one.end < other.start for one, other in pairwise(spans))
    expected = oracle.spans(file.entries, start, end)
    assume(expected is not None)
    assert expected is not None
    assert [(span.start, span.end) for span in spans] == [
        (span.start, span.end) for span in expected if span.end > start
    ]


@given(files(), st.data())
def test_the_next_edge_is_the_first_start_end_or_hold_after_an_instant(file: File, data: st.DataObject) -> None:
    at, (_, end) = data.draw(file.instants()), file.around
    spans = oracle.spans(file.entries, at, end)
    assume(spans is not None)
    assert spans is not None
    instants = [edge for span in spans for edge in (span.start, span.end)]
    instants += oracle.holds(file.entries, at, end + _TICK)
    expected = min((each for each in instants if at < each <= end), default=None)
    found = _timeline(file.ruleset).next_edge(at)
    assert expected == (found if found and found <= end else None)


@given(files(), st.data())
def test_the_last_end_is_that_of_the_latest_span_before_an_instant(file: File, data: st.DataObject) -> None:
    after, until = sorted(data.draw(st.tuples(file.instants(), file.instants())))
    spans = oracle.spans(file.entries, after, until)
    assume(spans is not None)
    assert spans is not None
    expected = max((span.end for span in spans if after < span.end <= until), default=None)
    assert _timeline(file.ruleset).last_end(after, until) == expected


@given(files(), st.data())
def test_what_leaves_campaigns_paused_are_holds_and_the_windows_that_nothing_resumes(
    file: File, data: st.DataObject
) -> None:
    since, until = sorted(data.draw(st.tuples(file.instants(), file.instants())))
    left = _timeline(file.ruleset).left_paused(since, until)
    windows = [
        window.start
        for window in oracle.windows(file.entries, since, until)
        if not window.is_resumed and window.end > since and window.start < until
    ]
    assert sorted({source[0] for source in left}) == sorted({*windows, *oracle.holds(file.entries, since, until)})


@given(files(), st.data())
def test_the_edges_of_a_range_are_those_of_its_parts(file: File, data: st.DataObject) -> None:
    start, end = file.around
    middle = data.draw(st.one_of(file.instants(), st.sampled_from([edge.at for edge in _edges(file)] or [start])))
    parts = [*file.ruleset.edges(start, middle), *file.ruleset.edges(middle, end)]
    assert parts == list(file.ruleset.edges(start, end))


@given(files(), st.data())
def test_what_was_asked_before_does_not_matter(file: File, data: st.DataObject) -> None:
    """Spans are worked out in blocks of eight days and remembered."""
    instants = data.draw(st.lists(file.instants(), min_size=1, max_size=8))
    asked = _timeline(file.ruleset)
    for at in instants:
        fresh = _timeline(file.fresh_ruleset())
        assert asked.decide(at) == fresh.decide(at)
        assert asked.next_edge(at) == fresh.next_edge(at)


@given(files())
def test_the_order_of_the_rules_does_not_matter(file: File) -> None:
    turned = _timeline(Ruleset(reversed(file.ruleset.rules)))
    assert _said(turned.edges(*file.around)) == _said(_edges(file))


@given(files(), st.integers(-40, 40), st.integers(0, 40))
def test_no_window_is_empty_and_all_that_touch_a_range_are_found_in_order(file: File, later: int, length: int) -> None:
    start = file.around[0] + later * 6 * _HOUR
    end = start + length * 6 * _HOUR
    for rule in file.ruleset.rules:
        for pattern in rule.windows:
            found = list(pattern.windows(start, end))
            assert all(window.start < window.end for window in found)
            assert [window.start for window in found] == sorted(window.start for window in found)
            wide = pattern.windows(start - timedelta(days=20), end + timedelta(days=20))
            assert found == [window for window in wide if window.start <= end and window.end >= start]


@given(
    st.sampled_from(["Asia/Kathmandu", "Asia/Tokyo", "Etc/GMT+7"]).flatmap(lambda zone: files(zone=zone, steady=True))
)
def test_where_clocks_never_change_a_rule_is_the_same_in_utc_so_much_later(file: File) -> None:
    zone = file.ruleset.rules[0].zone
    start, end = file.around
    ahead = start.astimezone(zone).utcoffset()
    assert ahead is not None
    text = file.text.replace(f"timezone: {zone.key}", "timezone: UTC")
    in_utc = _timeline(File(text, file.entries, file.anchor).ruleset).edges(start + ahead, end + ahead)
    assert [(at - ahead, what) for at, what, _ in _said(in_utc)] == [(at, what) for at, what, _ in _said(_edges(file))]


@given(files(), st.sampled_from(["America/Santiago", "Pacific/Apia", "Europe/Warsaw"]))
def test_the_zone_of_the_machine_does_not_matter(file: File, zone: str) -> None:
    expected = _edges(file)
    with _machine_in(zone):
        assert _timeline(file.fresh_ruleset()).edges(*file.around) == expected


@contextmanager
def _machine_in(zone: str) -> Iterator[None]:
    before = os.environ.get("TZ")
    try:
        os.environ["TZ"] = zone
        time.tzset()
        yield
    finally:
        os.environ.pop("TZ")
        if before is not None:
            os.environ["TZ"] = before
        time.tzset()
