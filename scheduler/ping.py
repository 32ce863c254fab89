"""The dead man's switch: an address that is called every minute while all goes round.

Who can't say any more that something is wrong falls silent, and whoever is called misses that. The way of
https://healthchecks.io/docs/http_api/, which others understand as well.
"""

import asyncio
from collections.abc import Callable
from datetime import timedelta
from typing import Final
from urllib.parse import urlsplit

from scheduler.client import call
from scheduler.errors import TryLater
from scheduler.logs import logger
from scheduler.settings import Address

PERIOD: Final = timedelta(minutes=1)
LIMIT: Final = timedelta(seconds=10)
# How soon it's looked again whether all is well by now.
_LOOK_AGAIN: Final = timedelta(seconds=5)
NAME: Final = "alerts.ping"

_log = logger()


class Ping:
    """Calls the address that `address` gives, where there is one, as long as `is_well` says that all goes round."""

    def __init__(
        self, address: Callable[[], Address | None], is_well: Callable[[], bool], limit: timedelta = LIMIT
    ) -> None:
        self._address = address
        self._is_well = is_well
        self._limit = limit
        self._why: str | None = None

    @property
    def untaken(self) -> dict[str, str]:
        """Why the last call had no success, by its name, if it hadn't."""
        return {} if self._why is None or self._address() is None else {NAME: self._why}

    async def run(self) -> None:
        """Call it every minute, until cancelled."""
        while True:
            address, pause = self._address(), _LOOK_AGAIN
            if address is not None and self._is_well():
                pause = PERIOD
                self._tell(await try_once(address.url, self._limit))
            await asyncio.sleep(pause.total_seconds())

    async def fail(self) -> None:
        """Say at once that the daemon ends by a fault: nobody need wait for the silence to be long enough."""
        address = self._address()
        if address is not None:
            parts = urlsplit(address.url)
            await try_once(parts._replace(path=f"{parts.path.rstrip('/')}/fail").geturl(), self._limit)

    def _tell(self, why: str | None) -> None:
        if why is not None and self._why is None:
            _log.warning("ping not taken; it's tried again each minute", target=NAME, why=why)
        if why is None and self._why is not None:
            _log.info("the ping is taken again", target=NAME)
        self._why = why


async def try_once(url: str, limit: timedelta = LIMIT) -> str | None:
    """Call an address; why it wasn't taken, None where it was."""
    try:
        await call(url, limit)
    except TryLater as error:
        return str(error)
    except Exception as error:  # noqa: BLE001 -- a fault of a library is told as such; the next ping may do better
        return f"a fault: {type(error).__name__}"
    return None
