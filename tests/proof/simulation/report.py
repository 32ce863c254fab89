"""What lives amount to: their figures taken together, and whatever broke a promise."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from tests.proof.checker import Figures, Verdict
from tests.proof.simulation.life import Life


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of one life. `digest` is another one when anything at all went otherwise in it.

    `took` is the time of a processor that it has used, with its check.
    """

    seed: int
    digest: str
    took: timedelta
    campaign_weeks: int
    ends: Counter[str]
    faults: Counter[str]
    edits: Counter[str]
    kills: Counter[str]
    cut_off: frozenset[tuple[str, int]]
    commits: int
    calls: int
    acts: int
    looks: int
    figures: Figures
    broken: Sequence[str]


def outcome(life: Life, verdict: Verdict, took: timedelta) -> Outcome:
    """What came of a life, by what the checker says of it."""
    world = life.world
    at_commits = Counter({what: n for what, n in world.disk.struck.items() if what.startswith("killed")})
    answers = Counter(f"API: {entry.fault}" for entry in world.sandbox.log if entry.fault)
    ways = Counter({f"network: {what}": n for what, n in world.network.struck.items()})
    disk = Counter({f"disk: {what}": n for what, n in (world.disk.struck - at_commits).items()})
    others = Counter({"killed at an await": world.machine.ends["killed"] - at_commits.total()})
    return Outcome(
        seed=life.seed,
        digest=life.digest(),
        took=took,
        campaign_weeks=world.scenario.campaign_weeks,
        ends=world.machine.ends,
        faults=answers + ways + disk,
        edits=world.edits,
        kills=at_commits + others,
        cut_off=frozenset(where for where in world.loop.cut_off if _is_ours(where[0])),
        commits=world.disk.commits,
        calls=len(world.sandbox.log),
        acts=len(world.people.acts),
        looks=len(life.looks),
        figures=verdict.figures,
        broken=[*life.faults(), *map(str, verdict.violations)],
    )


def rows(outcomes: Sequence[Outcome], *, minutes: float) -> Iterator[tuple[str, str]]:
    """All lives in one table."""
    weeks, used = sum(each.campaign_weeks for each in outcomes), sum((each.took for each in outcomes), timedelta())
    yield "seeds", f"{len(outcomes):,} ({min(each.seed for each in outcomes)} to {max(each.seed for each in outcomes)})"
    yield "campaign-weeks", f"{weeks:,}, which is {weeks / minutes:,.0f} a minute"
    yield "a minute of a processor", f"{weeks / used.total_seconds() * 60:,.0f}"
    yield "ends of the daemon", _listed(each.ends for each in outcomes)
    yield "of these, killed", _listed(each.kills for each in outcomes)
    yield (
        "awaits in which it died",
        f"{len(frozenset[object]().union(*(each.cut_off for each in outcomes))):,} different ones",
    )
    yield "faults", _listed(each.faults for each in outcomes)
    yield "edits of the file", _listed(each.edits for each in outcomes)
    yield "acts of others", f"{sum(each.acts for each in outcomes):,}"
    yield "calls, commits", f"{sum(each.calls for each in outcomes):,}, {sum(each.commits for each in outcomes):,}"
    yield "looks at a settled state", f"{sum(each.looks for each in outcomes):,}"
    yield "left to a person", _listed(_reasons(each.figures) for each in outcomes)
    yield "windows that passed unseen", f"{sum(each.figures.unseen for each in outcomes):,}"
    yield "changes due", f"{sum(each.figures.due for each in outcomes):,}"
    yield "lost", f"{sum(each.figures.lost for each in outcomes):,}"
    yield "doubled, and marked", f"{sum(each.figures.marked for each in outcomes):,}"
    yield "doubled, unmarked", f"{sum(each.figures.doubled for each in outcomes):,}"


def _listed(counts: Iterable[Counter[str]]) -> str:
    together = Counter[str]()
    for each in counts:
        together.update(each)
    return ", ".join(f"{number:,} {what}" for what, number in together.most_common()) or "none"


def _is_ours(file: str) -> bool:
    return Path(file).parts[-2:-1] == ("scheduler",) or "scheduler" in Path(file).parts[-3:-2]


def _reasons(figures: Figures) -> Counter[str]:
    """Why campaigns were left to a person, without what differs from one to the other."""
    found = Counter[str]()
    for reason, number in figures.left.items():
        found[reason.partition(" (")[0].partition(": ")[0].partition(" after ")[0]] += number
    return found
