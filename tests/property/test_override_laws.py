"""Laws of exceptions: what they leave as it was, and that those which give back never make quiet."""

from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from rules.overrides import Override, OverrideKind, overridden
from tests.property.strategies import CAMPAIGN, File, files

_WARSAW = ZoneInfo("Europe/Warsaw")
_GIVES_BACK = (OverrideKind.SKIP, OverrideKind.RESUME)


def _minutes(anchor: date) -> st.SearchStrategy[datetime]:
    noon = datetime.combine(anchor, time(12), UTC)
    return st.integers(-4 * 1440, 4 * 1440).map(lambda minutes: noon + timedelta(minutes=minutes))


@st.composite
def _overrides(draw: st.DrawFn, file: File, kinds: Sequence[OverrideKind] = tuple(OverrideKind)) -> list[Override]:
    names = [rule.name for rule in file.ruleset.rules]
    found = []
    for number in range(1, draw(st.integers(1, 4)) + 1):
        kind = draw(st.sampled_from(kinds))
        start, end = sorted((draw(_minutes(file.anchor)), draw(_minutes(file.anchor))))
        is_of_rule = kind in {OverrideKind.SKIP, OverrideKind.EXTEND}
        found.append(
            Override(
                id=number,
                kind=kind,
                account="main",
                rule=draw(st.sampled_from(names)) if is_of_rule else None,
                campaign=None if is_of_rule else CAMPAIGN,
                starts_at=start,
                ends_at=end + timedelta(minutes=1),
                author="ada",
            )
        )
    return found


@given(files(), st.data())
def test_campaigns_decide_as_by_the_plain_rules_before_the_first_exception_and_after_the_last(
    file: File, data: st.DataObject
) -> None:
    """But for skips, which drop windows whole: those last longer than the exception."""
    kinds = (OverrideKind.EXTEND, OverrideKind.PAUSE, OverrideKind.RESUME)
    overrides = data.draw(_overrides(file, kinds))
    changed = overridden(file.ruleset, overrides, _WARSAW)
    at = data.draw(_minutes(file.anchor))
    assume(not any(each.starts_at <= at < each.ends_at for each in overrides))
    plain, found = (ruleset.decide("main", CAMPAIGN, at) for ruleset in (file.ruleset, changed))
    assert (found.is_quiet, set(found.because)) == (plain.is_quiet, set(plain.because))


@given(files(), st.data())
def test_skips_and_lifts_never_make_quiet_and_add_no_reason(file: File, data: st.DataObject) -> None:
    changed = overridden(file.ruleset, data.draw(_overrides(file, _GIVES_BACK)), _WARSAW)
    at = data.draw(_minutes(file.anchor))
    plain, found = (ruleset.decide("main", CAMPAIGN, at) for ruleset in (file.ruleset, changed))
    assert plain.is_quiet or not found.is_quiet
    assert set(found.because) <= set(plain.because)


@given(files(), st.data())
def test_inside_a_lift_a_campaign_is_not_quiet_and_inside_a_pause_it_is_as_the_later_of_the_two_says(
    file: File, data: st.DataObject
) -> None:
    overrides = data.draw(_overrides(file))
    changed = overridden(file.ruleset, overrides, _WARSAW)
    at = data.draw(_minutes(file.anchor))
    kinds = [each.kind for each in overrides if each.campaign and each.starts_at <= at < each.ends_at]
    assume(kinds)
    assert changed.decide("main", CAMPAIGN, at).is_quiet is (kinds[-1] is OverrideKind.PAUSE)


@given(files(), st.data())
def test_another_campaign_is_touched_by_no_exception_for_one(file: File, data: st.DataObject) -> None:
    overrides = data.draw(_overrides(file, (OverrideKind.PAUSE, OverrideKind.RESUME)))
    at = data.draw(_minutes(file.anchor))
    changed = overridden(file.ruleset, overrides, _WARSAW)
    assert changed.decide("main", 8, at) == file.ruleset.decide("main", 8, at)
