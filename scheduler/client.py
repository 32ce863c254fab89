"""Typed calls to Woodpecker's API, with its three shapes of error brought into one tree.

The calls and errors are those of the vendor's API reference (https://developers.woodpecker.co). What that reference
leaves open is taken as the mildest reading that can't send mail: see "Choices that aren't obvious" in
`docs/architecture.md`.
"""

import asyncio
import json
import ssl
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from email.utils import parsedate_to_datetime
from functools import cache
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import httpx

from scheduler import __version__
from scheduler.clock import utc_now
from scheduler.errors import ApiError, KeyRefused, NeverAgain, RateLimited, TryLater
from scheduler.ledger.records import Status
from scheduler.logs import logger
from scheduler.settings import Account
from scheduler.tally import Tally

# Woodpecker lets a request wait for 15 s behind others of its account before it refuses it.
CALL_TIMEOUT: Final = timedelta(seconds=30)
CONNECT_TIMEOUT: Final = timedelta(seconds=10)
# No answer is read further, but for a list: it has a few hundred bytes for each of an account's campaigns.
_LARGEST_ANSWER: Final = 64 * 1024
_LARGEST_LIST: Final = 32 * 1024 * 1024
_LONGEST_MESSAGE: Final = 500
_LONGEST_WAIT_SECONDS: Final = 24 * 3600
# What the ledger can hold.
_LARGEST_ID: Final = 2**63 - 1
# How a setting that is on or off may be written.
_FLAGS: Final = {"true": True, "1": True, "false": False, "0": False}
_UNREADABLE: Final = (ValueError, TypeError, LookupError, AttributeError, RecursionError)

_log = logger()

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One line of the campaign list. A status that the API's reference doesn't know is kept as its text."""

    id: int
    name: str
    status: str
    folder: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignDetail:
    """What one GET says of a campaign; `bounce_shield_at` is the API's text of when the safety stop paused it.

    `prospect_timezone`: whether its mail follows each prospect's own time zone; None where the answer doesn't say.
    """

    id: int
    status: str
    bounce_shield_at: str | None = None
    prospect_timezone: bool | None = None


@dataclass(frozen=True, slots=True)
class _Answer:
    """An answer with its body, which is cut where it's longer than it may be."""

    response: httpx.Response
    content: bytes

    @property
    def status(self) -> int:
        return self.response.status_code

    def json(self) -> Any:
        return json.loads(self.content)


class Client:
    """The calls of one account. Each takes at most `CALL_TIMEOUT`, and raises an `ApiError` where it has no success."""

    def __init__(
        self, account: Account, transport: httpx.AsyncBaseTransport | None = None, *, tally: Tally | None = None
    ) -> None:
        self._account = account
        self._tally = tally or Tally()
        secure = account.base_url.startswith("https:")
        headers = {"x-api-key": account.api_key, "user-agent": f"curfew/{__version__}"}
        if account.company_id is not None:
            headers["x-company-id"] = str(account.company_id)
        self._http = httpx.AsyncClient(
            base_url=account.base_url,
            headers=headers,
            timeout=httpx.Timeout(CALL_TIMEOUT.total_seconds(), connect=CONNECT_TIMEOUT.total_seconds()),
            # A proxy of the environment would be given the key where TLS doesn't hide it.
            trust_env=secure,
            # One call at a time: a second connection would never be used.
            limits=httpx.Limits(max_connections=1, max_keepalive_connections=1),
            verify=_tls(),
            transport=transport,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """End its connection."""
        await self._http.aclose()

    async def pause(self, campaign: int) -> int:
        """POST /v2/campaigns/{id}/pause; gives the HTTP status."""
        return (await self._call("pause", "POST", f"/v2/campaigns/{campaign}/pause")).status

    async def run(self, campaign: int) -> int:
        """POST /v2/campaigns/{id}/run; gives the HTTP status. It would start a draft as well: look first."""
        return (await self._call("run", "POST", f"/v2/campaigns/{campaign}/run")).status

    async def campaign(self, campaign: int) -> CampaignDetail:
        """GET /v2/campaigns/{id}."""
        return self._read(await self._call("campaign", "GET", f"/v2/campaigns/{campaign}"), _detail)

    async def campaigns(self, statuses: Iterable[Status] = ()) -> list[Campaign]:
        """GET /v1/campaign_list; every campaign of the account, or those of some statuses."""
        query = {"status": ",".join(statuses)} if statuses else {}
        answer = await self._call("list", "GET", "/v1/campaign_list", query, largest=_LARGEST_LIST)
        if answer.status == httpx.codes.NO_CONTENT:
            return []
        return self._read(answer, self._entries)

    async def me(self) -> None:
        """GET /v1/me: that the key works."""
        await self._call("me", "GET", "/v1/me")

    async def _call(
        self,
        name: str,
        method: str,
        path: str,
        query: Mapping[str, str] | None = None,
        *,
        largest: int = _LARGEST_ANSWER,
    ) -> _Answer:
        with self._tally.call(name):
            return await self._answered(method, path, query, largest)

    async def _answered(self, method: str, path: str, query: Mapping[str, str] | None, largest: int) -> _Answer:
        limit = asyncio.timeout(CALL_TIMEOUT.total_seconds())
        try:
            async with limit, self._http.stream(method, path, params=query) as response:
                answer = _Answer(response, await _content(response, largest))
        except (TimeoutError, httpx.TimeoutException) as error:
            raise TryLater(f"no answer in time ({type(error).__name__})") from None
        except httpx.HTTPError as error:
            raise TryLater(self._clean(f"{type(error).__name__}: {error}")) from None
        if response.is_success:
            return answer
        raise self._error(answer)

    def _read(self, answer: _Answer, reader: Callable[[Any], _T]) -> _T:
        try:
            return reader(answer.json())
        except _UNREADABLE:
            raise TryLater("the answer can't be read", http_status=answer.status) from None

    def _entries(self, body: Any) -> list[Campaign]:
        """The entries of a list, one by one: an odd one is passed over, and doesn't take the others with it."""
        if not isinstance(body, list):
            raise TypeError("not a list")
        found: list[Campaign] = []
        for entry in body:
            with suppress(*_UNREADABLE):
                found.append(_campaign(entry))
        if body and not found:
            raise ValueError("no entry can be read")
        if skipped := len(body) - len(found):
            _log.warning("entries of the list can't be read", account=self._account.name, skipped=skipped)
        return found

    def _error(self, answer: _Answer) -> ApiError:
        code, message = _words(answer)
        kind = _kind(answer.status, code)
        error = kind(self._clean(message), http_status=answer.status, code=self._clean(code) if code else None)
        if isinstance(error, TryLater):
            error.retry_after = _retry_after(answer.response.headers.get("retry-after"))
        return error

    def _clean(self, text: str) -> str:
        """An answer may repeat what was sent; the key must not come back into logs and ledger that way."""
        shown = text.replace(self._account.api_key, "[key]")
        printable = "".join(letter if letter.isprintable() else " " for letter in shown)
        return printable[:_LONGEST_MESSAGE]


async def call(url: str, limit: timedelta) -> None:
    """GET an address that isn't Woodpecker's, on a connection of its own, with nothing but who we are.

    Raises:
        TryLater: it has no success; the text doesn't show the address.
    """
    try:
        async with asyncio.timeout(limit.total_seconds()), _stranger(url) as http, http.stream("GET", url) as response:
            status = response.status_code
    except (TimeoutError, httpx.TimeoutException):
        raise TryLater(f"no answer within {limit.total_seconds():g} s") from None
    except (httpx.HTTPError, httpx.InvalidURL) as error:
        raise TryLater(f"{type(error).__name__}: {error}".replace(url, "[address]")) from None
    # A redirect isn't followed: it would be another address than the file's.
    if not response.is_success:
        raise TryLater("not taken", http_status=status)


def _stranger(url: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        headers={"user-agent": f"curfew/{__version__}"}, trust_env=url.startswith("https:"), verify=_tls()
    )


@cache
def _tls() -> ssl.SSLContext:
    # Made once: it takes tens of milliseconds and a megabyte, for each of what may be a thousand accounts.
    return httpx.create_ssl_context()


async def _content(response: httpx.Response, largest: int) -> bytes:
    """The body up to so many bytes. One that is longer isn't read to its end, and its connection not used again."""
    content = bytearray()
    async for part in response.aiter_bytes():
        content += part
        if len(content) > largest:
            break
    return bytes(content[:largest])


def _campaign(entry: Any) -> Campaign:
    return Campaign(
        id=_id(entry["id"]),
        name=_text(entry.get("name")) or "",
        status=_status(entry["status"]),
        folder=_text(entry.get("folder_name")),
    )


def _id(value: Any) -> int:
    if type(value) is not int or not 0 < value <= _LARGEST_ID:
        raise ValueError("not the id of a campaign")
    return value


def _status(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise ValueError("not a status")
    return (_text(value) or "").strip().upper()


def _text(value: Any) -> str | None:
    """Text that can be stored: half of an emoji (a lone surrogate) can't, which JSON may hold, nor can a zero byte."""
    return None if value is None else str(value).replace("\0", "?").encode("utf-8", "replace").decode()


def _detail(body: Any) -> CampaignDetail:
    return CampaignDetail(
        id=_id(body["id"]),
        status=_status(body["status"]),
        bounce_shield_at=_text(body.get("bounce_shield_autopaused_at")),
        prospect_timezone=_flag(body.get("settings"), "prospect_timezone"),
    )


def _flag(settings: Any, key: str) -> bool | None:
    """A setting that is on or off; whatever else stands there doesn't take the rest of the answer with it."""
    value = settings.get(key) if isinstance(settings, dict) else None
    return _FLAGS.get(str(value).strip().lower())


def _kind(status: int, code: str | None) -> type[ApiError]:
    if status == httpx.codes.TOO_MANY_REQUESTS or code == "E_TOO_MANY_REQUESTS":
        return RateLimited
    if status in KeyRefused.http_statuses:
        return KeyRefused
    if 400 <= status < 500 and status not in {408, 425}:
        return NeverAgain
    return TryLater


def _words(answer: _Answer) -> tuple[str | None, str]:
    """The code and message of an error answer, in whichever of the three shapes it comes."""
    try:
        body = answer.json()
    except (ValueError, RecursionError):
        body = None
    words = body if isinstance(body, dict) else {}
    if isinstance(words.get("status"), dict):
        words = words["status"]
    # The code counts without a message, too: v1 says by it alone that a 409 is one call too many.
    code, message = _first_text(words, "code", "type", "title"), _first_text(words, "msg", "message", "detail")
    return code, message or answer.response.reason_phrase or "an answer without words"


def _first_text(words: Mapping[str, Any], *keys: str) -> str | None:
    return next((words[key] for key in keys if isinstance(words.get(key), str)), None)


def _retry_after(value: str | None) -> timedelta | None:
    """RFC 9110, section 10.2.3: seconds, or a date."""
    if value is None:
        return None
    try:
        is_number = value.strip().isdecimal()
        seconds = int(value) if is_number else (parsedate_to_datetime(value) - utc_now()).total_seconds()
    except (ValueError, TypeError, OverflowError):
        return None
    return timedelta(seconds=min(max(seconds, 0), _LONGEST_WAIT_SECONDS))
