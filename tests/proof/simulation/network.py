"""The way from a daemon to the sandbox, in one process: it takes its time, and loses what was sent or answered.

A request that is under way goes on when its daemon has died: it's Woodpecker's by then.
"""

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Final

import httpx

from scheduler.client import Client
from scheduler.sandbox import Sandbox
from scheduler.sandbox.wire import Answer, Request
from scheduler.settings import Account
from scheduler.tally import Tally
from tests.proof.simulation.loop import VirtualLoop

# How long a way takes, in seconds: usually, through a busy network, through one that stalls.
_LATENCIES: Final = ((0.02, 0.08), (0.1, 0.6), (2.0, 12.0))


@dataclass
class Passage:
    """What became of a request that got there: which daemon's it was, and whether that got the answer or gave it up."""

    life: int
    sent_at: datetime
    given_up_at: datetime | None = None
    is_delivered: bool = False


@dataclass
class Network:
    """What lies between daemons and the sandbox. `trouble` is how likely it is, from 0 to 1, that a call is hit."""

    loop: VirtualLoop
    sandbox: Sandbox
    chance: random.Random
    now: Callable[[], datetime]
    trouble: float = 0.0
    under_way: int = 0
    struck: Counter[str] = field(default_factory=Counter)
    # In the order of the sandbox's log.
    passages: list[Passage] = field(default_factory=list)

    def client(self, account: Account, life: int, tally: Tally | None = None) -> Client:
        """A client whose calls go this way, in a certain life of the daemon."""
        return Client(account, transport=_Transport(self, life), tally=tally)

    async def carry(self, request: httpx.Request, life: int) -> httpx.Response:
        """Bring a request there and its answer back.

        Raises:
            httpx.TransportError: it didn't get there, or its answer didn't come back.
        """
        fate = self._fate()
        if fate in {"refused", "unreachable"}:
            await asyncio.sleep(0.01 if fate == "refused" else self.chance.uniform(0.5, 10))
            raise httpx.ConnectError("connection refused") if fate == "refused" else httpx.ConnectTimeout("unreachable")
        answered: asyncio.Future[Answer | None] = self.loop.create_future()
        passage = Passage(life, self.now())
        self.loop.begin(self._serve(_read(request), passage, fate, answered))
        try:
            answer = await answered
        except asyncio.CancelledError:
            passage.given_up_at = self.now()
            raise
        if answer is None or fate == "cut off":
            raise httpx.ReadError("connection reset")
        passage.is_delivered = True
        return httpx.Response(answer.status, headers=dict(answer.headers), content=answer.body)

    async def _serve(
        self, request: Request, passage: Passage, fate: str | None, answered: "asyncio.Future[Answer | None]"
    ) -> None:
        self.under_way += 1
        try:
            await asyncio.sleep(self._latency(fate))
            # It's logged before anything is waited for.
            self.passages.append(passage)
            answer = await self.sandbox.answer(request)
            await asyncio.sleep(self._latency(fate))
        finally:
            self.under_way -= 1
        if not answered.done():
            answered.set_result(answer)

    def _fate(self) -> str | None:
        if self.chance.random() >= self.trouble:
            return None
        fate = self.chance.choice(("refused", "unreachable", "cut off", "slow", "very slow"))
        self.struck[fate] += 1
        return fate

    def _latency(self, fate: str | None) -> float:
        limits = _LATENCIES[{"slow": 1, "very slow": 2}.get(fate or "", 0)]
        return self.chance.uniform(*limits)


class _Transport(httpx.AsyncBaseTransport):
    def __init__(self, network: Network, life: int) -> None:
        self._network, self._life = network, life

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        return await self._network.carry(request, self._life)


def _read(request: httpx.Request) -> Request:
    return Request(
        method=request.method,
        path=request.url.path,
        query=dict(request.url.params),
        key=request.headers.get("x-api-key", ""),
        company=request.headers.get("x-company-id", ""),
        body=request.content,
    )
