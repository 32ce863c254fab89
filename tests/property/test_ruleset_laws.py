"""Laws of a whole file: decisions, edges and holds agree with one another and with the brute force of the oracle."""

import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.ruleset import Action, Edge, Ruleset, Timeline
from tests.property import oracle
from tests.property.strategies import CAMPAIGN, File, files

_TICK = timedelta(microseconds=1)


def _timeline(ruleset: Ruleset) -> Timeline:
    return ruleset.timeline("main", CAMPAIGN)


def _edges(file: File) -> list[Edge]:
    return list(_timeline(file.ruleset).edges(*file.around))


@given(files(), st.data())
def test_decisions_are_those_of_the_oracle(file: File, data: st.DataObject) -> None:
    ruleset = file.ruleset
    for at in data.draw(st.lists(file.instants(), min_size=1, max_size=10)):
        assert ruleset.decide("main", CAMPAIGN, at).is_quiet == oracle.is_quiet(file.entries, at)


@given(files())
def test_the_oracle_sees_the_same_change_at_every_edge(file: File) -> None:
    for edge in _edges(file):
        if not edge.is_hold:
            begins = edge.action is Action.PAUSE
            assert oracle.is_quiet(file.entries, edge.at) == begins
            assert oracle.is_quiet(file.entries, edge.at - _TICK) != begins


@given(files())
def test_holds_are_those_of_the_oracle(file: File) -> None:
    found = [edge.at for edge in _edges(file) if edge.is_hold]
    assert found == oracle.holds(file.entries, *file.around)


@given(files())
def test_decisions_turn_at_every_edge_which_itself_belongs_to_what_follows(file: File) -> None:
    timeline = _timeline(file.ruleset)
    for edge in _edges(file):
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
    while at < end:
        decision, following = timeline.decide(at), timeline.next_edge(at)
        assert following is None or following > at
        until = min(end, following or end)
        assert all(
            timeline.decide(each).is_quiet == decision.is_quiet for each in (at + (until - at) / 2, until - _TICK)
        )
        assert not list(timeline.edges(at + _TICK, until))
        at = until


@given(files())
def test_a_span_is_given_back_at_its_end_unless_a_hold_falls_into_it(file: File) -> None:
    timeline = _timeline(file.ruleset)
    edges = _edges(file)
    resumed = {edge.at for edge in edges if edge.action is Action.RESUME}
    for edge in edges:
        span = timeline.span_at(edge.at)
        if span and span.end < file.around[1] and span.end - span.start < timedelta(days=300):
            held = bool(oracle.holds(file.entries, span.start, span.end))
            assert (span.end in resumed) != held


@given(files())
def test_edges_are_sorted_with_at_most_one_pause_and_one_resume_at_an_instant(file: File) -> None:
    edges = _edges(file)
    assert [edge.at for edge in edges] == sorted(edge.at for edge in edges)
    assert len({(edge.at, edge.action) for edge in edges}) == len(edges)


@given(files(), st.data())
def test_the_edges_of_a_range_are_those_of_its_parts(file: File, data: st.DataObject) -> None:
    start, end = file.around
    middle = data.draw(st.one_of(file.instants(), st.sampled_from([edge.at for edge in _edges(file)] or [start])))
    parts = [*file.ruleset.edges(start, middle), *file.ruleset.edges(middle, end)]
    assert parts == list(file.ruleset.edges(start, end))


@given(files())
def test_the_order_of_the_rules_does_not_matter(file: File) -> None:
    turned = _timeline(Ruleset(reversed(file.ruleset.rules)))
    instants = [(edge.at, edge.action, edge.until, edge.is_hold) for edge in turned.edges(*file.around)]
    assert instants == [(edge.at, edge.action, edge.until, edge.is_hold) for edge in _edges(file)]


@given(files())
def test_no_window_is_empty_or_turned_round_and_all_that_touch_a_range_are_found(file: File) -> None:
    start, end = file.around
    for rule in file.ruleset.rules:
        for pattern in rule.windows:
            wide = list(pattern.windows(start - timedelta(days=60), end + timedelta(days=60)))
            assert all(window.start < window.end for window in wide)
            touching = [window for window in wide if window.start <= end and window.end >= start]
            assert sorted(pattern.windows(start, end)) == sorted(touching)


@given(files(), st.data())
def test_the_last_end_is_that_of_the_latest_span_before_an_instant(file: File, data: st.DataObject) -> None:
    after, until = sorted(data.draw(st.tuples(file.instants(), file.instants())))
    timeline = _timeline(file.ruleset)
    spans = list[datetime]()
    span = timeline.span_at(after) or timeline.next_span(after)
    while span and span.end <= until:
        spans.append(span.end)
        span = timeline.next_span(span.start)
    assert timeline.last_end(after, until) == max(spans, default=None)


@given(files(), st.sampled_from(["America/Santiago", "Pacific/Apia", "Europe/Warsaw"]))
def test_the_zone_of_the_machine_does_not_matter(file: File, zone: str) -> None:
    expected = _edges(file)
    with _machine_in(zone):
        assert _edges(file) == expected


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
