"""A run: the daemon's processes and the sandbox's, through round after round of trouble, each with calm after it."""

import json
import os
import random
import shutil
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.acceptance.processes import SandboxProcess
from tests.proof.chaos.clock import SteppedClock, utc_now
from tests.proof.chaos.daemon import Life, SupervisedDaemon
from tests.proof.chaos.disk import SmallDisk
from tests.proof.chaos.file import RuleFile
from tests.proof.chaos.script import (
    ACTS,
    CHAOS,
    EFFECTS,
    PATIENCE_SECONDS,
    TIME_OUTS,
    Death,
    Happening,
    Kinds,
    campaigns,
    deaths,
    edited,
    happenings,
    rules_of,
    with_windows,
)
from tests.proof.history import Act, History, Look, Reign
from tests.proof.rows import read_file, read_log

# How soon the client may give up a call and make another: the preflight waits for 5 s, a look for 10, a call for 30.
GIVES_UP_AFTER: Final = {
    name: timedelta(seconds=limit - 0.1) for name, limit in [("list", 5), ("get", 5), ("pause", 30), ("run", 30)]
}
# A supervisor starts again what has ended by itself, after a while.
RESTART_AFTER: Final = 0.5
# So often it may end by itself, one time after the other, on a disk that is full for seconds.
MOST_ENDS: Final = 12
# The longest backoff is five minutes: what failed just before the calm may wait for so long.
PATIENCE: Final = timedelta(minutes=6)
# What is looked at mustn't change while it's looked at.
NO_EDGE_WITHIN: Final = timedelta(seconds=1)
_STEP: Final = 0.01
# As on the net: most of what a lane does is waiting for an answer.
LATENCY: Final = 0.05
_OPEN: Final = """
    SELECT id, account, campaign, action, state, attempts, next_attempt_at FROM intents
    WHERE state IN ('waiting', 'calling')
"""


class NotSettledError(AssertionError):
    """It was calm for minutes, and something still waited."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large a run is: at least so many rounds, and kills in all of them together."""

    rounds: int = 8
    kills: int = 100
    accounts: int = 4
    campaigns: int = 12
    chaos_seconds: float = CHAOS
    has_time_outs: bool = True


@dataclass(slots=True)
class Tally:
    """What was done to the daemon, beyond what the history has."""

    edits: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    full: list[tuple[datetime, datetime]] = field(default_factory=list)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A run that is over."""

    history: History
    lives: Sequence[Life]
    tally: Tally
    faults: Mapping[str, int]
    unsettled: str | None


class Run:
    """One run, in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        sandbox: SandboxProcess,
        clock: SteppedClock,
        disk: SmallDisk,
        *,
        seed: int,
        scale: Scale,
        kinds: Kinds,
    ) -> None:
        self._folder = folder
        self._sandbox = sandbox
        self._clock = clock
        self._disk = disk
        self._seed = seed
        self._scale = scale
        self._kinds = kinds
        self._daemon = SupervisedDaemon(folder, clock.environment())
        self._names = {
            "main" if number == 0 else str(9000 + number): f"account-{number}" for number in range(scale.accounts)
        }
        self._ids = campaigns(scale.campaigns)
        self._file = self._first_file()
        self._versions: list[tuple[RuleFile, datetime]] = []
        self._acts: list[Act] = []
        self._looks: list[Look] = []
        # The number of the last request before the present life, how that's to end, and since when it may.
        self._log_from = 0
        self._death: Death | None = None
        self._reached: float | None = None
        self.tally = Tally()

    def _first_file(self) -> RuleFile:
        keys = {
            name: f"{{api_key: '${{WOODPECKER_API_KEY}}', base_url: '{self._sandbox.base_url}'"
            f"{'' if number == 0 else f', company_id: {9000 + number}'}}}"
            for number, name in enumerate(self._names.values())
        }
        rules = {rule.name: rule for name in keys for rule in rules_of(name, self._ids)}
        return RuleFile(accounts=keys, database=f"sqlite:///{self._ledger}", rules=rules)

    @property
    def _ledger(self) -> Path:
        return self._disk.folder / "curfew.db"

    def play(self) -> Played:
        """Round after round, to the last look."""
        self._sandbox.ask("PUT", "latency", {"seconds": LATENCY})
        unsettled: str | None = None
        try:
            while len(self._looks) < self._scale.rounds or self._number_killed() < self._scale.kills:
                self._round(len(self._looks))
        except NotSettledError as error:
            unsettled = str(error)
            self._looks.append(self._snapshot())
        self._daemon.stop()
        return self._played(unsettled)

    def _number_killed(self) -> int:
        return sum(life.is_killed for life in self._daemon.lives)

    def _round(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311 -- it's to be repeatable
        if self._scale.has_time_outs and number == self._scale.rounds // 2:
            self._long_life(chance)
        self._write(with_windows(self._file, self._clock.now(), chance))
        began = time.monotonic()
        waiting, ends = happenings(self._kinds, chance), deaths(chance)
        self._keep_alive()
        while time.monotonic() - began < self._scale.chaos_seconds:
            while waiting and waiting[0].at <= time.monotonic() - began:
                self._happen(waiting.pop(0))
            self._keep_alive()
            if self._kinds.kills:
                self._kill_when_due(ends)
            time.sleep(_STEP)
        self._calm_down()
        calm = time.monotonic()
        self._looks.append(self._settled())
        print(
            f"round {number + 1}: {self._number_killed()} kills so far, settled in {time.monotonic() - calm:.0f} s",
            flush=True,
        )

    def _kill_when_due(self, ends: Iterator[Death]) -> None:
        if self._death is None:
            self._death = next(ends)
        since = self._dies_since(self._death)
        if since is not None and time.monotonic() >= since + self._death.seconds:
            self._daemon.kill()
            time.sleep(self._death.down_seconds)
            self._start()
            self._death = None

    def _dies_since(self, death: Death) -> float | None:
        """When it happened that the present life is to be ended after; None as long as it hasn't."""
        if self._reached is None and self._has_come(death):
            self._reached = time.monotonic()
        return self._reached

    def _has_come(self, death: Death) -> bool:
        life = self._daemon.life
        if death.after == "start":
            return True
        if life.ready_at is None:
            return False
        is_late = utc_now() > life.ready_at + timedelta(seconds=PATIENCE_SECONDS)
        return death.after == "ready" or is_late or self._number_sent() >= death.calls

    def _number_sent(self) -> int:
        """How many pauses and resumes the present life has sent."""
        log = self._sandbox.ask("GET", f"log?after={self._log_from}")
        return sum(each["call"] in {"pause", "run"} for each in log)

    def _start(self) -> None:
        self._reached = None
        self._log_from = self._log_end()
        self._daemon.start()

    def _keep_alive(self) -> None:
        """Start what hasn't begun, or has ended by itself, as a supervisor does."""
        self._daemon.look()
        if not self._daemon.is_alive:
            if self._daemon.lives:
                self._fail_on_a_loop()
                time.sleep(RESTART_AFTER)
            self._start()

    def _fail_on_a_loop(self) -> None:
        ends = [life.exit_code for life in self._daemon.lives[-MOST_ENDS:]]
        if len(ends) == MOST_ENDS and not any(end is None for end in ends):
            raise NotSettledError(f"it ends by itself again and again: {self._daemon.life.last_words}")

    def _long_life(self, chance: random.Random) -> None:
        """One life in which calls take longer than the client waits."""
        self._write(with_windows(self._file, self._clock.now(), chance))
        for fault in TIME_OUTS:
            self._sandbox.fault(effect="delay", times=2, **fault)
        until = time.monotonic() + CHAOS / 2 + max(fault["delay_seconds"] for fault in TIME_OUTS)
        while time.monotonic() < until:
            self._keep_alive()
            time.sleep(_STEP)

    def _happen(self, happening: Happening) -> None:
        values = happening.values
        match happening.kind:
            case "weather":
                self._set_weather(values)
            case "step" if self._clock.can_be_stepped:
                self._clock.step(timedelta(seconds=values["seconds"]))
            case "edit":
                what, file = edited(self._file, self._clock.now(), happening.chance)
                self.tally.edits[what] += 1
                self._write(file)
            case "act":
                self._act(happening.chance)
            case "fill" if self._disk.can_be_filled:
                self._disk.fill()
                self.tally.full.append((utc_now(), utc_now()))
            case "empty" if self._disk.can_be_filled:
                self._disk.empty()
                self.tally.full[-1] = self.tally.full[-1][0], utc_now()

    def _set_weather(self, chances: Mapping[str, float]) -> None:
        self._sandbox.ask("DELETE", "faults")
        for name, probability in chances.items():
            if probability:
                self._sandbox.fault(probability=probability, **EFFECTS[name])

    def _act(self, chance: random.Random) -> None:
        """A person, or Woodpecker by itself, changes a campaign; more often than not one that doesn't run is run."""
        sandbox_name, account = chance.choice(list(self._names.items()))
        statuses = self._statuses_of(sandbox_name)
        status = chance.choices(list(ACTS), list(ACTS.values()))[0]
        others = [campaign for campaign, does in statuses.items() if does != status]
        if not others:
            return
        campaign = chance.choice(others)
        is_shield = status == "PAUSED" and chance.random() < 0.3
        changes: dict[str, Any] = {"status": status}
        if is_shield:
            changes["bounce_shield_autopaused_at"] = f"{self._clock.now():%Y-%m-%d %H:%M:%S}"
        since = utc_now()
        self._sandbox.ask("PATCH", f"campaigns/{campaign}?account={sandbox_name}", changes)
        until = utc_now()
        self._acts.append(
            Act(account=account, campaign=campaign, since=since, until=until, status=status, is_shield=is_shield)
        )
        self.tally.acts["Bounce Shield" if is_shield else status] += 1

    def _write(self, file: RuleFile) -> None:
        """Save the file as an editor does: another one in its place."""
        new = self._folder / "curfew.yaml.new"
        new.write_text(file.text())
        new.rename(self._folder / "curfew.yaml")
        self._file = file
        self._versions.append((file, utc_now()))

    def _calm_down(self) -> None:
        """No more trouble; the daemon is started anew, in good order or not."""
        self._sandbox.ask("DELETE", "faults")
        self._disk.empty()
        self._daemon.look()
        # One that hasn't got so far as to listen to signals ends by them as any program does.
        if len(self._looks) % 2 or self._daemon.life.ready_at is None:
            self._daemon.kill()
        else:
            self._daemon.stop()
        self._start()

    def _settled(self) -> Look:
        """Wait until nothing is under way, and look."""
        limit = utc_now() + PATIENCE
        while utc_now() < limit:
            time.sleep(0.15)
            before = self._log_end()
            why = self._why_not_settled()
            if os.environ.get("CHAOS_DEBUG"):
                print(why, flush=True)
            if why is None:
                look = self._snapshot()
                if self._why_not_settled() is None and self._log_end() == before:
                    return look
        raise NotSettledError(self._why_not_settled() or "it's never still")

    def _why_not_settled(self) -> str | None:
        self._daemon.look()
        if not self._daemon.is_alive:
            return "the daemon has ended by itself"
        log = self._sandbox.ask("GET", f"log?after={self._log_from}")
        if any(each["answered_at"] is None for each in log):
            return "a call is under way"
        for sandbox_name, account in self._names.items():
            if why := self._why_not_looked_at(account, [each for each in log if each["account"] == sandbox_name]):
                return why
        return self._open() or (None if self._daemon.is_asleep() else "it's at work")

    def _why_not_looked_at(self, account: str, log: Sequence[Mapping[str, Any]]) -> str | None:
        """Why the account can't have settled: no list has come since its last edge, or the next one is near."""
        now = self._clock.now()
        edges = [at for at in self._file.edges(account) if at <= now + NO_EDGE_WITHIN]
        if edges and edges[-1] > now:
            return f"an edge of {account} is near"
        listed = [_instant(each["received_at"]) + self._clock.ahead for each in log if each["call"] == "list"]
        if not listed or (edges and listed[-1] < edges[-1]):
            return f"no list of {account} since its last edge"
        return None

    def _open(self) -> str | None:
        with closing(sqlite3.connect(f"file:{self._ledger}?mode=ro", uri=True)) as database:
            rows = database.execute(_OPEN).fetchall()
        return f"open: {rows[:5]}" if rows else None

    def _log_end(self) -> int:
        log = self._sandbox.ask("GET", f"log?after={self._log_from}")
        return max((each["sequence"] for each in log), default=self._log_from)

    def _snapshot(self) -> Look:
        statuses = {
            (account, campaign): status
            for sandbox_name, account in self._names.items()
            for campaign, status in self._statuses_of(sandbox_name).items()
        }
        return Look(at=utc_now(), statuses=statuses)

    def _statuses_of(self, sandbox_name: str) -> dict[int, str]:
        return {each["id"]: each["status"] for each in self._sandbox.ask("GET", f"campaigns?account={sandbox_name}")}

    def _played(self, unsettled: str | None) -> Played:
        log = self._sandbox.ask("GET", "log")
        (self._folder / "log.json").write_text("\n".join(map(json.dumps, log)))
        shutil.copy(self._ledger, self._folder / "curfew.db")
        history = History(
            reigns=self._reigns(),
            statuses={(account, campaign): "RUNNING" for account in self._names.values() for campaign in self._ids},
            calls=read_log(log, self._names, self._daemon.life_at),
            ledger=read_file(self._ledger),
            looks=self._looks,
            acts=self._acts,
            clock=self._clock.history(),
            gives_up_after=GIVES_UP_AFTER,
            records_missed=False,
        )
        return Played(
            history=history, lives=self._daemon.lives, tally=self.tally, faults=_faults(log), unsettled=unsettled
        )

    def _reigns(self) -> list[Reign]:
        """When each version may have been in force: the daemon reads the file when it starts."""
        found = []
        for number, (file, written_at) in enumerate(self._versions):
            following = self._versions[number + 1][1] if number + 1 < len(self._versions) else None
            since, until = self._taken_up(written_at), utc_now() if following is None else self._given_up(following)
            if since < until:
                found.append(Reign(plan=file.plan(), since=since, until=until))
        return found

    def _taken_up(self, written_at: datetime) -> datetime:
        """The earliest instant at which a version may have been read."""
        lives = self._daemon.lives
        reading = [
            life for life in lives if life.started_at <= written_at and (life.ready_at or utc_now()) > written_at
        ]
        if reading and (reading[-1].ended_at or utc_now()) > written_at:
            return written_at
        return self._given_up(written_at)

    def _given_up(self, written_at: datetime) -> datetime:
        """When the first life began that has surely read what was written then."""
        return next((life.started_at for life in self._daemon.lives if life.started_at >= written_at), utc_now())


def _faults(log: Sequence[Mapping[str, Any]]) -> dict[str, int]:
    """How often each effect has spoilt a call."""
    return Counter(
        f"{each['fault']} {each['http_status']}" if each["fault"].startswith("status") else each["fault"]
        for each in log
        if each["fault"]
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text)
