"""A run: the daemon's processes and the sandbox's, through round after round of trouble, each with calm after it."""

import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
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
    EFFECTS,
    PATIENCE,
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
from tests.proof.chaos.settling import Settling
from tests.proof.chaos.versions import Versions
from tests.proof.history import Act, History, Look
from tests.proof.rows import read_file, read_log

# How soon the client may give up a call and make another: the preflight waits for 5 s, a pause or a resume for 30.
GIVES_UP_AFTER: Final = {
    "list": timedelta(seconds=4.9),
    "get": timedelta(seconds=4.9),
    "pause": timedelta(seconds=29.9),
    "run": timedelta(seconds=29.9),
}
# A supervisor starts again what has ended by itself, after a while.
RESTART_AFTER: Final = 0.5
# So often it may end by itself, one time after the other: on a full disk, or by a file that is wrong for seconds.
MOST_ENDS: Final = 20
# The longest backoff is five minutes: what failed just before the calm may wait for so long.
SETTLES_WITHIN: Final = timedelta(minutes=6)
# As on the net: most of what a lane does is waiting for an answer.
LATENCY: Final = 0.05
_STEP: Final = 0.01
# Where it took longer to settle, what it was that took so long is worth a word.
LONG_SECONDS: Final = 20


class NotSettledError(AssertionError):
    """It was calm for minutes, and something still waited; or the daemon can't be kept alive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """How large a run is: at least so many rounds, and kills in all of them together."""

    rounds: int = 8
    kills: int = 100
    accounts: int = 4
    campaigns: int = 12
    chaos_seconds: float = 25
    has_time_outs: bool = True


@dataclass(slots=True)
class Tally:
    """What was done to the daemon, beyond what the history has."""

    edits: Counter[str] = field(default_factory=Counter)
    acts: Counter[str] = field(default_factory=Counter)
    full: list[tuple[datetime, datetime]] = field(default_factory=list)
    spoilt: list[tuple[datetime, datetime]] = field(default_factory=list)
    faults: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """A run that is over; `unsettled` says what didn't settle."""

    history: History
    lives: Sequence[Life]
    tally: Tally
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
        # What the ledger calls each of the sandbox's accounts.
        self._accounts = {
            "main" if number == 0 else str(9000 + number): f"account-{number}" for number in range(scale.accounts)
        }
        self._campaigns = campaigns(scale.campaigns)
        self._ledger = disk.folder / "curfew.db"
        self._daemon = SupervisedDaemon(folder, clock.environment())
        self._versions = Versions(folder, self._ledger)
        self._settling = Settling(self._daemon, self._versions, clock, sandbox, self._ledger, self._accounts)
        self._acts: list[Act] = []
        self._looks: list[Look] = []
        self._tally = Tally()
        # The number of the last request before the present life, how that's to end, and since when it may.
        self._log_from = 0
        self._death: Death | None = None
        self._may_die_since: float | None = None

    def play(self) -> Played:
        """Round after round, to the last look."""
        self._sandbox.ask("PUT", "latency", {"seconds": LATENCY})
        self._versions.write(self._first_file())
        unsettled: str | None = None
        try:
            while len(self._looks) < self._scale.rounds or self._number_killed() < self._scale.kills:
                self._round(len(self._looks))
        except NotSettledError as error:
            unsettled = str(error)
            self._looks.append(self._snapshot())
        self._daemon.stop()
        return self._played(unsettled)

    def _first_file(self) -> RuleFile:
        url = self._sandbox.base_url
        lines = {
            name: f"{{api_key: '${{WOODPECKER_API_KEY}}', base_url: '{url}'{_company(sandbox_name)}}}"
            for sandbox_name, name in self._accounts.items()
        }
        rules = {rule.name: rule for name in lines for rule in rules_of(name, self._campaigns)}
        return RuleFile(accounts=lines, database=f"sqlite:///{self._ledger}", rules=rules)

    def _number_killed(self) -> int:
        return sum(life.is_killed for life in self._daemon.lives)

    def _round(self, number: int) -> None:
        chance = random.Random(f"{self._seed}/{number}")  # noqa: S311 -- it's to be repeatable
        if self._scale.has_time_outs and number == self._scale.rounds // 2:
            self._time_outs(chance)
        self._renew_windows(chance)
        waiting = happenings(self._kinds, self._scale.chaos_seconds, chance)
        ends, began = deaths(chance), time.monotonic()
        while waiting or time.monotonic() - began < self._scale.chaos_seconds:
            while waiting and waiting[0].at <= time.monotonic() - began:
                self._happen(waiting.pop(0))
            self._keep_alive()
            if self._kinds.kills and not self._disk.is_full:
                self._kill_when_due(ends)
            time.sleep(_STEP)
        self._calm_down(number)
        self._settle(number)

    def _renew_windows(self, chance: random.Random) -> None:
        file = with_windows(self._versions.newest, self._clock.now(), self._scale.chaos_seconds, chance)
        self._versions.write(file)

    def _time_outs(self, chance: random.Random) -> None:
        """One long life in which some calls take longer than the client waits."""
        self._renew_windows(chance)
        for fault in TIME_OUTS:
            self._sandbox.fault(effect="delay", times=2, **fault)
        longest = max(float(fault["delay_seconds"]) for fault in TIME_OUTS)
        until = time.monotonic() + self._scale.chaos_seconds / 2 + longest
        while time.monotonic() < until:
            self._keep_alive()
            time.sleep(_STEP)

    def _keep_alive(self) -> None:
        """Start what hasn't begun, or has ended by itself, as a supervisor does."""
        self._daemon.look()
        self._versions.look()
        if not self._daemon.is_alive:
            if self._daemon.lives:
                self._fail_on_a_loop()
                time.sleep(RESTART_AFTER)
            self._start()

    def _fail_on_a_loop(self) -> None:
        ends = [life.exit_code for life in self._daemon.lives[-MOST_ENDS:]]
        if len(ends) == MOST_ENDS and None not in ends:
            raise NotSettledError(f"it ends by itself again and again: {self._daemon.life.last_words}")

    def _start(self) -> None:
        self._may_die_since = None
        self._log_from = self._log_end()
        self._daemon.start()

    def _kill_when_due(self, ends: Iterator[Death]) -> None:
        if self._death is None:
            self._death = next(ends)
        if self._may_die_since is None and self._has_come(self._death):
            self._may_die_since = time.monotonic()
        is_due = self._may_die_since is not None and time.monotonic() >= self._may_die_since + self._death.seconds
        # What is kept in memory alone is lost with the process: that's no promise of ours.
        if is_due and not self._daemon.is_degraded():
            if self._daemon.kills_in_a_row() < self._death.kills_in_a_row:
                self._daemon.kill()
            else:
                self._stop()
            time.sleep(self._death.down_seconds)
            self._death = None
            self._start()

    def _stop(self) -> None:
        """Have it end in good order; one that doesn't listen to signals yet ends by them as any program does."""
        while self._daemon.is_alive and self._daemon.life.ready_at is None:
            self._daemon.look()
            time.sleep(_STEP)
        self._daemon.stop()

    def _has_come(self, death: Death) -> bool:
        """Whether the moment has come after which the present life is to end."""
        ready_at = self._daemon.life.ready_at
        if death.after == "start" or ready_at is None:
            return death.after == "start"
        return death.after == "ready" or utc_now() > ready_at + PATIENCE or self._number_sent() >= death.calls

    def _number_sent(self) -> int:
        """How many pauses and resumes the present life has sent."""
        log = self._sandbox.ask("GET", f"log?after={self._log_from}")
        return sum(each["call"] in {"pause", "run"} for each in log)

    def _happen(self, happening: Happening) -> None:
        match happening.kind:
            case "weather":
                self._change_weather(happening.values)
            case "step" if self._clock.can_be_stepped:
                self._clock.step(timedelta(seconds=happening.values["seconds"]))
            case "edit":
                self._edit(happening.chance)
            case "act":
                self._act(happening.chance)
            case "spoil":
                self._tally.edits["spoilt"] += 1
                self._versions.spoil()
            case "mend":
                self._versions.mend()
            case "fill" if self._disk.can_be_filled:
                self._disk.fill()
                self._tally.full.append((utc_now(), utc_now()))
            case "empty" if self._disk.can_be_filled:
                self._empty_disk()

    def _empty_disk(self) -> None:
        if self._disk.is_full:
            self._disk.empty()
            self._tally.full[-1] = self._tally.full[-1][0], utc_now()

    def _change_weather(self, chances: Mapping[str, float]) -> None:
        self._sandbox.ask("DELETE", "faults")
        for name, probability in chances.items():
            if probability:
                self._sandbox.fault(probability=probability, **EFFECTS[name])

    def _edit(self, chance: random.Random) -> None:
        """Save another version; every other time somebody asks the daemon to load it as well."""
        what, file = edited(self._versions.newest, self._clock.now(), chance)
        self._tally.edits[what] += 1
        self._versions.write(file)
        if chance.random() < 0.5:
            self._daemon.reload()

    def _act(self, chance: random.Random) -> None:
        """A person, or Woodpecker by itself, changes a campaign."""
        sandbox_name, account = chance.choice(list(self._accounts.items()))
        status = chance.choices(list(ACTS), list(ACTS.values()))[0]
        is_shield = status == "PAUSED" and chance.random() < 0.3
        others = [campaign for campaign, does in self._statuses_of(sandbox_name).items() if does != status]
        if not others:
            return
        changes: dict[str, Any] = {"status": status}
        if is_shield:
            # By the daemon's own clock: whoever has a wrong one can't tell an old stop from a new one.
            changes["bounce_shield_autopaused_at"] = f"{self._clock.now():%Y-%m-%d %H:%M:%S}"
        campaign, since = chance.choice(others), utc_now()
        self._sandbox.ask("PATCH", f"campaigns/{campaign}?account={sandbox_name}", changes)
        times = {"since": since, "until": utc_now()}
        self._acts.append(Act(account=account, campaign=campaign, status=status, is_shield=is_shield, **times))
        self._tally.acts["Bounce Shield" if is_shield else status] += 1

    def _calm_down(self, number: int) -> None:
        """No more trouble; the daemon is stopped or killed once more, or lives on."""
        self._sandbox.ask("DELETE", "faults")
        self._empty_disk()
        self._versions.mend()
        self._keep_alive()
        while self._daemon.is_degraded():
            self._keep_alive()
            time.sleep(_STEP)
        if number % 3 == 0:
            self._stop()
        elif number % 3 == 1:
            self._daemon.kill()
        self._death = None
        self._keep_alive()

    def _settle(self, number: int) -> None:
        calm, waited = time.monotonic(), Counter[str]()
        self._looks.append(self._settled(waited))
        took = time.monotonic() - calm
        longest = f": {waited.most_common(1)[0][0]}" if took > LONG_SECONDS else ""
        kills = self._number_killed()
        print(f"round {number + 1}: {kills} kills so far; settled in {took:.0f} s{longest}", flush=True)

    def _settled(self, waited: Counter[str]) -> Look:
        """Wait until nothing is under way, and look; what was waited for, and how often, is counted."""
        limit, why = utc_now() + SETTLES_WITHIN, ""
        while utc_now() < limit:
            time.sleep(0.15)
            self._keep_alive()
            before = self._log_end()
            why = self._settling.why_not(self._log_from) or ""
            waited[why] += 1
            if not why:
                look = self._snapshot()
                if self._settling.why_not(self._log_from) is None and self._log_end() == before:
                    return look
        raise NotSettledError(why)

    def _log_end(self) -> int:
        log = self._sandbox.ask("GET", f"log?after={self._log_from}")
        return max((each["sequence"] for each in log), default=self._log_from)

    def _snapshot(self) -> Look:
        statuses = {
            (account, campaign): status
            for sandbox_name, account in self._accounts.items()
            for campaign, status in self._statuses_of(sandbox_name).items()
        }
        return Look(at=utc_now(), statuses=statuses)

    def _statuses_of(self, sandbox_name: str) -> dict[int, str]:
        return {each["id"]: each["status"] for each in self._sandbox.ask("GET", f"campaigns?account={sandbox_name}")}

    def _played(self, unsettled: str | None) -> Played:
        log = self._sandbox.ask("GET", "log")
        (self._folder / "log.json").write_text("\n".join(map(json.dumps, log)))
        shutil.copy(self._ledger, self._folder / "curfew.db")
        self._tally.spoilt = self._versions.spoilt
        self._tally.faults = Counter(_fault(each) for each in log if each["fault"])
        history = History(
            reigns=list(self._versions.reigns(self._daemon.lives, utc_now())),
            statuses={(name, campaign): "RUNNING" for name in self._accounts.values() for campaign in self._campaigns},
            calls=read_log(log, self._accounts, self._daemon.life_at),
            ledger=read_file(self._ledger),
            looks=self._looks,
            acts=self._acts,
            clock=self._clock.history(),
            gives_up_after=GIVES_UP_AFTER,
        )
        return Played(history=history, lives=self._daemon.lives, tally=self._tally, unsettled=unsettled)


def _company(sandbox_name: str) -> str:
    return "" if sandbox_name == "main" else f", company_id: {sandbox_name}"


def _fault(entry: Mapping[str, Any]) -> str:
    """What spoilt a call, with the answer where there was a wrong one."""
    return f"{entry['fault']} {entry['http_status']}" if entry["fault"].startswith("status") else str(entry["fault"])
