"""The file while the daemon runs: another one is loaded and found right, and only then put in force.

It's looked at when it changes, when somebody asks for it (SIGHUP), and every minute. What counts is whether its bytes
are others than before, and those of the files that it includes; a change is acted on when it has settled for a second.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from rules.advice import advise
from rules.comparison import RuleChange, compare
from rules.source import Place, Problem, render
from scheduler import systemd
from scheduler.client import Client
from scheduler.contents import Stamp, stamp_now
from scheduler.errors import WrongFile
from scheduler.exposure import exposed_keys
from scheduler.in_force import InForce
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Writer
from scheduler.ledger.files import held
from scheduler.ledger.records import FILE_LOADED, FILE_REJECTED
from scheduler.loading import Loaded, facts, sweep
from scheduler.logs import logger
from scheduler.notify import wrong_address
from scheduler.settings import Environment, Settings, database_url, load
from scheduler.texts import brief
from scheduler.watching import Watch

SETTLED: Final = timedelta(seconds=1)
LOOK_AGAIN: Final = timedelta(minutes=1)
# So much of the plan is compared with that of the file before.
AHEAD: Final = timedelta(days=30)
# A file that is wrong all over, or quite another one, shall bury neither the log nor the journal.
_MOST_LOGGED: Final = 20
_MOST_KEPT: Final = 50
_DIGEST_SHOWN: Final = 12
_FAULT: Final = "a fault of Curfew's own: the daemon's log has it"

_log = logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A file that could be put in force: what the journal has of it, what it changes, what is surely not meant."""

    settings: Settings
    facts: Mapping[str, Any]
    changes: Sequence[RuleChange]
    advice: Sequence[Problem]


class Reload:
    """Keeps what is in force that of the file, as long as it's right."""

    def __init__(
        self,
        in_force: InForce,
        writer: Writer,
        environment: Environment,
        now: Callable[[], datetime],
        *,
        watch: Callable[[Callable[[], None]], Watch] = Watch,
    ) -> None:
        self._in_force = in_force
        self._rules = in_force.rules
        self._writer = writer
        self._environment = environment
        self._now = now
        self._at_start = in_force.rules.settings
        self._stamp = self._at_start.stamp
        self._is_to_be_read_anew = False
        self._is_asked = asyncio.Event()
        self._may_have_changed = asyncio.Event()
        self._watch = watch(self._may_have_changed.set)

    def ask(self) -> None:
        """Load the file now, changed or not, and say what came of it."""
        self._is_asked.set()
        self._may_have_changed.set()

    def read_anew(self) -> None:
        """Load the file soon, changed or not, and put it in force: it means something else by other time zone data."""
        self._is_to_be_read_anew = True
        self._may_have_changed.set()

    async def run(self) -> None:
        """Look at the file again and again, until cancelled."""
        while True:
            files = self._stamp.keys()
            async with self._watch.over({path for path, _ in files}):
                # What changed while nobody watched is seen now.
                await self._look()
                # With others, the watch is over others too.
                if self._stamp.keys() == files:
                    await self._wait()
            self._may_have_changed.clear()

    async def _wait(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(LOOK_AGAIN.total_seconds()):
                await self._may_have_changed.wait()

    async def _look(self) -> None:
        has_changed = await self._has_changed()
        if self._is_asked.is_set():
            self._is_asked.clear()
            await self._load("SIGHUP", is_asked=True)
        elif has_changed:
            await self._load("the file has changed")
        elif self._is_to_be_read_anew and not self._rules.rejected:
            await self._load("other time zone data")

    async def _has_changed(self) -> bool:
        """Whether any of the files has other bytes than before, and has settled; who asks doesn't wait for that."""
        now = await self._stamp_now()
        while now != self._stamp and not self._is_asked.is_set():
            with suppress(TimeoutError):
                async with asyncio.timeout(SETTLED.total_seconds()):
                    await self._is_asked.wait()
            before, now = now, await self._stamp_now()
            if now == before:
                return now != self._stamp
        return False

    async def _stamp_now(self) -> Stamp:
        # In a thread: a folder of the network may take its time, or for ever.
        return await asyncio.to_thread(stamp_now, self._stamp)

    async def _load(self, why: str, *, is_asked: bool = False) -> None:
        systemd.notify_reloading()
        before = self._rules.settings
        try:
            # In a thread: thousands of rules take seconds, in which pauses are due.
            found = await asyncio.to_thread(try_out, before, self._environment, self._now())
        except WrongFile as error:
            self._stamp = error.stamp
            await self._reject(error.problems, sha256(error.content).hexdigest(), why)
        except Exception:  # noqa: BLE001 -- whatever stands in a file, the rules in force go on; the fault is shown
            _log.exception("a fault of Curfew: the file can't be loaded", file=str(before.file))
            self._stamp = await self._stamp_now()
            await self._reject([Problem(Place(1, 1), render(()), _FAULT)], None, why)
        else:
            self._stamp = found.settings.stamp
            await self._weigh(found, why, is_asked=is_asked)
        systemd.notify("READY=1")

    async def _weigh(self, found: Candidate, why: str, *, is_asked: bool) -> None:
        before, settings = self._rules.settings, found.settings
        is_same = (settings.stamp, settings.zone_data) == (before.stamp, before.zone_data)
        if is_same and not self._is_to_be_read_anew:
            await self._keep(found, why, is_asked=is_asked)
        elif not is_asked and (refusal := await self._sweep(settings)):
            await self._reject([refusal], settings.digest, why)
        else:
            await self._in_force.use(settings)
            self._rules.rejected, self._is_to_be_read_anew = None, False
            self._tell(found, why)
            await self._note_load(found, why)

    async def _sweep(self, found: Settings) -> Problem | None:
        before = Loaded(self._rules.settings, self._rules.ruleset)
        after = Loaded(found, self._rules.with_exceptions(found))
        return sweep(before, after, await self._writer.do(held), self._now())

    async def _keep(self, found: Candidate, why: str, *, is_asked: bool) -> None:
        if self._rules.rejected:
            self._rules.rejected = None
            _log.info("the file is again as it was", file=str(found.settings.file))
            await self._note_load(found, why)
        elif is_asked:
            _log.info("the file hasn't changed", file=str(found.settings.file))
        if is_asked:
            self._in_force.accounts.probe()

    async def _reject(self, problems: Sequence[Problem], digest: str | None, why: str) -> None:
        self._rules.rejected = problems[0]
        file, number = str(self._rules.settings.file), len(problems)
        kept = [brief(str(problem)) for problem in problems[:_MOST_KEPT]]
        _log.error("file rejected; the rules in force stay", file=file, why=why, problems=number, first=kept[0])
        for shown in kept[1:_MOST_LOGGED]:
            _log.error("another problem of the file", file=file, problem=shown)
        details = {"file": file, "sha256": digest, "why": why, "number": number, "problems": kept}
        await self._note(FILE_REJECTED, details)

    def _tell(self, found: Candidate, why: str) -> None:
        settings, changes = found.settings, found.changes
        shown = {"file": str(settings.file), "sha256": settings.digest[:_DIGEST_SHOWN], "why": why}
        _log.info("file loaded", **shown, rules=len(settings.ruleset.rules), changed_rules=len(changes))
        for change in changes[:_MOST_LOGGED]:
            _log.info("plan changed", rule=change.rule, what=str(change))
        if len(changes) > _MOST_LOGGED:
            _log.info("plan changed", further_rules=len(changes) - _MOST_LOGGED)
        for problem in found.advice[:_MOST_LOGGED]:
            _log.warning("surely not meant", place=str(problem.place), path=problem.path, why=problem.message)
        urls = {database_url(each, self._environment) for each in (self._at_start, settings)}
        if len(urls) > 1:
            _log.warning("another database takes a restart; the ledger stays the one before")

    async def _note_load(self, found: Candidate, why: str) -> None:
        kept = [_facts(change) for change in found.changes[:_MOST_KEPT]]
        more = {"why": why, "changed_rules": len(found.changes), "changes": kept}
        await self._note(FILE_LOADED, {**found.facts, **more})

    async def _note(self, event: str, details: Mapping[str, Any]) -> None:
        def note(connection: Connection) -> None:
            work.note(connection, self._now(), event, details=details)

        await self._writer.do(note)


def try_out(before: Settings, environment: Environment, now: datetime) -> Candidate:
    """Load the file anew, and try it out: what would fail with its next days fails here.

    Raises:
        WrongFile: with every problem of the file, in its order.
    """
    after = load(before.file, environment, every_key=True, check_address=wrong_address)
    for account in set(after.accounts) - set(before.accounts):
        # One whose address can't be called must not get as far as the accounts at work.
        Client(account)
    old, new = (_advice(each, environment, now) for each in (before, after))
    known = {(problem.path, problem.message) for problem in old}
    return Candidate(
        settings=after,
        facts=facts(after, now),
        changes=compare(before.ruleset, after.ruleset, now, now + AHEAD),
        advice=[problem for problem in new if (problem.path, problem.message) not in known],
    )


def _advice(settings: Settings, environment: Environment, now: datetime) -> list[Problem]:
    rules = advise(settings.source, settings.document, settings.ruleset, now)
    return [*rules, *exposed_keys(settings, environment)]


def _facts(change: RuleChange) -> dict[str, Any]:
    return {
        "rule": change.rule,
        "what": str(change),
        "gained": len(change.gained),
        "lost": len(change.lost),
        "moved": len(change.moved),
    }
