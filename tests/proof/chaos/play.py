"""A run from its beginning to its end, with the sandbox, the disk and the clock that it needs."""

from pathlib import Path

from tests.acceptance.processes import sandbox_process
from tests.proof.chaos.clock import SteppedClock, find_library
from tests.proof.chaos.disk import small_disk
from tests.proof.chaos.run import Played, Run, Scale
from tests.proof.chaos.script import Kinds


def play(folder: Path, *, seed: int, scale: Scale, kinds: Kinds) -> Played:
    """Make a run in a folder."""
    options = ("--accounts", str(scale.accounts))
    with small_disk(folder / "disk") as disk, sandbox_process(*options, campaigns=scale.campaigns) as sandbox:
        clock = SteppedClock(folder, find_library())
        if kinds.steps and not clock.can_be_stepped:
            print("SKIPPED: the clock isn't stepped, since libfaketime isn't installed (package faketime)", flush=True)
        if kinds.disk and not disk.can_be_filled:
            print("SKIPPED: the disk isn't filled, since no tmpfs can be mounted here (root is needed)", flush=True)
        return Run(folder, sandbox, clock, disk, seed=seed, scale=scale, kinds=kinds).play()
