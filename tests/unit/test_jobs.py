"""Jobs on APScheduler's real timer, with edges that are milliseconds away, and the law of the trigger."""

import asyncio
import threading
from bisect import bisect_right
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from freezegun.api import FrozenDateTimeFactory
from hypothesis import given
from hypothesis import strategies as st

from rules.days import DateRange
from rules.patterns import DailyWindows
from rules.ruleset import Rule, Ruleset, Selector
from rules.windows import Label
from scheduler.jobs import TICK, EdgeTrigger, Jobs
from scheduler.plan import RECHECK
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, rules_of, weekend

MILLISECOND = timedelta(milliseconds=1)
INSTANTS = st.datetimes(datetime(2020, 1, 1), datetime(2030, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001 -- bounds


def first_later(edges: Sequence[datetime]) -> Callable[[datetime], datetime | None]:
    """The first of sorted edges that is later than an instant."""

    def next_edge(after: datetime) -> datetime | None:
        later = edges[bisect_right(edges, after) :]
        return later[0] if later else None

    return next_edge


def fires(trigger: EdgeTrigger, now: datetime, limit: int = 1000) -> list[datetime]:
    """All fires that APScheduler would get out of a trigger, asked as it asks."""
    found: list[datetime] = []
    at = trigger.get_next_fire_time(None, now)
    while at is not None and len(found) < limit:
        found.append(at)
        at = trigger.get_next_fire_time(at, now)
    return found


class TestEdgeTrigger:
    @given(st.sets(INSTANTS), INSTANTS)
    def test_it_fires_at_every_later_edge_once_and_in_order_and_then_ends(
        self, edges: set[datetime], now: datetime
    ) -> None:
        assert fires(EdgeTrigger(first_later(sorted(edges))), now) == sorted(edge for edge in edges if edge > now)

    @given(st.sets(INSTANTS, min_size=1), INSTANTS)
    def test_an_edge_that_was_fired_late_hides_none_that_followed_it(self, edges: set[datetime], now: datetime) -> None:
        """APScheduler asks for what follows the fire that was due, and not for what follows now."""
        ordered = sorted(edges)
        trigger = EdgeTrigger(first_later(ordered))
        for before, after in zip(ordered, [*ordered[1:], None], strict=True):
            assert trigger.get_next_fire_time(before, now) == after

    def test_the_edges_of_a_weekend_are_its_starts_and_ends_also_when_the_clocks_change(self) -> None:
        ruleset = rules_of(weekend())
        began = datetime(2026, 3, 26, tzinfo=UTC)
        trigger = EdgeTrigger(lambda after: ruleset.next_edge("weekend", after))
        local = [at.astimezone(ZoneInfo("Europe/Warsaw")) for at in fires(trigger, began, limit=4)]
        assert [f"{at:%a %m-%d %H:%M %z}" for at in local] == [
            "Fri 03-27 17:00 +0100",
            "Mon 03-30 08:00 +0200",
            "Fri 04-03 17:00 +0200",
            "Mon 04-06 08:00 +0200",
        ]

    def test_it_ends_where_no_edge_is_in_sight(self) -> None:
        assert EdgeTrigger(lambda _: None).get_next_fire_time(None, FRIDAY) is None
        assert EdgeTrigger(lambda _: None).get_next_fire_time(FRIDAY, FRIDAY) is None


class Wakes:
    """What the jobs have called: why, when and in which thread."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, datetime]] = []
        self.threads: set[int] = set()
        self._came = asyncio.Event()

    def __call__(self, why: str) -> None:
        self.calls.append((why, datetime.now(UTC)))
        self.threads.add(threading.get_ident())
        self._came.set()

    def reasons(self) -> set[str]:
        return {why for why, _ in self.calls}

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(20):
            while not holds():
                self._came.clear()
                await self._came.wait()


def rule(name: str, start: datetime, lasts: timedelta) -> Rule:
    """A rule with a single window, to the microsecond."""
    midnight = datetime.combine(start.date(), time(), UTC)
    label = Label(rule=name, text="once", zone=ZoneInfo("UTC"))
    begins = start - midnight
    day = DateRange(start.date(), start.date())
    window = DailyWindows(days=day, begins=begins, ends=(begins + lasts,), label=label)
    return Rule(name=name, account="main", selector=Selector(is_all=True), zone=label.zone, windows=(window,), holds=())


@asynccontextmanager
async def jobs_of(*rules: Rule) -> AsyncIterator[Wakes]:
    wakes = Wakes()
    async with running_jobs(wakes, *rules):
        yield wakes


@asynccontextmanager
async def running_jobs(wakes: Wakes, *rules: Rule) -> AsyncIterator[Jobs]:
    jobs = Jobs(wakes)
    jobs.start(Ruleset(rules))
    try:
        yield jobs
    finally:
        jobs.stop()
        await asyncio.sleep(0)


@pytest.fixture
def clock() -> Iterator[FrozenDateTimeFactory]:
    """The time of day stands on FRIDAY until it's moved, and APScheduler's timer goes on."""
    # pytest's own stopwatch goes on too.
    with freeze_time(FRIDAY, real_asyncio=True, ignore=["_pytest.timing"]) as frozen:
        assert isinstance(frozen, FrozenDateTimeFactory)
        yield frozen


EDGE = FRIDAY + 20 * MILLISECOND


class TestJobs:
    async def test_by_the_real_clock_both_edges_of_a_window_wake_when_they_come(self) -> None:
        start, lasts = datetime.now(UTC) + 200 * MILLISECOND, 50 * MILLISECOND
        async with jobs_of(rule("quiet", start, lasts)) as wakes:
            await wakes.until(lambda: any(at >= start + lasts for _, at in wakes.calls))
        assert wakes.reasons() == {"an edge of quiet"}
        assert wakes.calls[0][1] >= start
        # On a machine that was too busy to look in between, the two are one.
        assert len(wakes.calls) <= 2

    async def test_an_edge_wakes_when_it_comes_and_not_before(self, clock: FrozenDateTimeFactory) -> None:
        async with jobs_of(rule("quiet", EDGE, HOUR)) as wakes:
            clock.move_to(EDGE - timedelta(microseconds=1))
            await asyncio.sleep(0.04)
            assert wakes.calls == []
            clock.move_to(EDGE)
            await wakes.until(lambda: bool(wakes.calls))
        assert wakes.calls == [("an edge of quiet", EDGE)]

    async def test_the_end_of_a_window_wakes_like_its_start(self, clock: FrozenDateTimeFactory) -> None:
        end = EDGE + 20 * MILLISECOND
        async with jobs_of(rule("quiet", EDGE, end - EDGE)) as wakes:
            for number, edge in enumerate((EDGE, end), start=1):
                clock.move_to(edge)
                await wakes.until(lambda number=number: len(wakes.calls) == number)  # type: ignore[misc]
        assert wakes.calls == [("an edge of quiet", EDGE), ("an edge of quiet", end)]

    async def test_each_rule_has_a_job_of_its_own(self, clock: FrozenDateTimeFactory) -> None:
        async with jobs_of(rule("nights", EDGE, HOUR), rule("weekend", EDGE, HOUR)) as wakes:
            clock.move_to(EDGE)
            await wakes.until(lambda: wakes.reasons() == {"an edge of nights", "an edge of weekend"})

    async def test_a_rule_without_any_edge_in_sight_disturbs_no_other(self, clock: FrozenDateTimeFactory) -> None:
        async with jobs_of(rule("over", FRIDAY - 3 * DAY, HOUR), rule("soon", EDGE, HOUR)) as wakes:
            clock.move_to(EDGE)
            await wakes.until(lambda: bool(wakes.calls))
        assert wakes.reasons() == {"an edge of soon"}

    async def test_it_wakes_on_the_event_loop_and_not_in_another_thread(self, clock: FrozenDateTimeFactory) -> None:
        async with jobs_of(rule("quiet", EDGE, HOUR)) as wakes:
            clock.move_to(EDGE)
            await wakes.until(lambda: bool(wakes.calls))
        assert wakes.threads == {threading.get_ident()}

    async def test_after_the_stop_nothing_fires(self, clock: FrozenDateTimeFactory) -> None:
        async with jobs_of(rule("quiet", EDGE, HOUR)) as wakes:
            pass
        clock.move_to(EDGE + 2 * TICK)
        await asyncio.sleep(0.04)
        assert wakes.calls == []


class TestNextEdge:
    async def test_it_is_the_first_of_all_rules_with_every_rule_that_has_it(self, clock: FrozenDateTimeFactory) -> None:
        nights, weekend = (rule(name, EDGE, HOUR) for name in ("nights", "weekend"))
        later = rule("later", EDGE + HOUR / 2, HOUR)
        wakes = Wakes()
        async with running_jobs(wakes, nights, later, weekend) as jobs:
            at, rules = jobs.next_edge()
            assert (at, sorted(rules)) == (EDGE, ["nights", "weekend"])
            clock.move_to(EDGE)
            await wakes.until(lambda: len(wakes.calls) == 2)
            assert jobs.next_edge() == (EDGE + HOUR / 2, ["later"])

    @pytest.mark.usefixtures("clock")
    async def test_there_is_none_where_no_rule_has_one_in_sight(self) -> None:
        async with running_jobs(Wakes(), rule("over", FRIDAY - 3 * DAY, HOUR)) as jobs:
            assert jobs.next_edge() == (None, [])


class Asked(Ruleset):
    """Rules that remember of which of them the next edge was asked."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        super().__init__(rules)
        self.asked: list[str] = []

    def next_edge(self, rule: str, after: datetime) -> datetime | None:
        self.asked.append(rule)
        return super().next_edge(rule, after)


class TestOtherRules:
    """What `use` replaces, and what it keeps."""

    async def test_the_edges_of_the_new_rules_wake_and_those_of_the_old_ones_do_not(
        self, clock: FrozenDateTimeFactory
    ) -> None:
        wakes, old, new = Wakes(), rule("old", EDGE, HOUR), rule("new", EDGE, HOUR)
        async with running_jobs(wakes, old) as jobs:
            jobs.use(Ruleset([new]))
            clock.move_to(EDGE)
            await wakes.until(lambda: bool(wakes.calls))
            await asyncio.sleep(0.02)
        assert wakes.calls == [("an edge of new", EDGE)]

    async def test_a_rule_of_the_same_name_goes_by_its_new_edges(self, clock: FrozenDateTimeFactory) -> None:
        later = EDGE + 20 * MILLISECOND
        wakes = Wakes()
        async with running_jobs(wakes, rule("quiet", EDGE, HOUR)) as jobs:
            jobs.use(Ruleset([rule("quiet", later, HOUR)]))
            clock.move_to(EDGE)
            await asyncio.sleep(0.04)
            assert wakes.calls == []
            clock.move_to(later)
            await wakes.until(lambda: bool(wakes.calls))
        assert wakes.calls == [("an edge of quiet", later)]

    async def test_a_rule_that_stays_as_it_is_keeps_its_job_and_goes_by_the_new_rules_from_then_on(
        self, clock: FrozenDateTimeFactory
    ) -> None:
        """Among ten thousand rules an edit of one would otherwise stop all lanes for seconds."""
        wakes, end = Wakes(), EDGE + 20 * MILLISECOND
        stays, new = rule("stays", EDGE, end - EDGE), Asked([rule("stays", EDGE, end - EDGE), rule("new", end, DAY)])
        async with running_jobs(wakes, stays, rule("old", EDGE, DAY)) as jobs:
            jobs.use(new)
            assert new.asked == ["new"]
            for number, edge in enumerate((EDGE, end), start=1):
                clock.move_to(edge)
                await wakes.until(lambda number=number: len(wakes.calls) >= number)  # type: ignore[misc]
            await wakes.until(lambda: len(wakes.calls) == 3)
        assert sorted(wakes.calls) == [("an edge of new", end), ("an edge of stays", EDGE), ("an edge of stays", end)]
        assert "stays" in new.asked

    async def test_the_tick_and_the_recheck_stay_as_they_were(self, clock: FrozenDateTimeFactory) -> None:
        wakes = Wakes()
        async with running_jobs(wakes, rule("old", EDGE, DAY)) as jobs:
            clock.move_to(FRIDAY + MILLISECOND)
            jobs.use(Ruleset([rule("new", EDGE, DAY)]))
            # They go by their start: an exception each minute mustn't put them off.
            clock.move_to(FRIDAY + RECHECK)
            await wakes.until(lambda: len(wakes.calls) == 3)
        assert wakes.reasons() == {"an edge of new", "the tick", "the recheck"}

    async def test_rules_without_any_edge_in_sight_disturb_nothing(self, clock: FrozenDateTimeFactory) -> None:
        wakes = Wakes()
        async with running_jobs(wakes, rule("over", FRIDAY - 3 * DAY, HOUR)) as jobs:
            for _ in range(2):
                jobs.use(Ruleset([rule("over", FRIDAY - 3 * DAY, HOUR), rule("soon", EDGE, HOUR)]))
            clock.move_to(EDGE)
            await wakes.until(lambda: bool(wakes.calls))
        assert wakes.reasons() == {"an edge of soon"}


class TestPutBack:
    """What `again` does when the clock was put back: without it, all would come too late."""

    async def test_edges_and_tick_go_by_what_the_clock_shows_now(self, clock: FrozenDateTimeFactory) -> None:
        wakes, then = Wakes(), FRIDAY - HOUR
        async with running_jobs(wakes, rule("old", EDGE, DAY)) as jobs:
            clock.move_to(then)
            rules = [rule(f"new {number}", then + 20 * number * MILLISECOND, DAY) for number in (1, 2)]
            jobs.again(Ruleset(rules))
            clock.move_to(then + 20 * MILLISECOND)
            await wakes.until(lambda: "an edge of new 1" in wakes.reasons())
            # The timer sleeps until the next edge, and looks at all that is due when it wakes.
            clock.move_to(then + TICK)
            await wakes.until(lambda: "the tick" in wakes.reasons())
        assert wakes.reasons() == {"an edge of new 1", "an edge of new 2", "the tick"}


class TestLateness:
    """A machine that was suspended: the clock goes on by hours while the timer stands."""

    async def test_an_edge_that_comes_hours_late_is_not_dropped(self, clock: FrozenDateTimeFactory) -> None:
        late = FRIDAY + 3 * HOUR
        async with jobs_of(rule("quiet", EDGE, DAY)) as wakes:
            clock.move_to(late)
            await wakes.until(lambda: "an edge of quiet" in wakes.reasons())
        assert ("an edge of quiet", late) in wakes.calls

    async def test_several_edges_that_are_late_wake_once(self, clock: FrozenDateTimeFactory) -> None:
        async with jobs_of(rule("quiet", EDGE, HOUR)) as wakes:
            clock.move_to(FRIDAY + 3 * HOUR)
            await wakes.until(lambda: len(wakes.calls) == 3)
            await asyncio.sleep(0.02)
        assert sorted(why for why, _ in wakes.calls) == ["an edge of quiet", "the recheck", "the tick"]

    async def test_the_tick_comes_by_itself_when_its_minute_is_over_and_not_before(
        self, clock: FrozenDateTimeFactory
    ) -> None:
        # The timer sleeps until the edge, and looks at all that is due when it wakes.
        async with jobs_of(rule("first", EDGE, DAY), rule("second", EDGE + 20 * MILLISECOND, DAY)) as wakes:
            clock.move_to(EDGE)
            await wakes.until(lambda: bool(wakes.calls))
            assert wakes.reasons() == {"an edge of first"}
            clock.move_to(FRIDAY + TICK)
            await wakes.until(lambda: "the tick" in wakes.reasons())
            assert "the recheck" not in wakes.reasons()

    async def test_so_does_the_recheck_when_its_five_minutes_are_over(self, clock: FrozenDateTimeFactory) -> None:
        async with jobs_of(rule("first", EDGE, DAY), rule("second", EDGE + 20 * MILLISECOND, DAY)) as wakes:
            clock.move_to(EDGE)
            await wakes.until(lambda: bool(wakes.calls))
            clock.move_to(FRIDAY + RECHECK)
            await wakes.until(lambda: "the recheck" in wakes.reasons())
