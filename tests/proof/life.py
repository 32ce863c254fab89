"""One simulated life: the daemon itself on a virtual loop, through months of rules, people, faults and deaths."""

import random
import signal
import sqlite3
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import structlog

from scheduler.sandbox import Sandbox
from tests.proof import past
from tests.proof.disk import Disk
from tests.proof.events import Event, Kind, happen
from tests.proof.history import History, Look
from tests.proof.loop import VirtualLoop, current_process
from tests.proof.machine import Machine
from tests.proof.network import Network
from tests.proof.people import People
from tests.proof.rows import read_file
from tests.proof.scenario import KEY, Rules, draw, edited
from tests.proof.wall import Wall
from tests.scheduler_fakes import ledger_in

# The end of each life is calm, so that all that's due can be seen through.
CALM: Final = timedelta(hours=40)
# How long after an edge or an event all timers are on time, and how long none is very late, in seconds.
_PUNCTUAL: Final = 12.0
_ATTENTIVE: Final = ((60.0, 200.0), (430.0, 500.0))
# So long after the last event a daemon has seen what it was about: a recheck is due every five minutes.
_LONG_ENOUGH: Final = 430.0
_LATEST: Final = 55.0


class Life:
    """A life by its seed, in a folder of its own."""

    def __init__(self, seed: int, folder: Path, *, weeks: int = 52, campaigns: int = 80) -> None:
        self.seed = seed
        self.scenario = draw(seed, weeks=weeks, campaigns=campaigns)
        self.loop = VirtualLoop()  # type: ignore[abstract]  # what asyncio calls abstract is more than anyone uses
        self.wall = Wall(self.loop, self.scenario.start)
        self.sandbox = _sandbox(self)
        self.network = Network(self.loop, self.sandbox, self._chance("network"), self.wall.true)
        self.disk = Disk(self._chance("disk"))
        self.happened: Counter[str] = Counter()
        self.log: list[str] = []
        self.looks: list[Look] = []
        self._happened_at = 0.0
        self._file = folder / "curfew.yaml"
        self._ledger = ledger_in(folder)
        self._luck = self._chance("life")
        self._rules: Rules = self.scenario.rules
        self._end = self.wall.seconds(self.scenario.end)
        self._versions = past.Versions(self.scenario)
        self.machine = Machine(
            self.loop,
            self.wall,
            self._file,
            self._ledger,
            self.network,
            self.disk,
            self._chance("machine"),
            lambda: self._versions.started(self.wall.true()),
        )
        self._write_rules()
        self.people = People(self._chance("people"), self.sandbox, self.scenario, self.wall)
        events = happen(seed, self._edges, weeks=weeks, until=self._end - CALM.total_seconds())
        self._events = events[::-1]
        self._troubles: list[Event] = []
        self._punctual_until = self._attentive_until = 0.0

    def _chance(self, what: str) -> random.Random:
        return random.Random(f"{what} {self.seed}")  # noqa: S311 -- it's to be repeated

    def _write_rules(self) -> None:
        """Have the file say what the rules are now."""
        self._file.write_text(self.scenario.file(self._rules), encoding="utf-8")
        self._ruleset = self.machine.settings().ruleset
        self._versions.edited(self._ruleset, self.wall.true(), is_heard=self.machine.is_up)
        edges = self._ruleset.edges(self.wall.true(), self.scenario.end)
        self._edges = sorted({self.wall.seconds(edge.at) for _, edge in edges})

    def live(self) -> None:
        """Live it to its end."""
        with ExitStack() as stack:
            stack.enter_context(self.wall.shown_to_apscheduler())
            stack.enter_context(_logs_to(self._write))
            ledger = stack.enter_context(closing(sqlite3.connect(self._ledger.path)))
            while self.loop.time() < self._end:
                moment = self._next_moment()
                self._pass(moment, ledger)
                if self.loop.time() >= moment:
                    self._happen()
            self.machine.stay_down()
            self.machine.signal(signal.SIGTERM)
            self.loop.run(self._end + 60)
        self._note_statuses()

    def history(self) -> History:
        """The whole of it, for the checker."""
        return History(
            reigns=list(self._versions.reigns()),
            statuses=past.statuses(self.scenario),
            calls=list(past.calls(self.sandbox.log, self.network.passages, self.scenario)),
            ledger=read_file(self._ledger.path),
            looks=self.looks,
            acts=self.people.acts,
            gives_up_after=past.GIVES_UP_AFTER,
            records_missed=False,
        )

    def _write(self, level: str, event: dict[str, Any]) -> None:
        process = current_process()
        if process is None or not process.is_dead:
            facts = " ".join(f"{name}={value}" for name, value in event.items())
            self.log.append(f"{self.wall.true():%Y-%m-%d %H:%M:%S.%f} {level} {facts}")

    # Time passes.

    def _next_moment(self) -> float:
        now = self.loop.time()
        index = bisect_right(self._edges, now)
        moments = [
            self._end,
            *self._edges[index : index + 1],
            *(event.at for event in self._events[-1:]),
            *(event.at + event.lasts for event in self._troubles),
            *([] if self.machine.starts_at is None else [self.machine.starts_at]),
        ]
        return max(now, min(moments))

    def _pass(self, until: float, ledger: sqlite3.Connection) -> None:
        """Let time pass up to a moment, or until the daemon has ended."""
        now = self.loop.time()
        if self.machine.starts_at is not None or now < self._punctual_until:
            self.loop.run(until if self.machine.starts_at is not None else min(until, self._punctual_until))
        elif now < self._attentive_until or not self._is_settled(ledger):
            self.loop.oversleep(min(until, now + self._luck.uniform(0, _LATEST)))
            self.loop.run(min(until, self.loop.time() + self._luck.uniform(0.5, 3)))
        else:
            self._look()
            # Nothing happens before that moment: no timer needs to be on time.
            self.loop.oversleep(until - self._luck.uniform(0, 5))
            self.loop.run(until)

    def _look(self) -> None:
        """Note what campaigns do, if the API has behaved and the daemon has lived for long enough to have seen it."""
        if not self._troubles and self.loop.time() - self._happened_at > _LONG_ENOUGH:
            self._note_statuses()

    def _note_statuses(self) -> None:
        names = {called: name for name, called in self.scenario.accounts.items()}
        found = {
            (name, campaign.id): campaign.status
            for called, name in names.items()
            for campaign in self.sandbox.account(called).campaigns.values()
        }
        self.looks.append(Look(at=self.wall.true(), statuses=found))

    def _is_settled(self, ledger: sqlite3.Connection) -> bool:
        """Whether nothing is under way, and nothing waits."""
        if self.network.under_way:
            return False
        query = "SELECT count(*) FROM intents WHERE state IN ('waiting', 'calling')"
        return not ledger.execute(query).fetchone()[0]

    def _look_out(self) -> None:
        """Something has happened: what comes of it is looked at closely."""
        now = self.loop.time()
        self._punctual_until = now + _PUNCTUAL
        self._happened_at = now
        self._attentive_until = now + self._luck.uniform(*self._luck.choice(_ATTENTIVE))

    # Things happen.

    def _happen(self) -> None:
        now = self.loop.time()
        self._look_out()
        ended = [event for event in self._troubles if event.at + event.lasts <= now]
        if ended:
            self._troubles = [event for event in self._troubles if event not in ended]
            self._use_troubles()
            if any(event.kind is Kind.EDIT for event in ended):
                self._edit()
        while self._events and self._events[-1].at <= now:
            event = self._events.pop()
            self.happened[event.kind] += 1
            self._befall(event)
        if self.machine.starts_at is not None and self.machine.starts_at <= now:
            self.machine.start()

    def _befall(self, event: Event) -> None:
        match event.kind:
            case Kind.API | Kind.NETWORK:
                self._troubles.append(event)
                self._use_troubles()
            case Kind.KILL:
                self.machine.kill()
            case Kind.KILL_AT_STEP:
                self.machine.process.kill_in = event.count
            case Kind.KILL_AT_COMMIT:
                self.disk.kill_at = event.count
            case Kind.DISK_ERROR:
                self.disk.fail_at = event.count
            case Kind.STOP:
                self.machine.signal(signal.SIGTERM)
            case Kind.EDIT if event.lasts:
                self._troubles.append(event)
                self._file.write_text(self._file.read_text(encoding="utf-8")[:-20] + "}", encoding="utf-8")
                self._tell_of_edits()
            case Kind.EDIT:
                self._edit()
            case Kind.ACT:
                self.people.act()
            case Kind.ROUND:
                self.people.make_a_round(self._ruleset)

    def _use_troubles(self) -> None:
        self.sandbox.clear_faults()
        for event in self._troubles:
            if event.fault is not None:
                self.sandbox.add_fault(event.fault)
        self.network.trouble = max((event.strength for event in self._troubles), default=0.0)

    def _edit(self) -> None:
        self._rules = edited(self._luck, self.scenario, self._rules)
        self._write_rules()
        self._tell_of_edits()

    def _tell_of_edits(self) -> None:
        match self._luck.choice(("heard", "heard", "asked for", "found later", "restarted")):
            case "heard":
                self.machine.tell_of_edits()
            case "asked for":
                self.machine.signal(signal.SIGHUP)
            case "restarted":
                self.machine.signal(signal.SIGTERM)


def _sandbox(life: Life) -> Sandbox:
    scenario = life.scenario
    sandbox = Sandbox(campaigns=0, api_key=KEY, variants=scenario.variants, seed=life.seed, now=life.wall.true)
    for name, campaigns in scenario.campaigns.items():
        account = sandbox.account(scenario.accounts[name])
        account.campaigns.update({each.id: replace(each) for each in campaigns})
    return sandbox


@contextmanager
def _logs_to(write: Any) -> Iterator[None]:
    """Have all log lines of INFO and above given to a function meanwhile."""

    def give(_logger: object, level: str, event: Any) -> Any:
        write(level, event)
        raise structlog.DropEvent

    before = structlog.get_config()
    structlog.reset_defaults()
    structlog.configure(processors=[give], wrapper_class=structlog.make_filtering_bound_logger(20))
    try:
        yield
    finally:
        structlog.configure(**before)
