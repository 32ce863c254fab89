"""Laws of long spans: longer than the blocks in which a timeline works, longer than years, without a start or an end.

Each file here is always quiet between two dates, said in one of many ways, so that its one span is known beforehand.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta

from hypothesis import given
from hypothesis import strategies as st

from rules.ruleset import Timeline
from rules.timeline import LONGEST_SPAN_YEARS
from tests.property import oracle
from tests.property.strategies import CAMPAIGN, File, anchors, zones

_DAY = timedelta(days=1)
_TICK = timedelta(microseconds=1)
_FOLLOWED = timedelta(days=365 * LONGEST_SPAN_YEARS)
_ANY = st.datetimes(datetime(2011, 1, 1), datetime(2040, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 -- hypothesis wants naive bounds
# The same span, as a chain of windows of different lengths or as one.
_PAUSES = (
    "{{on: daily, between: {first}/{last}}}",
    "{{on: {first}/{last}}}",
    "[{{on: weekdays, between: {first}/{last}}}, {{on: weekends, between: {first}/{last}}}]",
    "{{from: {first} 00:00, until: {last} 24:00}}",
    "[{{on: {first}/{last}, from: 00:00, until: 16:00}}, {{on: {first}/{last}, from: 12:00, until: 24:00}}]",
    "[{{on: {last}, from: 00:00, until: 24:00}}, {{on: {first}/{last}, from: 00:00, until: 24:00}}]",
)


def _text(zone: str, pause: str) -> str:
    return (
        f"timezone: {zone}\naccounts: {{main: {{api_key: x}}}}\nrules: [{{name: a, campaigns: all, pause: {pause}}}]\n"
    )


@dataclass(frozen=True, slots=True)
class Long:
    """A file with one span, and where that starts and ends."""

    text: str
    start: datetime
    end: datetime

    @property
    def timeline(self) -> Timeline:
        """What it says, as if nothing was asked yet."""
        return File(self.text, (), self.start.date()).fresh_ruleset().timeline("main", CAMPAIGN)

    def instants(self) -> st.SearchStrategy[datetime]:
        """Instants in and around it, at its edges more often than not."""
        edges = [edge + step for edge in (self.start, self.end) for step in (-_TICK, timedelta(), _TICK)]
        start, end = (each.replace(tzinfo=None) for each in (self.start - 400 * _DAY, self.end + 400 * _DAY))
        return st.sampled_from(edges) | st.datetimes(start, end, timezones=st.just(UTC))

    def has(self, at: datetime) -> bool:
        """Whether an instant lies in the span."""
        return self.start <= at < self.end


@st.composite
def longs(draw: st.DrawFn) -> Long:
    """A span of days, weeks or years."""
    zone = draw(zones)
    first = draw(anchors(zone))
    last = first + draw(st.one_of(st.integers(1, 60), st.integers(60, 2500))) * _DAY
    pause = draw(st.sampled_from(_PAUSES)).format(first=first, last=last)
    start, end = datetime.combine(first, time()), datetime.combine(last, time()) + _DAY
    return Long(_text(zone, pause), oracle.first(start, zone), oracle.last(end, zone))


@given(longs(), st.data())
def test_decisions_in_any_order_know_the_span_and_its_end_where_that_is_in_sight(
    span: Long, data: st.DataObject
) -> None:
    timeline = span.timeline
    for at in data.draw(st.lists(span.instants(), min_size=1, max_size=6)):
        decision = timeline.decide(at)
        assert decision.is_quiet == span.has(at)
        if decision.is_quiet:
            assert decision.until in {span.end, None}
            assert decision.until or span.end - at > _FOLLOWED
        else:
            assert decision.until == (span.start if at < span.start else None)


@given(longs(), st.data())
def test_edges_are_its_start_and_its_end_and_nothing_between(span: Long, data: st.DataObject) -> None:
    start, end = sorted([data.draw(span.instants()), data.draw(span.instants())])
    edges = span.timeline.edges(start, end)
    expected = [(span.start, "pause"), (span.end, "resume")]
    assert [(edge.at, edge.action.value) for edge in edges] == [each for each in expected if start <= each[0] < end]
    assert {edge.until for edge in edges} <= {span.end, None}


@given(longs(), st.data())
def test_its_end_is_the_last_end_wherever_the_search_begins(span: Long, data: st.DataObject) -> None:
    after, until = sorted([data.draw(span.instants()), data.draw(span.instants())])
    assert span.timeline.last_end(after, until) == (span.end if after < span.end <= until else None)


@given(longs(), st.data())
def test_the_next_span_and_the_next_edge_are_found_from_years_before(span: Long, data: st.DataObject) -> None:
    at, timeline = data.draw(span.instants()), span.timeline
    following = timeline.next_span(at)
    assert (following and following.start) == (span.start if at < span.start else None)
    edge = timeline.next_edge(at)
    if at < span.start:
        assert edge == span.start
    elif at < span.end:
        assert edge == span.end or (edge is None and span.end - at > _FOLLOWED)
    else:
        assert edge is None


@given(zones, st.lists(_ANY, min_size=1, max_size=3))
def test_what_is_always_quiet_has_no_edge_wherever_it_is_asked(zone: str, instants: list[datetime]) -> None:
    timeline = File(_text(zone, "{on: daily}"), (), date(2026, 1, 1)).ruleset.timeline("main", CAMPAIGN)
    for at in instants:
        decision = timeline.decide(at)
        assert (decision.is_quiet, decision.until) == (True, None)
        assert timeline.next_edge(at) is None
    first, last = min(instants), max(instants)
    assert timeline.edges(first, last) == []
    assert timeline.last_end(first, last) is None
