"""Messages on their way: each target is tried for itself, waits longer after each failure, and holds up no other."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from scheduler.alerts.messages import Message, together
from scheduler.errors import NotTaken
from scheduler.logs import logger
from scheduler.notify import TIMEOUT, Target
from scheduler.settings import Address

FIRST_WAIT: Final = timedelta(seconds=30)
LONGEST_WAIT: Final = timedelta(minutes=10)
# What one target hasn't taken, though another has, is kept for it: the newest of it.
_MOST_KEPT: Final = 20
# A failure of which nothing has been heard for so long, since there was nothing to send, counts no more.
_FORGOTTEN: Final = timedelta(hours=1)

_log = logger()


@dataclass(slots=True)
class _Line:
    """One target: what it hasn't taken yet, why, and how long it's left alone since it was tried last."""

    target: Target
    kept: list[Message] = field(default_factory=list)
    why: str | None = None
    tried_at: datetime | None = None
    wait: timedelta = timedelta()

    def rests(self, now: datetime) -> bool:
        return self.tried_at is not None and self.tried_at <= now < self.tried_at + self.wait

    def fails(self, now: datetime) -> bool:
        is_old = self.tried_at is None or not self.tried_at <= now < self.tried_at + _FORGOTTEN
        return self.why is not None and (bool(self.kept) or not is_old)


class Courier:
    """Sends messages to the targets of the last `use`. A target that takes longer than `limit` has failed."""

    def __init__(self, now: Callable[[], datetime], limit: timedelta = TIMEOUT) -> None:
        self._now = now
        self._limit = limit
        self._lines: list[_Line] = []

    @property
    def targets(self) -> list[str]:
        """What they are called."""
        return [line.target.name for line in self._lines]

    @property
    def untaken(self) -> Mapping[str, str]:
        """The targets that have failed last, each with why."""
        now = self._now()
        return {line.target.name: line.why for line in self._lines if line.why is not None and line.fails(now)}

    def use(self, addresses: Sequence[Address]) -> None:
        """Send to these from now on; what others haven't taken is forgotten."""
        there = {line.target.address: line for line in self._lines}
        self._lines = [there.get(address) or _Line(Target(address)) for address in addresses]

    async def send(self, message: Message) -> list[str]:
        """Send a message to all; gives the targets that have taken it.

        Where there's none, nothing of it is kept: what it says is to be told anew. Otherwise the rest get it later.
        """
        taken = await asyncio.gather(*(self._try(line, [*line.kept, message]) for line in self._lines))
        names = [line.target.name for line, is_taken in zip(self._lines, taken, strict=True) if is_taken]
        for line, is_taken in zip(self._lines, taken, strict=True):
            if names and not is_taken:
                line.kept = [*line.kept, message][-_MOST_KEPT:]
        return names

    async def again(self) -> None:
        """Try those anew that haven't taken something, if it's time."""
        await asyncio.gather(*(self._try(line, line.kept) for line in self._lines if line.kept))

    async def _try(self, line: _Line, messages: Sequence[Message]) -> bool:
        if line.rests(self._now()):
            return False
        try:
            await line.target.send(together(messages), self._limit)
        except NotTaken as error:
            self._failed(line, str(error))
            return False
        if line.why is not None:
            _log.info("alerts are taken again", target=line.target.name)
        line.kept, line.why, line.tried_at, line.wait = [], None, None, timedelta()
        return True

    def _failed(self, line: _Line, why: str) -> None:
        # Once, and not at each try: the reason stays in `curfew status`.
        say = _log.warning if line.why is None else _log.debug
        say("alert not taken; it's tried again", target=line.target.name, why=why)
        line.why, line.tried_at = why, self._now()
        line.wait = min(LONGEST_WAIT, max(FIRST_WAIT, line.wait * 2))
