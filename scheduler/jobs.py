"""Edges as APScheduler jobs. A job only wakes the daemon, which then looks at what is due: it does no work itself.

APScheduler's own calendar trigger isn't used: 3.11.3 loses whole fires around clock changes. The jobs live in memory:
an exception in a persistent store would end the timer silently, and what is due is in the ledger anyway.
"""

from collections.abc import Callable
from datetime import datetime, timedelta

from apscheduler.executors.asyncio import AsyncIOExecutor
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from apscheduler.triggers.base import BaseTrigger

from rules.ruleset import Ruleset
from scheduler.plan import RECHECK

TICK = timedelta(seconds=60)

_OF_A_RULE = "rule:"

NextEdge = Callable[[datetime], datetime | None]


class EdgeTrigger(BaseTrigger):  # type: ignore[misc]  # APScheduler ships no types
    """Fires at each edge of one rule, in order, none twice; `next_edge` gives the first one later than an instant."""

    def __init__(self, next_edge: NextEdge) -> None:
        self._next_edge = next_edge

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        """APScheduler asks with aware datetimes; None ends the job, since no edge is in sight."""
        return self._next_edge(previous_fire_time or now)


class Jobs:
    """One job for each rule, the regular tick and the recheck, from `start` to `stop`."""

    def __init__(self, wake: Callable[[str], None]) -> None:
        self._wake = wake
        # A late fire is still a reason to look: nothing here may be dropped for being late.
        defaults = {"misfire_grace_time": None, "coalesce": True, "max_instances": 1}
        self._timer = AsyncIOScheduler(timezone="UTC", executors={"default": AsyncIOExecutor()}, job_defaults=defaults)
        self._ruleset = Ruleset([])

    def start(self, ruleset: Ruleset) -> None:
        """Set a job for each rule's next edge, the tick and the recheck, on the running event loop."""
        self.use(ruleset)
        self._set_regular()
        self._timer.start()

    def again(self, ruleset: Ruleset) -> None:
        """Set all jobs anew, by what the clock shows now: those of a clock that was put back would come too late."""
        self._set_regular()
        self.use(Ruleset([]))
        self.use(ruleset)

    def _set_regular(self) -> None:
        for why, every in (("the tick", TICK), ("the recheck", RECHECK)):
            seconds = every.total_seconds()
            self._timer.add_job(self._call, "interval", seconds=seconds, args=[why], id=why, replace_existing=True)

    def use(self, ruleset: Ruleset) -> None:
        """Go by these rules: set a job for each that is new or another one, and end those of the ones that are gone.

        What stays as it is keeps its job: to set thousands takes a second, in which no call is made.
        """
        before, after = ({rule.name: rule for rule in each.rules} for each in (self._ruleset, ruleset))
        self._ruleset = ruleset
        for job in self._timer.get_jobs():
            name = job.id.removeprefix(_OF_A_RULE)
            if job.id.startswith(_OF_A_RULE) and before.get(name) != after.get(name):
                job.remove()
        for name in after:
            if before.get(name) != after[name]:
                args, job_id = [f"an edge of {name}"], f"{_OF_A_RULE}{name}"
                self._timer.add_job(self._call, self._trigger(name), args=args, id=job_id)

    def _trigger(self, rule: str) -> EdgeTrigger:
        return EdgeTrigger(lambda after: self._ruleset.next_edge(rule, after))

    def next_edge(self) -> tuple[datetime | None, list[str]]:
        """The instant of the next edge (None: none is in sight), and the rules whose it is."""
        edges = [
            (job.next_run_time, job.id.removeprefix(_OF_A_RULE))
            for job in self._timer.get_jobs()
            if job.id.startswith(_OF_A_RULE) and job.next_run_time
        ]
        at = min((at for at, _ in edges), default=None)
        return at, [rule for found, rule in edges if found == at]

    def stop(self) -> None:
        """Fire no more."""
        self._timer.shutdown(wait=False)

    async def _call(self, why: str) -> None:
        # A coroutine, so that it runs on the loop and not in a thread of the executor.
        self._wake(why)
