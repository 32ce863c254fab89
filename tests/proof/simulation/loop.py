"""An event loop whose time is a number: nothing is waited for, and the same work runs in the same order each time.

No sockets, no threads, no clock of the machine. What belongs to one `Process` can be dropped as a whole, as SIGKILL
does it: nothing of it runs any more, while the rest of the world goes on.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Iterator
from contextlib import suppress
from contextvars import Context, ContextVar, copy_context
from dataclasses import dataclass, field
from heapq import heappop, heappush
from itertools import count
from types import CoroutineType
from typing import Any, Final, TypeVar, TypeVarTuple
from warnings import catch_warnings

_T = TypeVar("_T")
_Ts = TypeVarTuple("_Ts")


class Killed(BaseException):
    """The process that runs is killed at this very point. Only the loop may catch it, and no task may raise it."""


@dataclass(eq=False, slots=True)
class Process:
    """What lives and dies together: all that was begun in its name, and whatever that began.

    A step is what runs from one await to the next, or a plain callback. `kill_in` is before which step from now on it's
    killed; None leaves it alive.
    """

    name: str
    is_dead: bool = False
    steps: int = 0
    kill_in: int | None = None
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)
    _tidy_at: int = 64

    def is_struck(self) -> bool:
        """Count one step, and say whether it's the one before which the process is killed."""
        self.steps += 1
        if self.kill_in is None:
            return False
        self.kill_in -= 1
        return self.kill_in < 0

    def keep(self, task: asyncio.Task[Any]) -> None:
        """Remember a task of this process as long as it isn't done."""
        if len(self.tasks) >= self._tidy_at:
            self.tasks = [each for each in self.tasks if not each.done()]
            self._tidy_at = 2 * len(self.tasks) + 64
        self.tasks.append(task)


_PROCESS: Final[ContextVar[Process | None]] = ContextVar("process", default=None)


class _Call(asyncio.TimerHandle):
    """A callback that is to be run, and in whose name."""

    __slots__ = ("action", "arguments", "surroundings")

    def __init__(
        self,
        when: float,
        action: Callable[..., object],
        arguments: tuple[Any, ...],
        loop: asyncio.AbstractEventLoop,
        context: Context | None,
    ) -> None:
        super().__init__(when, action, arguments, loop, context)
        self.action = action
        self.arguments = arguments
        self.surroundings = copy_context() if context is None else context


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs what is ready in the order in which it became so, and puts its time forward when nothing is."""

    def __init__(self) -> None:
        self._now = 0.0
        self._number = count()
        self._ready: deque[_Call] = deque()
        self._timers: list[tuple[float, int, _Call]] = []
        self._signals: dict[int, _Call] = {}
        self._is_halted = False
        self.faults: list[str] = []
        # Where coroutines waited whose process was killed, as file and line.
        self.cut_off: set[tuple[str, int]] = set()
        # Called for each process that is killed, once none of it can run any more.
        self.when_killed: Callable[[Process], None] = lambda _: None

    # What the world outside does with it.

    def run(self, until: float) -> None:
        """Run all that is due up to a time, and leave it at that time, unless it's halted before."""
        self._is_halted = False
        asyncio._set_running_loop(self)
        try:
            while self._ready or (self._timers and self._timers[0][0] <= until):
                if self._is_halted:
                    return
                if not self._ready:
                    self._now = max(self._now, self._timers[0][0])
                    self._wake()
                self._step()
        finally:
            asyncio._set_running_loop(None)
        self._now = max(self._now, until)

    def halt(self) -> None:
        """Have `run` end with the step that is being made."""
        self._is_halted = True

    def oversleep(self, until: float) -> None:
        """Put the time forward without running anything: all timers up to there will be late."""
        self._now = max(self._now, until)

    def next_timer(self) -> float | None:
        """When the next timer is due."""
        while self._timers and self._timers[0][2].cancelled():
            heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def begin(self, work: Coroutine[Any, Any, _T], process: Process | None = None) -> asyncio.Task[_T]:
        """Begin work in the name of a process, or of the world that outlives them all."""
        context = Context()
        context.run(_PROCESS.set, process)
        return self.create_task(work, context=context)

    def kill(self, process: Process) -> None:
        """End a process here and now: none of its code runs any more but what Python itself does to end coroutines."""
        process.is_dead = True
        self._signals = {n: call for n, call in self._signals.items() if _process_of(call) is not process}
        self.when_killed(process)
        context = Context()
        context.run(_PROCESS.set, process)
        for task in process.tasks:
            self.cut_off.update(_waits(task.get_coro()))
            _drop(task, context)
        process.tasks.clear()

    def signal(self, number: int) -> bool:
        """Send a signal to whoever listens to it; whether anybody does."""
        if (call := self._signals.get(number)) is not None:
            self.call_soon(call.action, *call.arguments, context=call.surroundings)
        return call is not None

    # What is done for those who run in it.

    def _wake(self) -> None:
        while self._timers and self._timers[0][0] <= self._now:
            self._ready.append(heappop(self._timers)[2])

    def _step(self) -> None:
        call = self._ready.popleft()
        if call.cancelled():
            return
        process = _process_of(call)
        if process is not None and (process.is_dead or process.is_struck()):
            if not process.is_dead:
                self.kill(process)
            return
        try:
            call.surroundings.run(call.action, *call.arguments)
        except Killed:
            if process is None:
                raise
            self.kill(process)
        except Exception as error:  # noqa: BLE001 -- as asyncio does it: it's shown, and all goes on
            self.call_exception_handler({"message": f"in a callback: {call!r}", "exception": error})

    def time(self) -> float:
        return self._now

    def call_soon(
        self, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.Handle:
        call = _Call(self._now, callback, args, self, context)
        self._ready.append(call)
        return call

    # There are no other threads.
    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[*_Ts], object], *args: *_Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        call = _Call(when, callback, args, self, context)
        heappush(self._timers, (when, next(self._number), call))
        return call

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """It's passed over when its time has come."""

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self,
        coro: Coroutine[Any, Any, _T] | Generator[Any, None, _T],
        *,
        name: str | None = None,
        context: Context | None = None,
    ) -> asyncio.Task[_T]:
        task = asyncio.Task(coro, loop=self, name=name, context=context)
        process = _PROCESS.get() if context is None else context.get(_PROCESS)
        if process is not None:
            process.keep(task)
        return task

    def run_in_executor(
        self,
        executor: Any,  # noqa: ARG002 -- asyncio's signature
        func: Callable[[*_Ts], _T],
        *args: *_Ts,
    ) -> asyncio.Future[_T]:
        """What others do in a thread is done in a step of its own."""
        result: asyncio.Future[_T] = self.create_future()

        def work() -> None:
            try:
                result.set_result(func(*args))
            except Exception as error:  # noqa: BLE001 -- handed to the one who asked
                result.set_exception(error)

        self.call_soon(work)
        return result

    def add_signal_handler(self, sig: int, callback: Callable[[*_Ts], object], *args: *_Ts) -> None:
        self._signals[sig] = _Call(self._now, callback, args, self, None)

    def remove_signal_handler(self, sig: int) -> bool:
        return self._signals.pop(sig, None) is not None

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return asyncio._get_running_loop() is self

    def is_closed(self) -> bool:
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """What nobody has awaited, or a callback has raised, is a fault of the program."""
        process = _PROCESS.get()
        if process is None or not process.is_dead:
            self.faults.append(f"{context.get('message')}: {context.get('exception')!r}")


def current_process() -> Process | None:
    """In whose name this runs; None for the world."""
    return _PROCESS.get()


def _process_of(call: _Call) -> Process | None:
    return call.surroundings.get(_PROCESS)


def _drop(task: asyncio.Task[Any], context: Context) -> None:
    """Unwind what will never go on, in the name of the dead, so that nothing comes of what it does on its way out."""
    # Otherwise it's said of each that it was pending.
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    coroutine = task.get_coro()
    if not task.done() and isinstance(coroutine, Coroutine):
        context.run(_unwind, coroutine)


def _waits(coroutine: object) -> Iterator[tuple[str, int]]:
    """The awaits in which a coroutine is: its own, and those of whatever it waits for."""
    while isinstance(coroutine, CoroutineType):
        if coroutine.cr_frame is not None and coroutine.cr_await is not None:
            yield coroutine.cr_code.co_filename, coroutine.cr_frame.f_lineno
        coroutine = coroutine.cr_await


def _unwind(coroutine: Coroutine[Any, Any, Any]) -> None:
    # What awaits something on its way out is thrown out of that as well; what hadn't begun is never awaited.
    with catch_warnings(action="ignore", category=RuntimeWarning), suppress(Killed, StopIteration, Exception):
        while True:
            coroutine.throw(Killed)
