"""`make chaos`: a run whose seed is printed, its figures as a table, and exit code 1 where a promise was broken."""

import argparse
import random
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

from tests.proof.chaos.play import play
from tests.proof.chaos.report import report
from tests.proof.chaos.run import Scale
from tests.proof.chaos.script import Kinds


def main() -> int:
    """Make a run, and say what came of it."""
    parser = argparse.ArgumentParser(prog="make chaos")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--rounds", type=int, default=Scale().rounds)
    parser.add_argument("--kills", type=int, default=Scale().kills)
    parser.add_argument("--without", action="append", default=[], choices=list(Kinds.__dataclass_fields__))
    chosen = parser.parse_args()
    seed = random.SystemRandom().randrange(10**6) if chosen.seed is None else chosen.seed
    print(f"seed {seed}: repeat it with `make chaos SEED={seed}`", flush=True)
    folder, began = Path(tempfile.mkdtemp(prefix="curfew-chaos-")), time.monotonic()
    kinds = Kinds(**dict.fromkeys(chosen.without, False))
    played = play(folder, seed=seed, scale=Scale(rounds=chosen.rounds, kills=chosen.kills), kinds=kinds)
    is_kept = report(played, folder, lasted=timedelta(seconds=time.monotonic() - began))
    return 0 if is_kept else 1


if __name__ == "__main__":
    sys.exit(main())
