"""The sandbox as a process of its own."""

import asyncio
import resource
import signal
from collections.abc import Callable
from datetime import timedelta

from scheduler.sandbox.sandbox import Sandbox

_WANTED_FILES = 16384


def serve(
    *,
    port: int,
    campaigns: int = 5,
    running: int | None = None,
    accounts: int = 1,
    latency: timedelta = timedelta(0),
    api_key: str | None = None,
    seed: int = 0,
    announce: Callable[[str], None],
) -> None:
    """Serve a sandbox until SIGTERM or SIGINT, then return.

    The arguments are those of `Sandbox`. `announce` is called once for each line that a person or a script waits for,
    and must flush it: first that this isn't Woodpecker, then the base URL, alone on its line, once connections are
    taken.

    Raises:
        OSError: the port can't be had; nothing was announced.
    """
    sandbox = Sandbox(
        campaigns=campaigns, running=running, accounts=accounts, latency=latency, api_key=api_key, seed=seed
    )
    _allow_many_sockets()
    asyncio.run(_until_signalled(sandbox, port, announce))


async def _until_signalled(sandbox: Sandbox, port: int, announce: Callable[[str], None]) -> None:
    signalled = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, signalled.set)
    async with sandbox.serving(port):
        announce("This is not Woodpecker: a sandbox that plays its API on this machine, and sends no mail.")
        announce(sandbox.base_url)
        announce(f"What else it can do: {sandbox.control_url}")
        await signalled.wait()


def _allow_many_sockets() -> None:
    # A thousand accounts hold a thousand connections, and the usual limit is 1024 files.
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = _WANTED_FILES if hard == resource.RLIM_INFINITY else min(hard, _WANTED_FILES)
    if resource.RLIM_INFINITY != soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
