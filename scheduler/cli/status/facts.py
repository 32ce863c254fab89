"""What the ledger and the file say of how things stand, as values: read once, for both forms of the answer."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final

from rules.ruleset import Edge, Ruleset, Subject
from scheduler.cli import options
from scheduler.ledger.concerns import open_concerns
from scheduler.ledger.database import Database
from scheduler.ledger.files import FileInForce, RejectedFile, file_in_force, rejected_file
from scheduler.ledger.lives import LATE
from scheduler.ledger.overrides import overrides_in_mind
from scheduler.ledger.reports import DaemonRun, failing_changes, held_campaigns, left_campaigns, newest_run
from scheduler.ledger.right import who_works_on
from scheduler.settings import Settings

# In growing steps, one after the other.
LOOK_AHEAD_DAYS: Final = (1, 3, 12, 48)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """How things stand at one instant; `settings` are those of the file as it is now, None where it's wrong.

    `daemon` is the one that was started last, None where none was. `next` are the edges of the rules, None where these
    aren't known.
    """

    now: datetime
    settings: Settings | None
    daemon: DaemonRun | None
    is_alive: bool
    is_shared: bool
    standing_by: Sequence[Mapping[str, Any]]
    file: FileInForce | None
    rejected: RejectedFile | None
    ruleset: Ruleset | None
    held: Sequence[Mapping[str, Any]]
    left: Sequence[Mapping[str, Any]]
    failing: Sequence[Mapping[str, Any]]
    # What the daemon itself has found to need a person, if it lives and is no dry run.
    concerns: Sequence[Mapping[str, Any]] = ()

    @property
    def last_tick_at(self) -> datetime | None:
        """When the daemon has recorded last that it looked at what is due."""
        return self.daemon.last_tick_at if self.daemon else None

    @property
    def is_late(self) -> bool:
        """Whether a daemon that lives has recorded nothing for longer than it should."""
        return self.is_alive and self.last_tick_at is not None and self.now - self.last_tick_at > LATE

    def edges(self) -> Iterator[tuple[Subject, Edge]]:
        """Those to come, a day first, and more only for who asks on: thousands of campaigns have many of them."""
        start = self.now
        for days in LOOK_AHEAD_DAYS if self.ruleset else ():
            yield from self.ruleset.edges(start, start + timedelta(days=days)) if self.ruleset else ()
            start += timedelta(days=days)


def read(settings: Settings | None, url: str, now: datetime) -> Facts:
    """Read the ledger.

    Raises:
        LedgerError: there's none, or it can't be read.
    """
    ledger = Database(url)
    with ledger.reading() as connection:
        daemon, file, rejected = newest_run(connection), file_in_force(connection), rejected_file(connection)
        held, left = held_campaigns(connection), left_campaigns(connection)
        failing = failing_changes(connection, now)
        overrides = overrides_in_mind(connection, now)
        concerns = open_concerns(connection)
    sharing = who_works_on(ledger)
    is_alive = sharing.holder is not None
    ruleset = options.overridden_by(settings, overrides) if settings else None
    return Facts(
        now=now,
        settings=settings,
        daemon=daemon,
        is_alive=is_alive,
        is_shared=ledger.server is not None,
        standing_by=[_where(each) for each in sharing.standing_by],
        file=file,
        rejected=rejected,
        ruleset=ruleset,
        held=[_with_end(each, ruleset, now) for each in held],
        left=left,
        failing=failing,
        concerns=concerns if is_alive and daemon and not daemon.dry_run else (),
    )


def _where(name: str) -> dict[str, Any]:
    host, pid, _ = name.rsplit(":", 2)
    return {"host": host, "pid": int(pid)}


def _with_end(row: Mapping[str, Any], ruleset: Ruleset | None, now: datetime) -> dict[str, Any]:
    """What we hold, with its end as the rules have it by now, exceptions included; None where no end is in sight.

    Without the rules it's the end that the pause was made for. One that has passed is that of a resume that is due.
    """
    found = {name: value for name, value in row.items() if name != "folder"}
    if ruleset is not None:
        timeline = ruleset.timeline(
            row["account"], row["campaign"], name=row["campaign_name"] or None, folder=row["folder"]
        )
        decision = timeline.decide(now)
        found["until"] = decision.until if decision.is_quiet else min(row["until"], now)
    return found
