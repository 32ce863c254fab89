"""The file as typed values.

Everything that can be said of the file without the network, the environment or the clock is checked here, in one
pass, so that a person gets all errors in one go. `read` is the way in; nobody after it sees a raw mapping.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from ipaddress import ip_address
from typing import Annotated, Any, Final, Self, get_args
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    model_validator,
)
from pydantic_core import ErrorDetails, PydanticCustomError

from rules.calendars import wrong_country, wrong_subdivision
from rules.notation import (
    DAY_WORDS,
    Moment,
    nearest,
    parse_dates,
    parse_moment,
    parse_weekdays,
)
from rules.source import Path, Problem, Source, SourceError

_DAY: Final = timedelta(days=1)
DEFAULT_BASE_URL: Final = "https://api.woodpecker.co/rest"


@dataclass(frozen=True, slots=True)
class Names:
    """What the rest of the file may refer to by name."""

    accounts: frozenset[str]
    calendars: frozenset[str]


def _at(key: str, message: str) -> PydanticCustomError:
    """An error of a whole mapping that stands at one of its keys."""
    return PydanticCustomError("at_key", "{message}", {"key": key, "message": message})


def _text(value: object, kind: str) -> str:
    if not isinstance(value, str):
        raise ValueError(f"must be {kind}{_got(value)}")
    return value


def _zone(value: object) -> object:
    name = _text(value, "the name of a time zone, as in Europe/Warsaw")
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        raise ValueError(f"unknown time zone {name!r}{nearest(name, available_timezones())}") from None


def _one_line(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("must be a line of text, and not empty")
    return text


def _base_url(text: str) -> str:
    # The text isn't shown: it may be the key, in the wrong place.
    wrong = ValueError("isn't an https address, as in https://api.woodpecker.co/rest")
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        raise wrong from None
    if parts.scheme not in {"https", "http"} or not host or not text.isascii() or " " in text:
        raise wrong
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("must be an address and a path only: no user, password, query or fragment")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError(f"plain http would show the key to the network; write https://{parts.netloc}{parts.path}")
    return text.rstrip("/")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _as_list(value: object) -> object:
    return value if isinstance(value, list) else [value]


def _moment(value: object) -> object:
    return parse_moment(_text(value, "a time, as in 17:00 or Fri 17:00"))


def _date_range(value: object) -> object:
    return parse_dates(_text(value, "a date, as in 2026-12-24"))


Zone = Annotated[ZoneInfo, BeforeValidator(_zone)]
Line = Annotated[str, AfterValidator(_one_line)]
When = Annotated[Moment, BeforeValidator(_moment)]
DateRange = Annotated[tuple[date, date], BeforeValidator(_date_range)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True)


class Account(_Part):
    """One Woodpecker account, and where its key comes from: exactly one of three ways."""

    api_key: SecretStr | None = None
    api_key_file: Line | None = None
    credential: Line | None = None
    company_id: int | None = None
    base_url: Annotated[Line, AfterValidator(_base_url)] = DEFAULT_BASE_URL

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        given = [key for key in ("api_key", "api_key_file", "credential") if getattr(self, key) is not None]
        if not given:
            raise PydanticCustomError("no_key", "needs one of api_key, api_key_file and credential")
        if len(given) > 1:
            raise _at(given[1], f"only one of {' and '.join(given)} can be given")
        return self


class CalendarSpec(_Part):
    """A named calendar: the public holidays of a country, or dates written out."""

    country: Line | None = None
    subdivision: Line | None = None
    dates: Annotated[list[DateRange] | None, Field(min_length=1)] = None

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.country is None) == (self.dates is None):
            raise PydanticCustomError("one_kind", "needs either country or dates")
        if self.subdivision is not None and self.country is None:
            raise _at("subdivision", "goes with country only")
        return self

    @model_validator(mode="after")
    def _known(self) -> Self:
        if self.country is None:
            return self
        if wrong := wrong_country(self.country):
            raise _at("country", wrong)
        if self.subdivision and (wrong := wrong_subdivision(self.country, self.subdivision)):
            raise _at("subdivision", wrong)
        return self


def _known_day(word: str, info: ValidationInfo[Names]) -> str:
    calendars = info.context.calendars
    if parse_weekdays(word) is None and word not in calendars:
        raise ValueError(f"{word!r} is neither days of the week nor a calendar{nearest(word, DAY_WORDS | calendars)}")
    return word


DayWord = Annotated[Line, AfterValidator(_known_day)]


class Entry(_Part):
    """One entry of `pause`: which days, and from when until when. The keys that are given say of which form it is."""

    on: Annotated[list[DayWord] | None, Field(min_length=1), BeforeValidator(_as_list)] = None
    from_: Annotated[When | None, Field(alias="from")] = None
    until: When | None = None
    at: When | None = None

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        given = {key for key in ("on", "from_", "until", "at") if getattr(self, key) is not None}
        match sorted(given):
            case ["on"]:
                pass
            case ["from_", "until"]:
                _check_from_until(self.from_, self.until)
            case ["from_", "on", "until"]:
                _check_daily(self.from_, self.until)
            case ["at"]:
                _check_at(self.at)
            case ["at", "on"]:
                _check_alone("at", self.at)
            case ["from_", *_]:
                raise _at("from", "needs until")
            case [*_, "until"] if "at" not in given:
                raise _at("until", "needs from")
            case []:
                raise PydanticCustomError("empty", "is empty; say on which days, or from and until when")
            case _:
                raise _at("at", "a hold has no from or until: it is left paused until a person resumes it")
        return self


def _check_from_until(start: Moment | None, end: Moment | None) -> None:
    if start is None or end is None:
        return
    if start.day and end.day:
        if end.day - start.day + end.time <= start.time:
            raise _at("until", "must come after from")
    elif start.weekday is None or end.weekday is None:
        if start.day is None and start.weekday is None and end.day is None:
            raise _at("from", "a time alone needs on: DAYS; or write a weekday or a date before both times")
        raise _at("until", "must be of the same kind as from: both with a weekday, or both with a date")
    elif end in (start, _without_24(start)):
        raise _at("until", "is the same as from; for whole days write only on: DAYS")


def _check_daily(start: Moment | None, end: Moment | None) -> None:
    _check_alone("from", start)
    _check_alone("until", end)
    if start is not None and end in (start, _without_24(start)):
        raise _at("until", "is the same as from; for whole days write only on: DAYS")


def _without_24(moment: Moment) -> Moment:
    """The same time, with 24:00 as 00:00 of the next day."""
    if moment.time < _DAY:
        return moment
    weekday = None if moment.weekday is None else (moment.weekday + 1) % 7
    return Moment(time=moment.time - _DAY, weekday=weekday)


def _check_alone(key: str, moment: Moment | None) -> None:
    if moment is not None and (moment.weekday is not None or moment.day is not None):
        raise _at(key, "must be a time alone, since on: says which days")


def _check_at(moment: Moment | None) -> None:
    if moment is not None and moment.weekday is None and moment.day is None:
        raise _at("at", "a time alone needs on: DAYS; or write a weekday or a date before it")


def _campaigns(value: object) -> object:
    if isinstance(value, str):
        if value == "all":
            return None
        raise ValueError(f"{value!r} isn't a list of campaign ids, nor all")
    if value is None:  # which stands for all of them from here on
        raise ValueError("must be a list of campaign ids, or all")
    return value


class Rule(_Part):
    """One entry of `rules`: which campaigns (None: all of the account), and when they are quiet."""

    name: Line
    campaigns: Annotated[list[Annotated[int, Field(gt=0)]] | None, Field(min_length=1), BeforeValidator(_campaigns)]
    pause: Annotated[list[Entry], Field(min_length=1), BeforeValidator(_as_list)]
    account: Line | None = None
    timezone: Zone | None = None
    enabled: bool = True
    description: str | None = None

    @model_validator(mode="after")
    def _known_account(self, info: ValidationInfo[Names]) -> Self:
        known = info.context.accounts
        if self.account is None and len(known) > 1:
            raise _at("account", f"is required when there are several accounts: {', '.join(sorted(known))}")
        if self.account is not None and self.account not in known:
            raise _at("account", f"unknown account {self.account!r}{nearest(self.account, known)}")
        return self


class Document(_Part):
    """The whole file."""

    timezone: Zone
    accounts: Annotated[dict[Line, Account], Field(min_length=1)]
    rules: Annotated[list[Rule], Field(min_length=1)]
    calendars: dict[Line, CalendarSpec] = Field(default_factory=dict)
    database: Line | None = None

    def account_of(self, rule: Rule) -> str:
        """The name of the account that a rule acts on: its own, or the only one there is."""
        return rule.account or next(iter(self.accounts))


def read(source: Source) -> Document:
    """Read a source as a file of rules.

    Raises:
        SourceError: with every problem of the file, each at its line and column.
    """
    problems = list(_clashing_names(source))
    try:
        document = Document.model_validate(source.value, context=_names(source.value))
    except ValidationError as error:
        problems += [_problem(source, each) for each in error.errors(include_url=False)]
    if problems:
        raise SourceError(problems)
    return document


def _keys(value: object, key: str) -> frozenset[str]:
    mapping = value.get(key) if isinstance(value, dict) else None
    return frozenset(mapping) if isinstance(mapping, dict) else frozenset()


def _names(value: object) -> Names:
    return Names(_keys(value, "accounts"), _keys(value, "calendars"))


def _clashing_names(source: Source) -> Iterator[Problem]:
    for calendar in sorted(_keys(source.value, "calendars")):
        if parse_weekdays(calendar) is not None:
            message = f"{calendar!r} means days of the week; choose another name"
            yield source.problem(("calendars", calendar), message, at_key=True)
    rules = source.value.get("rules") if isinstance(source.value, dict) else None
    seen: dict[str, int] = {}
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        name = rule.get("name") if isinstance(rule, dict) else None
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield source.problem(("rules", index, "name"), f"{name!r} is also the name of rules[{seen[name]}]")


_MESSAGES: Final = {
    "missing": "is required",
    "string_type": "must be text{got}",
    "int_type": "must be a whole number{got}",
    "int_parsing": "must be a whole number{got}",
    "bool_type": "must be true or false{got}",
    "list_type": "must be a list{got}",
    "dict_type": "must be a mapping (key: value){got}",
    "model_type": "must be a mapping (key: value){got}",
    "too_short": "must not be empty",
    "greater_than": "must be greater than 0{got}",
}


def _problem(source: Source, error: ErrorDetails) -> Problem:
    path: Path = tuple(step for step in error["loc"] if step != "[key]")
    kind, context = error["type"], error.get("ctx", {})
    if kind == "extra_forbidden":
        message = f"unknown key {path[-1]!r}{nearest(str(path[-1]), _keys_of_model(path[:-1]))}"
        return source.problem(path, message, at_key=True)
    if kind == "at_key":
        return source.problem((*path, context["key"]), context["message"])
    if kind == "value_error":
        return source.problem(path, str(context["error"]))
    # Whatever stands in the wrong place of an account may be its key.
    secret = path[:1] == ("accounts",)
    template = _MESSAGES.get(kind, error["msg"])
    message = template.format(got="" if secret else _got(error["input"]))
    if kind == "string_type" and isinstance(error["input"], int):
        message += "; put it in quotes if it's meant so"
    return source.problem(path, message)


def _got(value: object) -> str:
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


def _keys_of_model(path: Path) -> Iterable[str]:
    """The keys that the mapping at a path of the file may have."""
    model: type[BaseModel] = Document
    for step in path:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if isinstance(step, str) and step in fields:
            model = next(_models_in(fields[step].annotation), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
