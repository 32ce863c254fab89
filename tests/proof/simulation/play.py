"""Lives, one after the other on each of some processes, and what came of each."""

import gc
import shutil
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass
from datetime import timedelta
from itertools import count
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from tests.proof.checker import Verdict, check
from tests.proof.simulation.life import Life
from tests.proof.simulation.report import Outcome, outcome
from tests.proof.telling import tell

# In memory, where there's such a place: the disk is simulated, and its ledger needs no other one.
_MEMORY: Final = Path("/dev/shm")  # noqa: S108 -- folders in it have names of their own


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large each life is; `trouble` is how many times as much as usual happens in it."""

    weeks: int = 6
    campaigns: int = 900
    trouble: float = 1.0


def play(seed: int, size: Size, keep: Path | None = None) -> Outcome:
    """Live one life, and check it; `keep` is a folder for what is left of it."""
    # The garbage of a life is a few megabytes: to look for it takes longer than to leave it.
    gc.set_threshold(200_000, 20, 1000)
    began = time.process_time()
    with tempfile.TemporaryDirectory(dir=_MEMORY if _MEMORY.is_dir() else None) as folder:
        life = Life(seed, Path(folder), **asdict(size))
        life.live()
        history = life.history()
        verdict = check(history)
        if keep is not None:
            shutil.copytree(folder, keep, dirs_exist_ok=True)
            (keep / "log.txt").write_text("\n".join(life.log), encoding="utf-8")
            (keep / "stories.txt").write_text("\n".join(_stories(life, verdict)), encoding="utf-8")
        return outcome(life, verdict, timedelta(seconds=time.process_time() - began))


def _stories(life: Life, verdict: Verdict) -> Iterator[str]:
    history = life.history()
    for key in sorted({(each.account, each.campaign) for each in verdict.violations if each.campaign is not None}):
        yield from (*tell(history, key), "")


def play_many(first: int, lives: int | None, minutes: float, size: Size, processes: int) -> Iterator[Outcome]:
    """So many lives, or as many as begin in some minutes, each told as soon as it's over.

    Within that time they're a multiple of the processes, so that none of these is idle for a whole life at the end.
    """
    end = time.monotonic() + minutes * 60
    seeds = iter(range(first, first + lives)) if lives else count(first)
    # What lives leave behind is gone with their process.
    with ProcessPoolExecutor(processes, mp_context=get_context("spawn"), max_tasks_per_child=4) as pool:
        playing = set[Future[Outcome]]()
        for seed in seeds:
            if lives is None and (seed - first) % processes == 0 and time.monotonic() > end:
                break
            playing.add(pool.submit(play, seed, size))
            if len(playing) > processes:
                done, playing = wait(playing, return_when=FIRST_COMPLETED)
                yield from (each.result() for each in done)
        yield from (each.result() for each in playing)
