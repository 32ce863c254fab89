"""The kinds of value that the file is made of, each with its check and what an editor is told of it."""

import re
import zoneinfo
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from ipaddress import ip_address
from typing import Annotated, Any, Final
from urllib.parse import SplitResult, urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, SecretStr, WithJsonSchema

from rules.cron import check_cron
from rules.notation import (
    MONTH_WORDS,
    WEEKDAY_WORDS,
    Moment,
    nearest,
    parse_dates,
    parse_duration,
    parse_moment,
    parse_months,
)

_TIME: Final = r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d)?|24:00(:00)?"
_DATE: Final = r"(19[7-9]\d|2[01]\d\d)-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])"
_LIKE_A_DATE: Final = re.compile(r"[0-9]{4}-")
_DATES: Final = rf"{_DATE}(\s*/\s*{_DATE})?"
_LINE: Final = r"(?=.*\S)[^\u0000-\u001f\u007f]+"
_LARGEST_PORT: Final = 65535
_CRON_VALUE: Final = r"(\d+|[A-Za-z]{3})"
_CRON_ITEM: Final = rf"(\*|{_CRON_VALUE}(-{_CRON_VALUE})?)(/\d+)?"
_CRON_FIELD: Final = rf"{_CRON_ITEM}(,{_CRON_ITEM})*"
_NUMBERS: Final = re.compile(r"[0-9]+(\.[0-9]+){3}")
_LONGEST_ADDRESS: Final = 2000
# The ledger finds rows by names; PostgreSQL takes no long ones for that.
_LONGEST_NAME: Final = 200


_EIGHT: Final = timedelta(hours=8)
_DIGESTS: Final = {"daily": Moment(time=_EIGHT), "weekly": Moment(time=_EIGHT, weekday=0)}


def _in_any_case(words: Iterable[str]) -> str:
    # JSON Schema's patterns have no flag for it.
    return "|".join("".join(f"[{letter.upper()}{letter}]" for letter in word) for word in words)


_WEEKDAY: Final = _in_any_case(WEEKDAY_WORDS)
_MONTH: Final = _in_any_case(MONTH_WORDS)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """An address of this machine, and a port; 0 stands for any that is free."""

    host: str
    port: int

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach it."""
        return ip_address(self.host).is_loopback

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


def got(value: object) -> str:
    """The end of a message that says what stands in the file instead."""
    match value:
        case None:
            return ", and nothing is there"
        case bool():
            return f", not {str(value).lower()}"
        case int() | str():
            return f", not {value!r}"
        case list():
            return ", not a list"
        case _:
            return ", not a mapping"


def as_list(value: object) -> object:
    """One value may be written without its list."""
    return value if isinstance(value, list) else [value]


def _text(value: object, kind: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be {kind}{got(value)}")
    return value


def _zone(value: object) -> object:
    name = _text(value, "the name of a time zone, as in Europe/Warsaw")
    known = _zones(zoneinfo.TZPATH)
    if name not in known:
        raise ValueError(f"unknown time zone {name!r}{nearest(name, known)}")
    return ZoneInfo(name)


@cache
def _zones(_path: object) -> frozenset[str]:
    # These two stand for no place: one is whatever this machine is set to, the other for not being set at all. The
    # database's copies below right/ (which count leap seconds) and posix/ aren't among those available anyway.
    return frozenset(available_timezones() - {"localtime", "Factory"})


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be a line of text, and not empty")
    return text


def _short(name: str) -> str:
    if len(name) > _LONGEST_NAME:
        raise ValueError(f"must have {_LONGEST_NAME} characters at most, and has {len(name)}")
    return name


def _base_url(text: str) -> str:
    parts = _address(text)
    # What stands there is not shown: it may be the key.
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be an https address, as in https://api.woodpecker.co/rest")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address and a path only: no user, password, query or fragment")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError(f"plain http would show the key to the network; write https://{parts.netloc}{parts.path}")
    return text.rstrip("/")


def check_ping_url(text: str) -> None:
    """See that an address may be called to say that all is well.

    Raises:
        ValueError: it isn't one; the text doesn't show it, since it may be a secret.
    """
    parts = _address(text)
    if parts is None or parts.scheme not in {"https", "http"} or not parts.hostname:
        raise ValueError("must be an https address, as in https://hc-ping.com/UUID")
    if parts.username or parts.password or parts.fragment:
        raise ValueError("must be an address without user, password or fragment")
    if parts.scheme == "http" and not _is_loopback(parts.hostname):
        raise ValueError("plain http would show the address to the network; write https")


def _endpoint(value: object) -> object:
    text = _text(value, "an address and a port, as in 127.0.0.1:9464")
    host, _, port = text.strip().rpartition(":")
    try:
        found = Endpoint("127.0.0.1" if host == "localhost" else _ip_address(host), int(port))
    except ValueError:
        raise ValueError("must be an IP address or localhost, and a port, as in 127.0.0.1:9464 or [::1]:9464") from None
    if not 0 <= found.port <= _LARGEST_PORT:
        raise ValueError(f"a port is a number from 0 to {_LARGEST_PORT}")
    return found


def _ip_address(text: str) -> str:
    """An address as it's written before a port: one of version 6 stands in brackets."""
    is_bracketed = text.startswith("[") and text.endswith("]")
    found = ip_address(text[1:-1] if is_bracketed else text)
    if is_bracketed != (found.version == 6):
        raise ValueError("brackets are for addresses of version 6")
    return str(found)


def _address(text: str) -> SplitResult | None:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018 -- which is looked at only when it's asked for
        _check_host(parts)
    except ValueError:
        return None
    return parts if text.isascii() and " " not in text and len(text) <= _LONGEST_ADDRESS else None


def _check_host(parts: SplitResult) -> None:
    """See that it can be asked for: who calls it would fail otherwise, and not only the call."""
    host = parts.hostname or ""
    if "[" in parts.netloc or _NUMBERS.fullmatch(host):
        ip_address(host)
    if host.startswith("xn--"):
        host.encode().decode("idna")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _moment(value: object) -> object:
    return parse_moment(_text(value, "a time, as in 17:00 or Fri 17:00"))


def _digest(value: object) -> object:
    text = _text(value, "daily, weekly, a time, or a weekday and a time, as in Mon 08:00")
    moment = _DIGESTS.get(text.strip().lower()) or parse_moment(text)
    if moment.day is not None or moment.offset is not None:
        raise ValueError("must be daily, weekly, a time, or a weekday and a time, as in Mon 08:00")
    return moment


def _secret_line(text: SecretStr) -> SecretStr:
    _one_line(text.get_secret_value())
    return text


def _dates(value: object) -> object:
    return parse_dates(_text(value, "a date, as in 2026-12-24"))


def _dates_or_name(value: object) -> object:
    text = _one_line(_text(value, "a date or the name of a holiday"))
    return parse_dates(text) if _LIKE_A_DATE.match(text) else text


def _duration(value: object) -> object:
    return parse_duration(_text(value, "a duration, as in 36h or 1h30m"))


def _cron(value: object) -> object:
    expression = _text(value, 'a cron expression, as in "0 17 * * 5"')
    check_cron(expression)
    return expression


def _months(value: object) -> object:
    return parse_months(_text(value, "a month, as in dec or jun-aug"))


def _id_or_name(value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be an id or a name{got(value)}")
    if isinstance(value, int) and value <= 0:
        raise ValueError(f"must be greater than 0, not {value}")
    return _one_line(value) if isinstance(value, str) else value


def _said(pattern: str, description: str, *examples: Any) -> WithJsonSchema:
    schema = {"type": "string", "pattern": f"^({pattern})$", "description": description, "examples": list(examples)}
    return WithJsonSchema(schema)


Line = Annotated[str, AfterValidator(_one_line), WithJsonSchema({"type": "string", "pattern": f"^{_LINE}$"})]
Name = Annotated[
    Line,
    AfterValidator(_short),
    WithJsonSchema({"type": "string", "pattern": f"^{_LINE}$", "maxLength": _LONGEST_NAME}),
]
Zone = Annotated[
    ZoneInfo,
    BeforeValidator(_zone),
    _said(r"[A-Za-z0-9_+\-]+(/[A-Za-z0-9_+\-]+)*", "A time zone by its IANA name.", "Europe/Warsaw", "UTC"),
]
BaseUrl = Annotated[
    Line,
    AfterValidator(_base_url),
    _said(
        r"(https://(\[[0-9A-Fa-f:.]+\]|[^\s/?#@:\[\]]+)|http://(localhost|127\.[0-9.]+|\[::1\]))(:\d{1,5})?(/[^\s?#]*)?",
        "An https address; http only to this machine itself.",
        "https://api.woodpecker.co/rest",
        "http://127.0.0.1:8080/rest",
    ),
]
Address = Annotated[
    SecretStr,
    AfterValidator(_secret_line),
    WithJsonSchema({"type": "string", "pattern": f"^{_LINE}$"}),
]
Listen = Annotated[
    Endpoint,
    BeforeValidator(_endpoint),
    _said(
        r"\s*(localhost|[0-9.]+|\[[0-9A-Fa-f:.]+\]):[0-9]{1,5}\s*",
        "An address of this machine and a port; 127.0.0.1 is reached by the machine itself alone.",
        "127.0.0.1:9464",
        "[::1]:9464",
    ),
]
When = Annotated[
    Moment,
    BeforeValidator(_moment),
    _said(
        rf"\s*((({_WEEKDAY})|{_DATE}|[+\-]\d{{1,3}}d)\s+)?({_TIME})\s*",
        "A wall time: TIME, WEEKDAY TIME, DATE TIME, or so many days after the day that it belongs to. "
        "HH:MM or HH:MM:SS, to 24:00.",
        "17:00",
        "Fri 17:00",
        "2026-12-23 16:00",
        "-1d 16:00",
        "24:00",
    ),
]
Digest = Annotated[
    Moment,
    BeforeValidator(_digest),
    _said(
        rf"\s*({_in_any_case(_DIGESTS)}|(({_WEEKDAY})\s+)?({_TIME}))\s*",
        "daily (at 08:00), weekly (on Monday at 08:00), a time of each day, or a weekday and a time.",
        "weekly",
        "daily",
        "07:30",
        "Fri 16:00",
    ),
]
DateRange = Annotated[
    tuple[date, date],
    BeforeValidator(_dates),
    _said(
        _DATES,
        "A date, or a range of dates with both ends included.",
        "2026-12-24",
        "2026-12-28/2026-12-31",
    ),
]
DatesOrName = Annotated[
    tuple[date, date] | str,
    BeforeValidator(_dates_or_name),
    _said(rf"{_DATES}|(?!\d{{4}}-){_LINE}", "A date, a range of dates, or a holiday's name.", "2026-12-24", "Epiphany"),
]
Duration = Annotated[
    timedelta,
    BeforeValidator(_duration),
    _said(
        r"(?=.*[1-9])(\d+d)?(\d+h)?(\d+m)?(\d+s)?",
        "Elapsed time in days of 24 hours, hours, minutes and seconds.",
        "36h",
        "1h30m",
        "90m",
        "2d",
    ),
]
Cron = Annotated[
    str,
    BeforeValidator(_cron),
    _said(
        rf"\s*{_CRON_FIELD}(\s+{_CRON_FIELD}){{4}}\s*",
        "Five POSIX fields: minute, hour, day of the month, month, day of the week (0 and 7 are Sunday).",
        "0 17 * * 5",
        "30 8 1,15 * *",
    ),
]
CountryCode = Annotated[Line, _said("[A-Z]{2}", "A country by its ISO 3166-1 code.", "PL", "DE", "US")]
DAYS_IN_AN_EDITOR: Final = WithJsonSchema(
    {
        "anyOf": [
            {"type": "integer", "minimum": 1, "maximum": 31},
            {"type": "string", "pattern": rf"^({_DATES}|(?!\d{{4}}-){_LINE})$"},
        ],
        "description": "Days: fri, mon-fri, weekdays, weekends, daily, first mon, last fri, a day of the month "
        "(1, 15, last), a day of the year (24 dec), a date, a range of dates A/B, or a calendar.",
        "examples": ["mon-fri", "last fri", "24 dec", "poland"],
    }
)
Months = Annotated[
    frozenset[int],
    BeforeValidator(_months),
    _said(rf"({_MONTH})(\s*-\s*({_MONTH}))?", "A month, or a range of months.", "dec", "jun-aug"),
]
PositiveInt = Annotated[int, Field(gt=0)]
IdOrName = Annotated[
    int | str,
    BeforeValidator(_id_or_name),
    WithJsonSchema(
        {"anyOf": [{"type": "integer", "exclusiveMinimum": 0}, {"type": "string", "pattern": f"^{_LINE}$"}]}
    ),
]
