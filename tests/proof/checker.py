"""Whether a run has kept the promises of Curfew: it knows the rules' plan, the sandbox's log and the ledger, no more.

It shares no code with what it judges. What it finds is a list of violations, each with its evidence; an empty list
means that every law held for every change and every call of the run.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from tests.proof import calls, dues, ledger, states
from tests.proof.evidence import Breach, Evidence
from tests.proof.history import History, Violation

# Each promise in words, and what finds out where it was broken.
LAWS: Final[Mapping[str, Callable[[Evidence], Iterator[Breach]]]] = {
    "a due change isn't on record": dues.not_on_record,
    "a debt has no end on record": dues.debts_without_end,
    "a change has no final outcome": ledger.open_changes,
    "an outcome contradicts its attempts": ledger.contradictions,
    "attempts aren't counted from 1": ledger.miscounted,
    "a change ended without a reason": ledger.without_reason,
    "custody outlives its window": ledger.stale_custody,
    "a change that no rule asks for": dues.not_asked_for,
    "a call isn't on record": calls.not_on_record,
    "sent again after its answer": calls.doubled,
    "two calls of one account at a time": calls.side_by_side,
    "paused outside of any window": calls.unwanted_pauses,
    "resumed inside a window": calls.unwanted_resumes,
    "gave back what it hadn't taken": calls.unowed_resumes,
    "paused what a person had resumed": calls.overruled_persons,
    "running inside a window": states.running_when_quiet,
    "left paused after its window": states.paused_for_ever,
    "changed by nobody": states.changed_by_nobody,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """What a run amounts to.

    `due`: changes that had to be made or decided. `lost`: those of them without a final outcome on record. `unseen`:
    spans that passed while no daemon looked, and that needn't be on record. `marked`: calls that were sent again, and
    say so. `doubled`: those that don't. `left`: campaigns that were left to a person, by their reasons.
    """

    due: int
    lost: int
    unseen: int
    calls: int
    marked: int
    doubled: int
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a check."""

    violations: tuple[Violation, ...]
    figures: Figures


def check(history: History) -> Verdict:
    """Hold a run to all laws."""
    evidence = Evidence(history)
    violations = tuple(
        Violation(law=law, account=each.account, campaign=each.campaign, evidence=each.evidence)
        for law, find in LAWS.items()
        for each in find(evidence)
    )
    return Verdict(violations=violations, figures=_figures(evidence, violations))


def _figures(evidence: Evidence, violations: tuple[Violation, ...]) -> Figures:
    lost = {"a due change isn't on record", "a debt has no end on record", "a change has no final outcome"}
    return Figures(
        due=dues.number(evidence),
        lost=sum(each.law in lost for each in violations),
        unseen=dues.number_unseen(evidence),
        calls=len(evidence.posts),
        marked=calls.number_marked(evidence),
        doubled=sum(each.law == "sent again after its answer" for each in violations),
        left=states.left_to_persons(evidence),
    )
