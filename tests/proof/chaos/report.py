"""What came of a run: a table of figures, and whatever broke a promise."""

import pickle
from collections.abc import Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from tests.proof.chaos.daemon import Life
from tests.proof.chaos.run import Played
from tests.proof.checker import Verdict, check
from tests.proof.history import Call, History
from tests.proof.telling import tell

# A supervised daemon may end by itself where its disk is full; nowhere else, and never by a fault of its own.
_AROUND = timedelta(seconds=3)
_MOST_SHOWN = 40
# All that the checker was given, for another look at it.
HISTORY = "history.pickle"


def report(played: Played, folder: Path, *, lasted: timedelta) -> bool:
    """Print all of it; gives whether every promise was kept."""
    verdict, faults = check(played.history), list(own_faults(played))
    for name, value in _rows(played, verdict, lasted):
        print(f"{name:<34} {value}")
    broken = [*faults, *map(str, verdict.violations)]
    for line in broken[:_MOST_SHOWN]:
        print(f"BROKEN: {line}")
    if broken:
        _keep(played.history, verdict, folder)
        print(f"{len(broken)} promises were broken; the file, the ledger and the logs are in {folder}")
    return not broken


def _keep(history: History, verdict: Verdict, folder: Path) -> None:
    """Keep what happened to the campaigns concerned, and all that the checker was given."""
    keys = {(each.account, each.campaign) for each in verdict.violations if each.campaign is not None}
    told = "\n".join(line for key in sorted(keys) for line in [*tell(history, key), ""])
    (folder / "stories.txt").write_text(told)
    (folder / HISTORY).write_bytes(pickle.dumps(history))


def own_faults(played: Played) -> Iterator[str]:
    """Ends of the daemon that nothing excuses, faults that its log has, and what never settled."""
    if played.unsettled:
        yield f"it didn't settle: {played.unsettled}"
    for life in played.lives:
        is_odd = life.exit_code not in {None, 0} and not _is_excused(life, played)
        if is_odd or life.has_traceback:
            yield f"life {life.number} ended with {life.exit_code}: {life.last_words[-1500:]}"


def _is_excused(life: Life, played: Played) -> bool:
    """Whether its disk was full (exit code 1), or its file wrong when it began (2)."""
    code, full, spoilt = life.exit_code, played.tally.full, played.tally.spoilt
    ended_at = life.ended_at or life.started_at
    return (code == 1 and any(since <= ended_at <= until + _AROUND for since, until in full)) or (
        code == 2 and any(since <= ended_at and life.started_at <= until for since, until in spoilt)
    )


def _rows(played: Played, verdict: Verdict, lasted: timedelta) -> Iterator[tuple[str, object]]:
    figures, tally, history = verdict.figures, played.tally, played.history
    yield "it took", f"{lasted.total_seconds():.0f} s"
    yield "accounts, campaigns", f"{len({account for account, _ in history.statuses})}, {len(history.statuses)}"
    killed = [life for life in played.lives if life.is_killed]
    in_calls = sum(_is_in_a_call(life, history.calls) for life in killed)
    starting = sum(life.ready_at is None for life in killed)
    yield "kills (SIGKILL)", f"{len(killed)}: {starting} while it started, {in_calls} in the middle of a call"
    yield "went on without its disk", f"{sum(life.degraded for life in played.lives)} times"
    yield "not started on a full disk", sum(life.exit_code == 1 for life in played.lives)
    yield "not started by a wrong file", sum(life.exit_code == 2 for life in played.lives)
    yield "faults of the API", _listed(tally.faults)
    steps = [ahead for _, ahead in history.clock.steps]
    by = [int((after - before).total_seconds()) for before, after in zip([timedelta(), *steps], steps, strict=False)]
    yield "clock steps", f"{len(by)}: {', '.join(f'{each:+d} s' for each in by)}"
    yield "edits of the file", _listed(tally.edits)
    yield "disk full", f"{len(tally.full)} times, {sum((b - a).total_seconds() for a, b in tally.full):.0f} s"
    yield "acts of others", _listed(tally.acts)
    posts = [call for call in history.calls if call.call in {"pause", "run"}]
    yield "calls", f"{len(history.calls)}, of which {len(posts)} pause or resume"
    yield "looks at a settled state", len(history.looks)
    yield "left to a person", _listed(figures.left)
    yield "windows that passed unseen", figures.unseen
    yield "changes due", figures.due
    yield "lost", figures.lost
    yield "doubled, and marked", figures.marked
    yield "doubled, unmarked", figures.doubled


def _listed(counts: object) -> str:
    found = sorted(dict(counts).items(), key=lambda each: -each[1])  # type: ignore[call-overload]  # a mapping
    return ", ".join(f"{number} {name}" for name, number in found) or "none"


def _is_in_a_call(life: Life, calls: Sequence[Call]) -> bool:
    at = life.ended_at
    ours = (call for call in calls if call.life == life.number and call.call in {"pause", "run"})
    return at is not None and any(
        call.answered_at is None or call.received_at <= at <= call.answered_at for call in ours
    )
