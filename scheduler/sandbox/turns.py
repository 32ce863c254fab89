"""The limit of an account: one request at a time, a few that wait a while, the rest refused."""

import asyncio
from collections import deque
from datetime import timedelta

WAITING_LIMIT = 6
PATIENCE = timedelta(seconds=15)


class Turns:
    """Who may be handled now, first come, first served."""

    def __init__(self, patience: timedelta = PATIENCE) -> None:
        self._patience_seconds = patience.total_seconds()
        self._taken = False
        self._waiting: deque[asyncio.Future[None]] = deque()

    async def take(self) -> bool:
        """Wait for the turn; False if too many wait already, or it took too long. A turn taken must be passed on."""
        if not self._taken:
            self._taken = True
            return True
        if len(self._waiting) >= WAITING_LIMIT:
            return False
        return await self._wait()

    def pass_on(self) -> None:
        """Hand the turn to whoever waits longest."""
        if self._waiting:
            self._waiting.popleft().set_result(None)
        else:
            self._taken = False

    async def _wait(self) -> bool:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        # Not wait_for(): it can time out in the very moment in which the turn is handed over, and lose it.
        await asyncio.wait([turn], timeout=self._patience_seconds)
        if not turn.done():
            self._waiting.remove(turn)
        return turn.done()
