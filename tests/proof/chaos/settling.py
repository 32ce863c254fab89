"""Whether all has settled: nothing waits, nothing is under way, and the daemon has looked since the last edge."""

import sqlite3
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

from tests.acceptance.processes import SandboxProcess
from tests.proof.chaos.clock import SteppedClock
from tests.proof.chaos.daemon import SupervisedDaemon
from tests.proof.chaos.versions import Versions

# What is looked at mustn't change while it's looked at.
_NO_EDGE_WITHIN: Final = timedelta(seconds=1)
# A version that was loaded has had its first pass after a while; that it's at work would show as well.
_LOADED_FOR: Final = timedelta(seconds=1)
_OPEN: Final = """
    SELECT id, account, campaign, action, state, attempts, next_attempt_at FROM intents
    WHERE state IN ('waiting', 'calling') LIMIT 3
"""


class Settling:
    """One daemon, its file, its clock, its sandbox and its ledger, as they're seen from outside."""

    def __init__(
        self,
        daemon: SupervisedDaemon,
        versions: Versions,
        clock: SteppedClock,
        sandbox: SandboxProcess,
        ledger: Path,
        accounts: Mapping[str, str],
    ) -> None:
        self._daemon = daemon
        self._versions = versions
        self._clock = clock
        self._sandbox = sandbox
        self._ledger = ledger
        self._accounts = accounts

    def why_not(self, after: int) -> str | None:
        """What isn't settled yet; None where all is. Of the log, only what came after that number counts."""
        return next(self._reasons(after), None)

    def _reasons(self, after: int) -> Iterator[str]:
        self._daemon.look()
        self._versions.look()
        if self._daemon.life.ready_at is None or not self._daemon.is_alive:
            yield "the daemon isn't up"
        if self._daemon.is_degraded():
            yield "the daemon goes on without its disk"
        if not self._versions.is_taken_up(_LOADED_FOR):
            yield "the newest version of the file isn't loaded"
        log = self._sandbox.ask("GET", f"log?after={after}")
        if any(entry["answered_at"] is None for entry in log):
            yield "a call is under way"
        yield from self._not_looked_at(log)
        yield from self._open()
        if not self._daemon.is_asleep():
            yield "the daemon is at work"

    def _not_looked_at(self, log: Sequence[Mapping[str, Any]]) -> Iterator[str]:
        """The accounts of which no list has come since their last edge, and those whose next one is near."""
        now = self._clock.now()
        lists = defaultdict[str, list[datetime]](list)
        for entry in log:
            if entry["call"] == "list":
                at = datetime.fromisoformat(entry["received_at"]) + self._clock.ahead
                lists[self._accounts[entry["account"]]].append(at)
        for account in self._accounts.values():
            edges = [at for at in self._versions.edges.get(account, ()) if at <= now + _NO_EDGE_WITHIN]
            if edges and edges[-1] > now:
                yield f"an edge of {account} is near"
            if not lists[account] or (edges and lists[account][-1] < edges[-1]):
                yield f"no list of {account} has come since its last edge"

    def _open(self) -> Iterator[str]:
        with closing(sqlite3.connect(f"file:{self._ledger}?mode=ro", uri=True)) as database:
            if rows := database.execute(_OPEN).fetchall():
                yield f"intents are open: {rows}"
