"""`/metrics` and `/healthz`, where the file says so: what the last look found, and how long ago that was.

It's level-triggered, as all else: every few seconds it's looked where the file in force wants it to be, and done so.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, Final

from rules.document import Endpoint
from scheduler.errors import reason
from scheduler.logs import logger
from scheduler.observing import AtWork, Look, StandingBy, Subject
from scheduler.serving import Answer, Server
from scheduler.settings import Settings
from scheduler.tally import Tally

# How often it's looked, so that an edit takes effect as soon.
PERIOD: Final = timedelta(seconds=2)
# After so long without a look, the loop hangs: the busiest second of an edge holds it up for less.
STILL: Final = timedelta(seconds=30)
_TEXT: Final = "text/plain; charset=utf-8"
_TO_DO: Final = "free the port or name another one; it's tried again and again"

_log = logger()


class Exposition:
    """Serves one process, whatever it's about: standing by, or at work, whose `subject` is then in force.

    `fault` says why it can't work although it's its turn, if that's so.
    """

    def __init__(self, settings: Settings, *, is_dry_run: bool = False) -> None:
        self.tally = Tally()
        self.fault: Callable[[], str | None] = lambda: None
        self._is_dry_run = is_dry_run
        self._idle = StandingBy(settings.document.listen, lambda: self.fault())
        self._subject: Subject = self._idle
        self._look = self._idle.look()
        self._has_changed = asyncio.Event()
        self._server: Server | None = None
        self._wanted: Endpoint | None = None
        self._refused: Endpoint | None = None

    @asynccontextmanager
    async def of(self, daemon: AtWork) -> AsyncIterator[None]:
        """Look at a daemon at work meanwhile."""
        counting = asyncio.create_task(_for_ever(daemon.count), name="counts")
        self._subject = daemon
        self._has_changed.set()
        try:
            yield
        finally:
            self._idle.listen, self._subject = daemon.listen, self._idle
            counting.cancel()
            await asyncio.wait([counting])

    async def around(self, life: Coroutine[Any, Any, int]) -> int:
        """Live, and be served meanwhile."""
        async with self.serving():
            return await life

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[None]:
        """Answer meanwhile where it's wanted. A fault of it is shown, and ends nothing else."""
        keeping = asyncio.create_task(_for_ever(self._keep), name="metrics")
        try:
            yield
        finally:
            keeping.cancel()
            await asyncio.wait([keeping])
            await self._close()

    async def _keep(self) -> None:
        while True:
            self._has_changed.clear()
            wanted = self._subject.listen
            if wanted is not None:
                self._look = self._subject.look()
            await self._serve_at(wanted)
            with suppress(TimeoutError):
                async with asyncio.timeout(PERIOD.total_seconds()):
                    await self._has_changed.wait()

    async def _serve_at(self, wanted: Endpoint | None) -> None:
        if self._server is not None and self._wanted != wanted:
            _log.info("metrics are served no more", address=_address(self._server.endpoint))
            await self._close()
        if wanted is None:
            self._refused = None
        elif self._server is None:
            self._open(wanted)

    def _open(self, wanted: Endpoint) -> None:
        try:
            self._server = Server(wanted, self.answer)
        except OSError as error:
            if wanted != self._refused:
                _log.warning("metrics aren't served", address=_address(wanted), error=reason(error), what_to_do=_TO_DO)
            self._refused = wanted
        else:
            self._wanted, self._refused = wanted, None
            _log.info("metrics are served", address=_address(self._server.endpoint))

    async def _close(self) -> None:
        if self._server is not None:
            server, self._server = self._server, None
            await asyncio.to_thread(server.close)

    @property
    def endpoint(self) -> Endpoint | None:
        """Where it's served now."""
        return self._server.endpoint if self._server else None

    def answer(self, path: str, accept: str) -> Answer:
        """What is sent back for a path; called in any thread."""
        look = self._look
        wrong = wrong_with(look, time.monotonic())
        if path == "/healthz":
            return health(look, wrong)
        if path == "/metrics":
            # Who isn't asked for metrics doesn't pay for the library.
            from scheduler.metrics import exposed

            content, kind = exposed(look, self.tally, is_healthy=not wrong, is_dry_run=self._is_dry_run, accept=accept)
            return Answer(200, kind, content)
        return Answer(404 if path != "/" else 200, _TEXT, b"curfew: /metrics for Prometheus, /healthz for a look\n")


async def _for_ever(work: Callable[[], Awaitable[None]]) -> None:
    try:
        await work()
    except Exception:  # noqa: BLE001 -- pauses go on
        _log.exception("metrics are out of date from here on")


def wrong_with(look: Look, now: float) -> list[str]:
    """What keeps the process from its work; `now` is of the clock that the look has its time of."""
    age = now - look.at
    still = [f"the event loop hangs: no sign of it for {age:.0f} s"] if age > STILL.total_seconds() else []
    return [*still, *look.wrong]


def health(look: Look, wrong: list[str]) -> Answer:
    """200 where nothing is wrong, and 503 with what is."""
    ticked_at = look.work.ticked_at if look.work else None
    found = {
        "healthy": not wrong,
        "wrong": wrong,
        "standing_by": look.work is None,
        "last_tick_at": f"{ticked_at:%Y-%m-%dT%H:%M:%SZ}" if ticked_at else None,
    }
    return Answer(503 if wrong else 200, "application/json", f"{json.dumps(found)}\n".encode())


def _address(endpoint: Endpoint) -> str:
    return f"http://{endpoint}/metrics"
