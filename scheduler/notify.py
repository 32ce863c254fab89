"""Messages to people, by whatever service an address names: mail, Slack, Teams, Telegram, webhooks and many more.

The only home of Apprise, which is imported when there's something to send or to check, and not before: it's large. It
is told that our text is plain, and escapes it for services that render markup.
"""

import asyncio
import logging
import re
import threading
from contextlib import suppress
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote

from rules.notation import nearest
from rules.source import render
from scheduler.alerts.messages import Message
from scheduler.errors import NotTaken
from scheduler.settings import Address
from scheduler.texts import brief

if TYPE_CHECKING:
    from apprise import Apprise

# A service that takes longer counts as failing; the thread that waits for it is left to itself.
TIMEOUT: Final = timedelta(seconds=30)
_NO_ADDRESS: Final = "must be an address as Apprise has them, as in mailto://... or slack://..."
_SERVICE: Final = re.compile(r"([a-z][a-z0-9]{1,19})://", re.IGNORECASE)
# Parts of an address that are so long may be secrets, and are in no message about it.
_LEAST_SECRET: Final = 4
# Its hundred services are loaded when they are asked for first, and not in two threads at the same time.
_LOADING: Final = threading.Lock()
_LONGEST_REASON: Final = 300
# What is too long for a service comes in pieces, where they are few; of a text message by phone there's the beginning.
_LEAST_PIECE: Final = 1000
_HAS_OVERFLOW: Final = re.compile(r"[?&]overflow=", re.IGNORECASE)
_PARTS: Final = re.compile(r"[/:@?&=,;+#%.]+")
_HARMLESS: Final = frozenset({"true", "false", "html", "text", "markdown", "https", "http", "smtp", "localhost"})


class Target:
    """One address, and what it's called in logs and messages: its place in the file and the service, and no more."""

    def __init__(self, address: Address) -> None:
        self.address = address
        service = _SERVICE.match(address.url)
        self.name = f"{render(address.path)} ({service[1].lower() if service else 'no service'})"
        self._is_asked = threading.Event()

    async def send(self, message: Message, limit: timedelta = TIMEOUT) -> None:
        """Have the service take a message.

        Raises:
            NotTaken: it doesn't, or not in time.
        """
        if self._is_asked.is_set():
            raise NotTaken("it still hasn't answered to the message before")
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[str | None] = loop.create_future()

        def tell(why: str | None) -> None:
            if not answer.done():
                answer.set_result(why)

        def work() -> None:
            why = _why_not(self.address.url, message)
            self._is_asked.clear()
            # Who asked may be gone, and the loop with them.
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(tell, why)

        # A thread of its own, that nobody waits for at the end: a name that isn't resolved can take a minute.
        self._is_asked.set()
        threading.Thread(target=work, name=f"alert {self.name}", daemon=True).start()
        try:
            async with asyncio.timeout(limit.total_seconds()):
                why = await answer
        except TimeoutError:
            why = f"no answer within {limit.total_seconds():g} s"
        if why is not None:
            raise NotTaken(why)


def wrong_address(url: str) -> str | None:
    """Why nothing can be sent to an address, without the address itself; None where something can."""
    found = _SERVICE.match(url)
    if found is None:
        return _NO_ADDRESS
    known, name = _services(), found[1].lower()
    if name not in known:
        return f"Apprise has no service {name!r}{nearest(name, known)}"
    if _apprise_for(url) is None:
        return f"isn't a whole address of the service {name!r}: something is missing in it, or wrong"
    return None


def _why_not(url: str, message: Message) -> str | None:
    """Send a message; why that had no success, None where it had."""
    try:
        sender = _apprise_for(url)
        if sender is None:
            return "not an address that Apprise can send to"
        result = sender.notify(body=message.body, title=message.title, notify_type=message.level, body_format="text")
        if result:
            return None
        said = [entry.message for entry in result.logs() if entry.level in {"WARNING", "ERROR", "CRITICAL"}]
        return _clean(said[-1] if said else "the service has refused it", url)
    except Exception as error:  # noqa: BLE001 -- whatever goes wrong in one of a hundred services, it's told as such
        return _clean(f"{type(error).__name__}: {error}", url)


def _clean(text: str, url: str) -> str:
    """A reason on one line, in which nothing of the address is left that may be a secret."""
    parts = {part for each in (url, unquote(url)) for part in _PARTS.split(each.partition("://")[2])}
    for part in sorted(parts, key=len, reverse=True):
        if len(part) >= _LEAST_SECRET and part.lower() not in _HARMLESS:
            text = text.replace(part, "[...]")
    return brief(text)[:_LONGEST_REASON]


def _services() -> set[str]:
    from apprise.manager_plugins import NotificationManager

    services: Any = NotificationManager
    with _LOADING:
        return set(services().schemas())


def _apprise_for(url: str) -> "Apprise | None":
    """What sends to one address; None where that can't be."""
    import apprise

    _services()
    # Its lines may have parts of an address in them. What matters of them is in our own.
    logging.getLogger("apprise").propagate = False
    asset = apprise.AppriseAsset(
        app_id="Curfew",
        app_desc="Curfew",
        # Nothing of it is kept on the disk, and it starts no threads of its own.
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        async_mode=False,
    )
    sender = apprise.Apprise(asset=asset)
    if not sender.add([url]):
        return None
    for service in sender:
        # By itself it sends whatever is too long as it is, and the service refuses it however often it's tried.
        if not _HAS_OVERFLOW.search(url):
            is_roomy = service.body_maxlen >= _LEAST_PIECE
            service.overflow_mode = apprise.OverflowMode.SPLIT if is_roomy else apprise.OverflowMode.TRUNCATE
    return sender
