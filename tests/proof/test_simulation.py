"""Simulated lives keep the promises, a seed repeats one to the letter, and a daemon that breaks one is found out."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from rules.ruleset import Action
from scheduler import lanes, plan, reconcile
from scheduler.ledger import work
from tests.proof.simulation.__main__ import main
from tests.proof.simulation.play import Size, play, play_many
from tests.proof.simulation.report import Outcome, rows

SMALL: Final = Size(weeks=2, campaigns=16, trouble=6)
SEED: Final = 1


@pytest.fixture(scope="module")
def life() -> Outcome:
    """Two weeks of some campaigns, in which much happens."""
    return play(SEED, SMALL)


def test_a_life_keeps_all_promises_though_much_happens_in_it(life: Outcome) -> None:
    assert list(life.broken) == []
    assert life.campaign_weeks == SMALL.weeks * SMALL.campaigns
    assert life.ends["killed"] > 5
    assert len(life.cut_off) > 20
    assert life.faults.total() > 10
    assert life.looks > 1
    assert life.figures.due > 50
    assert (life.figures.lost, life.figures.doubled) == (0, 0)


def test_its_figures_are_told(life: Outcome) -> None:
    told = dict(rows([life, life], minutes=0.5))
    assert told["campaign-weeks"] == "64, which is 128 a minute"
    assert told["changes due"] == f"{2 * life.figures.due:,}"
    assert told["doubled, unmarked"] == "0"
    assert f"{2 * life.ends['killed']} killed" in told["ends of the daemon"]
    assert told["awaits in which it died"] == f"{len(life.cut_off)} different ones"


def test_a_seed_repeats_a_life_to_the_letter_in_another_process(life: Outcome, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where the hashes of texts are others, so that sets have another order; and another seed is another life."""
    monkeypatch.setenv("PYTHONHASHSEED", "7")
    outcomes = {each.seed: each.digest for each in play_many(SEED, 2, 0, SMALL, processes=2)}
    assert outcomes.keys() == {SEED, SEED + 1}
    assert [seed for seed, digest in outcomes.items() if digest == life.digest] == [SEED]


def test_a_broken_promise_is_told_with_the_command_that_repeats_its_life(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gives_nothing_back(monkeypatch)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    size = ["--weeks", str(SMALL.weeks), "--campaigns", str(SMALL.campaigns), "--trouble", str(SMALL.trouble)]
    assert main(["--seed", str(SEED), *size]) == 1
    told = capsys.readouterr().out
    assert "BROKEN: left paused after its window" in told
    assert f"again: make simulate SEED={SEED} WEEKS=2 CAMPAIGNS=16 TROUBLE=6.0" in told
    (kept,) = tmp_path.glob("curfew-life-*")
    assert {path.name for path in kept.iterdir()} >= {"curfew.yaml", "curfew.db", "log.txt", "stories.txt"}


def forgets_what_was_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(work, "interrupt_attempts", lambda *_, **__: 0)


def resumes_whatever_it_once_held(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (lanes, plan):
        monkeypatch.setattr(module, "why_not_resume", lambda *_, **__: None)


def overlooks_every_fifth_campaign(monkeypatch: pytest.MonkeyPatch) -> None:
    def overlook(situation: plan.Situation) -> Iterator[plan.Step]:
        return plan.plan(situation) if situation.campaign % 5 else iter(())

    monkeypatch.setattr(reconcile, "plan", overlook)


def gives_nothing_back(monkeypatch: pytest.MonkeyPatch) -> None:
    def keep(situation: plan.Situation) -> Iterator[plan.Step]:
        steps = plan.plan(situation)
        return (step for step in steps if not (isinstance(step, plan.Due) and step.intent.action is Action.RESUME))

    monkeypatch.setattr(reconcile, "plan", keep)


SABOTEURS: Final[list[tuple[Callable[[pytest.MonkeyPatch], None], str]]] = [
    (forgets_what_was_cut_off, "a change has no final outcome"),
    (resumes_whatever_it_once_held, "gave back what it hadn't taken"),
    (overlooks_every_fifth_campaign, "running inside a window"),
]


@pytest.mark.parametrize(("sabotage", "law"), SABOTEURS)
def test_a_daemon_that_breaks_a_promise_is_found_out(monkeypatch: pytest.MonkeyPatch, sabotage: Any, law: str) -> None:
    sabotage(monkeypatch)
    broken = play(SEED, SMALL).broken
    assert law in {line.partition(":")[0] for line in broken}
