"""Laws of comparing two files: the plan before, with what is told, is the plan after; and nothing is told twice."""

from collections import Counter
from datetime import UTC, datetime, time, timedelta

from hypothesis import given

from rules.comparison import Quiet, compare
from rules.ruleset import Ruleset
from tests.property.strategies import File, files


def plan(ruleset: Ruleset, rule: str, start: datetime, end: datetime) -> Counter[Quiet]:
    """The spans and holds of one rule, taken alone."""
    timeline = ruleset.alone(rule)
    spans = [
        Quiet(span.start, span.until, is_beginless=span.is_beginless)
        for span in timeline.spans(start, end)
        if span.start < end and start < span.end
    ]
    return Counter([*spans, *(Quiet(hold.at, None, is_hold=True) for hold in timeline.holds(start, end))])


@given(files(), files())
def test_what_is_lost_gained_and_moved_leads_from_one_plan_to_the_other(one: File, other: File) -> None:
    start = datetime.combine(one.anchor, time(), UTC) - timedelta(days=4)
    end = start + timedelta(days=30)
    changes = {change.rule: change for change in compare(one.ruleset, other.ruleset, start, end)}
    for name in {rule.name for ruleset in (one.ruleset, other.ruleset) for rule in ruleset.rules}:
        before, after = (plan(ruleset, name, start, end) for ruleset in (one.ruleset, other.ruleset))
        change = changes.get(name)
        if change is None:
            assert before == after
            continue
        gone = Counter([*change.lost, *(old for old, _ in change.moved)])
        come = Counter([*change.gained, *(new for _, new in change.moved)])
        assert before - gone + come == after
        assert gone <= before
        assert not gone & come


@given(files())
def test_a_file_is_as_itself(file: File) -> None:
    start = datetime.combine(file.anchor, time(), UTC)
    assert compare(file.ruleset, file.ruleset, start, start + timedelta(days=30)) == []
