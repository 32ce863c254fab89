"""What a daemon takes from the process and the machine that it runs in."""

import gc
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from scheduler.client import Client
from scheduler.ledger.database import Database, Writer
from scheduler.settings import Account
from scheduler.tally import Tally
from scheduler.watching import Watch


def collect_rarely() -> None:
    """Have less time spent on looking for garbage in cycles, of which there is hardly any: a third of a busy minute."""
    gc.collect()
    # What the start has made stays to the end.
    gc.freeze()
    gc.set_threshold(100_000, 20, 100)


class MakeClient(Protocol):
    """Makes the client of an account, whose calls are counted."""

    def __call__(self, account: Account, *, tally: Tally | None = None) -> Client:
        """Open nothing yet: connections are made by calls."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """How a daemon comes by its parts that do something outside; the simulation has others.

    `settle_down` is called once, when all is made that lasts. `watch` tells of changes of files.
    """

    writer: Callable[[Database], Writer] = Writer
    client: MakeClient = Client
    # It spreads retries, and keeps no secret.
    chance: Callable[[], random.Random] = random.Random
    settle_down: Callable[[], None] = collect_rarely
    watch: Callable[[Callable[[], None]], Watch] = Watch


REAL = Surroundings()
