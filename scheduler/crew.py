"""The coroutines of the daemon: begun one by one, also while it runs, and ended together."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import timedelta
from typing import Any


class Crew:
    """Coroutines that run side by side; `on_fault` is called when one of them has failed."""

    def __init__(self, on_fault: Callable[[], None]) -> None:
        self._on_fault = on_fault
        # In the order in which they began, so that they end in a certain order, too.
        self._tasks: dict[asyncio.Task[None], None] = {}
        self._faults: list[BaseException] = []

    def begin(self, work: Coroutine[Any, Any, None], name: str) -> asyncio.Task[None]:
        """Have a coroutine run from now on."""
        task = asyncio.create_task(work, name=name)
        self._tasks[task] = None
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._tasks.pop(task, None)
        fault = None if task.cancelled() else task.exception()
        if fault is not None:
            self._faults.append(fault)
            self._on_fault()

    async def drain(self, limit: timedelta, force: asyncio.Event) -> bool:
        """Let all of them end, within a limit and while nobody forces it; False where some had to be cut off."""
        forced = asyncio.create_task(force.wait())
        together = asyncio.ensure_future(asyncio.gather(*self._tasks, return_exceptions=True))
        either: list[asyncio.Future[Any]] = [together, forced]
        try:
            await asyncio.wait(either, timeout=limit.total_seconds(), return_when=asyncio.FIRST_COMPLETED)
            return together.done()
        finally:
            forced.cancel()
            await self.cancel()

    async def cancel(self) -> None:
        """End all of them, their calls included."""
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    def raise_fault(self, *kinds: type[BaseException]) -> None:
        """Raise what the first one that failed has failed with; of some kinds alone, if any are given."""
        for fault in self._faults:
            if not kinds or isinstance(fault, kinds):
                raise fault
