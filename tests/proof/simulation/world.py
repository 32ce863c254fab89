"""What a simulated daemon lives in: its file and the edits of it, the API and its troubles, people, and its machine."""

import random
import signal
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Final

from scheduler.sandbox import Sandbox
from tests.proof.history import Key
from tests.proof.simulation.disk import Disk
from tests.proof.simulation.events import Event, Kind, happen
from tests.proof.simulation.loop import VirtualLoop
from tests.proof.simulation.machine import Machine
from tests.proof.simulation.network import Network
from tests.proof.simulation.past import Versions
from tests.proof.simulation.people import People
from tests.proof.simulation.scenario import KEY, Rules, Scenario, edited
from tests.proof.simulation.wall import Wall
from tests.scheduler_fakes import ledger_in

# The end of each life is calm, so that all that's due can be seen through.
CALM: Final = timedelta(hours=40)
# How long it may take until all has ended that had begun by then.
_AFTERWARDS: Final = timedelta(days=1)


class World:
    """Everything around the daemon, and what happens to it."""

    def __init__(self, seed: int, scenario: Scenario, folder: Path, trouble: float) -> None:
        self._seed = seed
        self.scenario = scenario
        self.loop = VirtualLoop()  # type: ignore[abstract]  # what asyncio calls abstract is more than anyone uses
        self.wall = Wall(self.loop, scenario.start)
        self.end = self.wall.seconds(scenario.end)
        self.calm = self.end - CALM.total_seconds()
        self.sandbox = self._sandbox()
        self.network = Network(self.loop, self.sandbox, self.chance("network"), self.wall.true)
        self.disk = Disk(self.chance("disk"))
        self.people = People(self.chance("people"), self.sandbox, scenario, self.wall)
        self.versions = Versions(scenario)
        self.edits: Counter[str] = Counter()
        self.edited_at = 0.0
        self.file, self.ledger = folder / "curfew.yaml", ledger_in(folder)
        self.machine = self._machine()
        self._rules: Rules = scenario.rules
        self._editor = self.chance("editor")
        self._write_rules()
        self._events = happen(seed, self._edges, weeks=scenario.weeks, until=self.calm, trouble=trouble)[::-1]
        # What lasts.
        self._troubles: list[Event] = []

    def chance(self, what: str) -> random.Random:
        """A source of its own for each kind of luck: more of one doesn't change another."""
        return random.Random(f"{what} {self._seed}")  # noqa: S311 -- it's to be repeated

    def _sandbox(self) -> Sandbox:
        variants, now = self.scenario.variants, self.wall.true
        sandbox = Sandbox(campaigns=0, api_key=KEY, variants=variants, seed=self._seed, now=now)
        for name, campaigns in self.scenario.campaigns.items():
            account = sandbox.account(self.scenario.accounts[name])
            account.campaigns.update({each.id: replace(each) for each in campaigns})
        return sandbox

    def _machine(self) -> Machine:
        return Machine(
            loop=self.loop,
            wall=self.wall,
            file=self.file,
            ledger=self.ledger,
            network=self.network,
            disk=self.disk,
            chance=self.chance("machine"),
            when_started=lambda: self.versions.started(self.wall.true()),
        )

    @property
    def is_troubled(self) -> bool:
        """Whether something lasts that may keep the daemon from its work."""
        return bool(self._troubles)

    def statuses(self) -> dict[Key, str]:
        """What all campaigns do."""
        return dict(self._statuses())

    def _statuses(self) -> Iterator[tuple[Key, str]]:
        for name, called in self.scenario.accounts.items():
            for campaign in self.sandbox.account(called).campaigns.values():
                yield (name, campaign.id), campaign.status

    def next_moment(self) -> float:
        """When something happens next: an edge of the rules, an event or its end, a start of the daemon, or the end."""
        now, ahead = self.loop.time(), self.wall.ahead.total_seconds()
        index = bisect_right(self._edges, now + ahead)
        moments = [
            self.end if now >= self.calm else self.calm,
            *(edge - ahead for edge in self._edges[index : index + 1]),
            *(event.at for event in self._events[-1:]),
            *(event.at + event.lasts for event in self._troubles),
            *([] if self.machine.starts_at is None else [self.machine.starts_at]),
        ]
        return max(now, min(moments))

    def has_edge_within(self, seconds: float) -> bool:
        """Whether an edge of the rules has passed so short a time ago, or comes so soon, by the daemon's clock."""
        now = self.loop.time() + self.wall.ahead.total_seconds()
        return bisect_right(self._edges, now - seconds) < bisect_right(self._edges, now + seconds)

    def go_on(self) -> None:
        """Have all happen that happens now."""
        now = self.loop.time()
        for event in [each for each in self._troubles if each.at + each.lasts <= now]:
            self._end_trouble(event)
        while self._events and self._events[-1].at <= now:
            self._befall(self._events.pop())
        if now >= self.calm and (self._events or self._troubles or self.machine.is_in_danger):
            self._calm_down()
        if self.machine.starts_at is not None and self.machine.starts_at <= now:
            self.machine.start()

    def _calm_down(self) -> None:
        """Have nothing happen any more but what the rules ask for."""
        self._events.clear()
        for event in list(self._troubles):
            self._end_trouble(event)
        self.machine.calm_down()

    def _befall(self, event: Event) -> None:
        match event.kind:
            case Kind.API | Kind.NETWORK | Kind.DISK_FULL:
                self._begin_trouble(event)
            case Kind.CLOCK:
                self._begin_trouble(event)
                self.wall.step(event.by)
            case Kind.KILL:
                self.machine.kill()
            case Kind.KILL_AT_STEP:
                self.machine.kill_soon(step=event.count)
            case Kind.KILL_AT_COMMIT:
                self.machine.kill_soon(commit=event.count)
            case Kind.DISK_ERROR:
                self.disk.fail_at = event.count
            case Kind.STOP:
                self.machine.signal(signal.SIGTERM)
            case Kind.ACT:
                for _ in range(event.count):
                    self.people.act()
            case Kind.ROUND:
                self.people.make_a_round(self._ruleset)
            case Kind.EDIT if event.lasts:
                self._begin_trouble(event)
                self._spoil()
            case Kind.EDIT:
                self._edit()

    def _begin_trouble(self, event: Event) -> None:
        self._troubles.append(event)
        self._use_troubles()

    def _end_trouble(self, event: Event) -> None:
        self._troubles.remove(event)
        self._use_troubles()
        if event.kind is Kind.EDIT:
            self._edit()
        if event.kind is Kind.CLOCK:
            self.wall.step(-event.by)

    def _use_troubles(self) -> None:
        self.sandbox.clear_faults()
        for event in self._troubles:
            if event.fault is not None:
                self.sandbox.add_fault(event.fault)
        self.disk.is_full = any(event.kind is Kind.DISK_FULL for event in self._troubles)
        self.network.trouble = max((event.strength for event in self._troubles), default=0.0)

    def _write_rules(self) -> None:
        self.file.write_text(self.scenario.file(self._rules), encoding="utf-8")
        self._ruleset = self.machine.settings().ruleset
        self.versions.edited(self._ruleset, self.wall.true(), is_heard=self.machine.is_up)
        since, until = self.wall.true(), self.scenario.end + _AFTERWARDS
        alone = (self._ruleset.alone(rule.name) for rule in self._ruleset.rules)
        self._edges = sorted({self.wall.seconds(edge.at) for each in alone for edge in each.edges(since, until)})

    def _edit(self) -> None:
        self._rules = edited(self._editor, self.scenario, self._rules)
        self._write_rules()
        self._tell_of_edits()

    def _spoil(self) -> None:
        """Somebody saves the file in the middle of a word."""
        content = self.file.read_text(encoding="utf-8")
        self.file.write_text(content[: self._editor.randrange(len(content) // 2, len(content) - 3)] + "{", "utf-8")
        self._tell_of_edits(" with a mistake")

    def _tell_of_edits(self, what: str = "") -> None:
        self.edited_at = self.loop.time()
        how = self._editor.choice(("heard of", "heard of", "reloaded", "found by itself", "restarted"))
        self.edits[how + what] += 1
        match how:
            case "heard of":
                self.machine.tell_of_edits()
            case "reloaded":
                self.machine.signal(signal.SIGHUP)
            case "restarted":
                self.machine.signal(signal.SIGTERM)
