"""`make simulate`: lives by their seeds, on two processes; exit code 1 where a promise was broken in any of them."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Final

from tests.proof.simulation.play import Size, play, play_many
from tests.proof.simulation.report import Outcome, rows

_MOST_SHOWN: Final = 10
_LONGEST_SHOWN: Final = 2000


def main(arguments: Sequence[str] | None = None) -> int:
    """Live the lives that were asked for, and say what came of them."""
    chosen = _chosen(arguments)
    size = Size(weeks=chosen.weeks, campaigns=chosen.campaigns, trouble=chosen.trouble)
    began = time.monotonic()
    outcomes = list[Outcome]()
    for each in _lives(chosen, size):
        outcomes.append(each)
        _tell(each, size)
    for name, value in rows(outcomes, minutes=(time.monotonic() - began) / 60):
        print(f"{name:<28} {value}")
    return 1 if any(each.broken for each in outcomes) else 0


def _chosen(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate")
    parser.add_argument("--seed", type=int, help="live this one life, and keep what is left of it")
    parser.add_argument("--first", type=int, help="the seed of the first of many; otherwise chosen")
    parser.add_argument("--lives", type=int, help="how many")
    parser.add_argument("--minutes", type=float, default=3.0, help="or for how long to begin further ones")
    parser.add_argument("--weeks", type=int, default=Size.weeks)
    parser.add_argument("--campaigns", type=int, default=Size.campaigns)
    parser.add_argument("--trouble", type=float, default=Size.trouble, help="how many times as much happens")
    parser.add_argument("--processes", type=int, default=2)
    return parser.parse_args(arguments)


def _lives(chosen: argparse.Namespace, size: Size) -> Iterator[Outcome]:
    if chosen.seed is None:
        first = random.SystemRandom().randrange(10**6) if chosen.first is None else chosen.first
        return play_many(first, chosen.lives, chosen.minutes, size, chosen.processes)
    folder = Path(tempfile.mkdtemp(prefix=f"curfew-life-{chosen.seed}-"))
    print(f"the file, the ledger, the log and the stories of campaigns are kept in {folder}", flush=True)
    return iter([play(chosen.seed, size, folder)])


def _tell(each: Outcome, size: Size) -> None:
    what = f"{len(each.broken)} promises were broken" if each.broken else "all promises were kept"
    print(f"seed {each.seed}: {each.figures.due:,} changes due, digest {each.digest}: {what}", flush=True)
    for line in each.broken[:_MOST_SHOWN]:
        print(f"  BROKEN: {line[:_LONGEST_SHOWN]}", flush=True)
    if each.broken:
        print(f"  again: {_again(each.seed, size)}", flush=True)


def _again(seed: int, size: Size) -> str:
    """The command that lives a life again, to the letter."""
    others = {field.name: value for field in fields(size) if (value := asdict(size)[field.name]) != field.default}
    return " ".join(["make simulate", f"SEED={seed}", *(f"{name.upper()}={value}" for name, value in others.items())])


if __name__ == "__main__":
    sys.exit(main())
