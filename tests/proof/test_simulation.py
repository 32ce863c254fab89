"""Simulated lives: they keep the promises, a seed repeats one to the letter, and a daemon that breaks them is found out."""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from rules.ruleset import Action
from scheduler import lanes, reconcile
from scheduler.ledger import calls, work
from scheduler.ledger.records import Outcome as Ending
from tests.proof.checker import check
from tests.proof.simulation.life import Life
from tests.proof.simulation.play import Size, play
from tests.proof.simulation.report import Outcome, rows

ROOT: Final = Path(__file__).parents[2]
SMALL: Final = Size(weeks=4, campaigns=24)
SEED: Final = 2


@pytest.fixture(scope="module")
def life() -> Outcome:
    """A month of two dozen campaigns."""
    return play(SEED, SMALL)


def test_a_life_keeps_all_promises_though_much_happens_in_it(life: Outcome) -> None:
    assert list(life.broken) == []
    assert life.campaign_weeks == 96
    assert life.ends["killed"] > 3
    assert life.faults.total() > 10
    assert life.figures.due > 100
    assert (life.figures.lost, life.figures.doubled) == (0, 0)
    assert life.looks > 5


def test_its_figures_are_told(life: Outcome) -> None:
    told = dict(rows([life, life], minutes=0.5))
    assert told["campaign-weeks"] == "192, which is 384 a minute"
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


def test_another_seed_is_another_life(life: Outcome) -> None:
    assert play(SEED + 1, SMALL).digest != life.digest
