"""`make chaos`: a run whose seed is printed, its figures as a table, and exit code 1 where a promise was broken."""

import argparse
import pickle
import random
import shutil
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.proof.chaos.play import play
from tests.proof.chaos.report import HISTORY, report
from tests.proof.chaos.run import Scale
from tests.proof.chaos.script import Kinds
from tests.proof.checker import check


def main() -> int:
    """Make a run, and say what came of it."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, help="what to draw the run from; otherwise chosen, and printed")
    parser.add_argument("--rounds", type=int, default=Scale().rounds, help="how many at least")
    parser.add_argument("--kills", type=int, default=Scale().kills, help="how many at least")
    parser.add_argument("--without", action="append", default=[], choices=list(Kinds.__dataclass_fields__))
    parser.add_argument(
        "--again", type=Path, metavar="FOLDER", help="make no run; check one that broke a promise again"
    )
    chosen = parser.parse_args()
    if chosen.again:
        return _check_again(chosen.again)
    seed = random.SystemRandom().randrange(10**6) if chosen.seed is None else chosen.seed
    print(f"seed {seed}: repeat it with `make chaos SEED={seed}`", flush=True)
    folder, began = Path(tempfile.mkdtemp(prefix="curfew-chaos-")), time.monotonic()
    kinds = Kinds(**dict.fromkeys(chosen.without, False))
    played = play(folder, seed=seed, scale=Scale(rounds=chosen.rounds, kills=chosen.kills), kinds=kinds)
    is_kept = report(played, folder, lasted=timedelta(seconds=time.monotonic() - began))
    if is_kept:
        shutil.rmtree(folder)
    return 0 if is_kept else 1


def _check_again(folder: Path) -> int:
    """What the checker, as it is now, says of an earlier run."""
    history = pickle.loads((folder / HISTORY).read_bytes())  # noqa: S301 -- of our own making
    verdict = check(history)
    for violation in verdict.violations:
        print(f"BROKEN: {violation}")
    return 1 if verdict.violations else 0


if __name__ == "__main__":
    sys.exit(main())
