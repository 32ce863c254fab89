"""The sandbox as a whole: accounts, queues, faults and the log behind one socket."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from scheduler.sandbox.accounts import Account
from scheduler.sandbox.answers import error, no_such_path, wrong_method
from scheduler.sandbox.campaigns import Campaign, first_campaigns
from scheduler.sandbox.control import Control
from scheduler.sandbox.faults import Fault, Faults
from scheduler.sandbox.request_log import Entry, RequestLog
from scheduler.sandbox.routes import Route, find_route
from scheduler.sandbox.server import HOST, listening
from scheduler.sandbox.turns import PATIENCE, Turns
from scheduler.sandbox.variants import Variants
from scheduler.sandbox.wire import Answer, Request, json_answer
from scheduler.sandbox.woodpecker import Visit, perform

MAIN = "main"
FIRST_COMPANY_ID = 9001


class Sandbox:
    """A Woodpecker in memory.

    Every account begins with the same campaigns under the same ids, so that a mix-up of accounts shows. An account
    comes into being when it's first asked for; those that `accounts` counts are "main" (no `x-company-id`) and the
    companies from 9001 on.

    Args:
        campaigns: how many each account has, with ids from 1000001 on.
        running: how many of them are RUNNING, the first; None is all.
        accounts: how many there are from the start.
        api_key: the key that is accepted; None accepts any that isn't empty.
        latency: what every call takes, within the account's one-at-a-time queue.
        patience: how long a request waits for its turn before it's refused.
        seed: of the random source behind a fault's `probability`.
        now: the clock for what's written down, as aware UTC; waiting follows the event loop's.
    """

    def __init__(
        self,
        *,
        campaigns: int = 5,
        running: int | None = None,
        accounts: int = 1,
        api_key: str | None = None,
        latency: timedelta = timedelta(0),
        patience: timedelta = PATIENCE,
        variants: Variants | None = None,
        seed: int = 0,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._campaigns, self._running, self._count = campaigns, running, accounts
        self._api_key, self._patience, self._now = api_key, patience, now
        self._first = (variants or Variants(), latency, seed)
        self._port = 0
        self._control = Control(self)
        self.requests = RequestLog()
        self.reset()

    def reset(self) -> None:
        """All as it was at the start: campaigns, variants, latency, random source; no faults, an empty log."""
        self.variants, self.latency, seed = self._first
        self.faults = Faults(seed)
        self.requests.clear()
        self._accounts: dict[str, Account] = {}
        for name in (MAIN, *map(str, range(FIRST_COMPANY_ID, FIRST_COMPANY_ID + self._count - 1))):
            self.account(name)

    @property
    def base_url(self) -> str:
        """Where the API is, as a configuration file has it: without a slash at the end."""
        return f"http://{HOST}:{self._port}/rest"

    @property
    def control_url(self) -> str:
        """Where the control API is, with a slash at the end."""
        return f"http://{HOST}:{self._port}/sandbox/"

    @property
    def log(self) -> Sequence[Entry]:
        """All requests so far, in the order in which they came in, those under way included."""
        return self.requests.entries

    def account(self, name: str = MAIN) -> Account:
        """The account of that name, made if it's new."""
        if name not in self._accounts:
            campaigns = first_campaigns(self._campaigns, self._running)
            self._accounts[name] = Account(name, campaigns, Turns(self._patience))
        return self._accounts[name]

    def campaign(self, number: int, account: str = MAIN) -> Campaign:
        """The campaign with that id; change its fields at will.

        Raises:
            KeyError: the account has no such campaign.
        """
        return self.account(account).campaigns[number]

    def add_fault(self, fault: Fault) -> None:
        """Misbehave from now on."""
        self.faults.add(fault)

    def clear_faults(self) -> None:
        """Behave again."""
        self.faults.clear()

    @asynccontextmanager
    async def serving(self, port: int = 0) -> AsyncIterator["Sandbox"]:
        """Answer on loopback while the context lasts; port 0 picks a free one.

        Raises:
            OSError: the port can't be had.
        """
        async with listening(self.answer, port=port) as self._port:
            yield self

    async def answer(self, request: Request) -> Answer | None:
        """Answer one request; None means that the connection is dropped."""
        if request.path.startswith("/rest/"):
            return await self._logged(request)
        if request.path == "/sandbox" or request.path.startswith("/sandbox/"):
            return self._control.answer(request)
        return json_answer(404, {"error": "no such path; GET /sandbox/ says what there is"})

    async def _logged(self, request: Request) -> Answer | None:
        account = self.account(request.company or MAIN)
        account.in_flight += 1
        entry = self.requests.open(account=account.name, in_flight=account.in_flight, at=self._now())
        try:
            answer = await self._admitted(request, account, entry)
        finally:
            account.in_flight -= 1
        entry.http_status = answer.status if answer else None
        entry.answered_at = self._now()
        return answer

    async def _admitted(self, request: Request, account: Account, entry: Entry) -> Answer | None:
        route = find_route(request.path)
        if route is None:
            return no_such_path(request.path, at=self._now())
        if request.method != route.method:
            return wrong_method(route.call, route.method, at=self._now())
        entry.call, entry.campaign = route.call, route.campaign_id
        if not self._accepts(request.key):
            await _wait(self.latency)
            return error(401, call=route.call, variants=self.variants, at=self._now())
        visit = Visit(route=route, query=request.query, account=account, entry=entry, variants=self.variants)
        return await self._in_turn(visit)

    def _accepts(self, key: str) -> bool:
        return bool(key) and self._api_key in (None, key)

    async def _in_turn(self, visit: Visit) -> Answer | None:
        account, clock = visit.account, asyncio.get_running_loop().time
        came = clock()
        taken = await account.turns.take()
        visit.entry.queued_ms = round((clock() - came) * 1000, 3)
        if not taken:
            return visit.error(_too_many(visit.route), self._now())
        account.handling += 1
        visit.entry.handling = account.handling
        try:
            return await self._handled(visit)
        finally:
            account.handling -= 1
            account.turns.pass_on()

    async def _handled(self, visit: Visit) -> Answer | None:
        await _wait(self.latency)
        fault = self.faults.strike(visit.route.call, visit.entry.campaign, visit.account.name)
        if fault is None:
            return perform(visit, self._now())
        visit.entry.fault = fault.effect
        honest = perform(visit, self._now()) if fault.acts else Answer(status=200)
        await _wait(fault.delay)
        return self._spoilt(fault, honest, visit)

    def _spoilt(self, fault: Fault, honest: Answer, visit: Visit) -> Answer | None:
        match fault.effect:
            case "drop_before" | "drop_after":
                return None
            case "delay":
                return honest
            case "unreadable":
                return _unreadable(honest, fault.body)
            case "status" | "status_after":
                if fault.body is not None or fault.status < 400:
                    return Answer(status=fault.status, body=(fault.body or "").encode())
                return visit.error(fault.status, self._now(), fault.detail)


async def _wait(duration: timedelta) -> None:
    if duration:
        await asyncio.sleep(duration.total_seconds())


def _too_many(route: Route) -> int:
    return 409 if route.call in ("me", "list") else 429


def _unreadable(honest: Answer, body: str | None) -> Answer:
    if body is not None:
        return replace(honest, status=200, body=body.encode())
    half = honest.body[: len(honest.body) // 2]
    return replace(honest, status=200, body=half or b'{"unfini')
