"""Simulated lives keep the promises, a seed repeats one to the letter, and a daemon that breaks one is found out."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from rules.ruleset import Action
from scheduler import lanes, plan, reconcile
from scheduler.ledger import work
from tests.proof.simulation.play import Size, play, play_many
from tests.proof.simulation.report import Outcome, rows

ROOT: Final = Path(__file__).parents[2]
SMALL: Final = Size(weeks=4, campaigns=20)
SEED: Final = 2


@pytest.fixture(scope="module")
def life() -> Outcome:
    """A month of a score of campaigns."""
    return play(SEED, SMALL)


def test_a_life_keeps_all_promises_though_much_happens_in_it(life: Outcome) -> None:
    assert list(life.broken) == []
    assert life.campaign_weeks == SMALL.weeks * SMALL.campaigns
    assert life.ends["killed"] > 2
    assert life.faults.total() > 10
    assert life.looks > 5
    assert life.figures.due > 100
    assert (life.figures.lost, life.figures.doubled) == (0, 0)


def test_its_figures_are_told(life: Outcome) -> None:
    told = dict(rows([life, life], minutes=0.5))
    assert told["campaign-weeks"] == "160, which is 320 a minute"
    assert told["changes due"] == f"{2 * life.figures.due:,}"
    assert told["doubled, unmarked"] == "0"
    assert f"{2 * life.ends['killed']} killed" in told["ends of the daemon"]


def test_a_seed_repeats_a_life_to_the_letter_in_another_process(life: Outcome, tmp_path: Path) -> None:
    """Also where the hashes of texts are others, so that sets have another order."""
    environment = {**os.environ, "PYTHONHASHSEED": "7", "TMPDIR": str(tmp_path)}
    size = ["--weeks", str(SMALL.weeks), "--campaigns", str(SMALL.campaigns)]
    command = [sys.executable, "-m", "tests.proof.simulation", "--seed", str(SEED), *size]
    ran = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    assert re.findall(r"digest (\w+): all promises were kept", ran.stdout) == [life.digest]
    (kept,) = tmp_path.glob("curfew-life-*")
    assert {path.name for path in kept.iterdir()} >= {"curfew.yaml", "curfew.db", "log.txt", "stories.txt"}


def test_lives_of_one_week_are_played_side_by_side_and_each_is_another_one() -> None:
    outcomes = list(play_many(10, 2, 0, Size(weeks=3, campaigns=4), processes=2))
    assert sorted(each.seed for each in outcomes) == [10, 11]
    assert len({each.digest for each in outcomes}) == 2


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
    (gives_nothing_back, "left paused after its window"),
]


@pytest.mark.parametrize(("sabotage", "law"), SABOTEURS)
def test_a_daemon_that_breaks_a_promise_is_found_out(monkeypatch: pytest.MonkeyPatch, sabotage: Any, law: str) -> None:
    sabotage(monkeypatch)
    broken = play(SEED, SMALL).broken
    assert law in {line.partition(":")[0] for line in broken}
