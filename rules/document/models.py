"""The file as typed values. After it's read, nobody sees a raw mapping."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cache
from typing import Annotated, Final, Self, TypeVar

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetJsonSchemaHandler,
    SecretStr,
    Tag,
    ValidationInfo,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from rules.calendars import (
    PublicHolidays,
    wrong_category,
    wrong_country,
    wrong_holiday,
    wrong_subdivision,
)
from rules.days import near_days, parse_days
from rules.document.types import (
    DAYS_IN_AN_EDITOR,
    Address,
    BaseUrl,
    CountryCode,
    Cron,
    DateRange,
    DatesOrName,
    Digest,
    Duration,
    Endpoint,
    IdOrName,
    Line,
    Listen,
    Months,
    Name,
    PositiveInt,
    When,
    Zone,
    as_list,
    got,
)
from rules.notation import Moment, nearest
from rules.windows import CATCH_UP

DEFAULT_BASE_URL: Final = "https://api.woodpecker.co/rest"
_DAY: Final = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Names:
    """What the rest of the file may refer to by name."""

    accounts: frozenset[str]
    calendars: frozenset[str]


def _at(key: str, message: str) -> PydanticCustomError:
    """An error of a whole mapping that stands at one of its keys."""
    return PydanticCustomError("at_key", "{message}", {"key": key, "message": message})


class _Part(BaseModel):
    model_config = ConfigDict(
        extra="forbid", strict=True, frozen=True, arbitrary_types_allowed=True, use_attribute_docstrings=True
    )


class _OrOne:
    """Tells editors that one value may be written without its list."""

    def __get_pydantic_json_schema__(self, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        schema = handler(core)
        return {"anyOf": [schema["items"], schema]}


_T = TypeVar("_T")
OneOrMore = Annotated[list[_T], Field(min_length=1), BeforeValidator(as_list), _OrOne()]


class Account(_Part):
    """One Woodpecker account, and where its key comes from: exactly one of three ways."""

    api_key: SecretStr | None = None
    """The key, or better `${VARIABLE}`: then it's in the environment and not in this file."""
    api_key_file: Line | None = None
    """A file that holds the key and nothing else; a relative path counts from this file's folder."""
    credential: Line | None = None
    """A systemd credential (`LoadCredential=`) that holds the key."""
    company_id: PositiveInt | None = None
    """The client account of an agency that this is; the key is then the head office's."""
    base_url: BaseUrl = DEFAULT_BASE_URL
    """Where the API is."""

    @model_validator(mode="after")
    def _one_key(self) -> Self:
        given = [key for key in ("api_key", "api_key_file", "credential") if getattr(self, key) is not None]
        if not given:
            raise PydanticCustomError("no_key", "needs one of api_key, api_key_file and credential")
        if len(given) > 1:
            raise _at(given[1], f"only one of {' and '.join(given)} can be given")
        return self


# What a name in a calendar may be depends on the keys before it: `info.data` has those that are right.
def _known_country(country: str) -> str:
    return _checked(country, wrong_country(country))


def _known_subdivision(subdivision: str, info: ValidationInfo[Names]) -> str:
    country = info.data.get("country")
    return _checked(subdivision, wrong_subdivision(country, subdivision) if country else None)


def _known_category(category: str, info: ValidationInfo[Names]) -> str:
    country = info.data.get("country")
    return _checked(category, wrong_category(country, category) if country else None)


def _known_calendar(name: str, info: ValidationInfo[Names]) -> str:
    known = info.context.calendars
    return _checked(name, None if name in known else f"unknown calendar {name!r}{nearest(name, known)}")


def _known_holiday(value: tuple[date, date] | str, info: ValidationInfo[Names]) -> tuple[date, date] | str:
    is_all_known = info.data.keys() >= {"country", "subdivision", "categories", "observed", "ics", "include"}
    if isinstance(value, tuple) or not is_all_known or info.data["ics"] or info.data["include"]:
        return value
    holidays = _holidays(*(info.data[key] for key in ("country", "subdivision", "categories", "observed")))
    if holidays is None:
        raise ValueError(f"{value!r} isn't a date; names are for holidays, and there's no country, ics or include")
    return _checked(value, wrong_holiday(_loaded(holidays), value))


@cache
def _loaded(holidays: PublicHolidays) -> PublicHolidays:
    # Equal ones are one: what it has looked up for one name is there for the next.
    return holidays


def _checked(value: str, wrong: str | None) -> str:
    if wrong is not None:
        raise ValueError(wrong)
    return value


def _holidays(
    country: str | None, subdivision: str | None, categories: list[str] | None, observed: bool | None
) -> PublicHolidays | None:
    if country is None:
        return None
    return PublicHolidays(
        country=country,
        subdivision=subdivision,
        categories=tuple(categories or ()),
        observed=observed is not False,
    )


class CalendarSpec(_Part):
    """A named calendar: the days of a country, of dates, of an ics file and of other calendars, taken together."""

    country: Annotated[CountryCode, AfterValidator(_known_country)] | None = None
    """The holidays of a country, by its two-letter code (ISO 3166-1)."""
    subdivision: Annotated[Line, AfterValidator(_known_subdivision)] | None = None
    """The part of the country (ISO 3166-2, without the country) whose holidays count too."""
    categories: OneOrMore[Annotated[Line, AfterValidator(_known_category)]] | None = None
    """Which kinds of holiday, as the country has them: public, bank, school, optional...; without it, public."""
    observed: bool | None = None
    """Whether the weekday counts too on which a holiday at a weekend is made up for. Default: true."""
    dates: OneOrMore[DateRange] | None = None
    """Days and ranges of days, both ends included."""
    ics: Line | None = None
    """A local iCalendar file; a relative path counts from this file's folder. All-day events are days, timed events
    are windows of their own."""
    include: OneOrMore[Annotated[Line, AfterValidator(_known_calendar)]] | None = None
    """Other calendars, whose days are then this one's too."""
    extra: OneOrMore[DateRange] | None = None
    """Days to add."""
    except_: Annotated[
        OneOrMore[Annotated[DatesOrName, AfterValidator(_known_holiday)]] | None, Field(alias="except")
    ] = None
    """Days to take away: dates, or holidays by their names."""

    def holidays(self) -> PublicHolidays | None:
        """The holidays that it's about, if it has a country."""
        return _holidays(self.country, self.subdivision, self.categories, self.observed)

    @model_validator(mode="after")
    def _some_source(self) -> Self:
        if not (self.country or self.dates or self.ics or self.include):
            raise PydanticCustomError("no_source", "needs one of country, dates, ics and include")
        for key in ("subdivision", "categories", "observed"):
            if getattr(self, key) is not None and self.country is None:
                raise _at(key, "goes with country only")
        return self


def _known_day(value: object, info: ValidationInfo[Names]) -> object:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError(f"must be days, as in mon-fri{got(value)}")
    calendars = info.context.calendars
    if parse_days(str(value)) is None and value not in calendars:
        near = nearest(str(value), near_days(str(value)) | calendars)
        raise ValueError(f"{value!r} is neither days (fri, mon-fri, last fri, 24 dec...) nor a calendar{near}")
    return value


DayWord = Annotated[int | str, BeforeValidator(_known_day), DAYS_IN_AN_EDITOR]


def wrong_keys(given: Collection[str]) -> tuple[str, str] | None:
    """Say at which key an entry of `pause` with these keys is of no form, and why; at none ("") if it says nothing."""
    for key, others, what in (
        ("cron", {"for"}, "says when it begins; for: says how long it lasts"),
        ("at", {"on"}, "is a hold: left paused until a person resumes it"),
    ):
        if key in given:
            odd = [each for each in _FORM_KEYS if each in given and each not in {key, *others}]
            return (odd[0], f"doesn't go with {key}, which {what}") if odd else None
    if "from" in given:
        if "until" not in given and "for" not in given:
            return "from", "needs until, or for"
        return ("for", "goes instead of until, not with it") if {"until", "for"} <= set(given) else None
    for key in ("until", "for"):
        if key in given:
            return key, "needs from"
    return None if "on" in given else ("", "doesn't say when; write on, or from and until, or at, or cron")


_FORM_KEYS: Final = ("on", "from", "until", "for", "cron", "at")


class Entry(_Part):
    """One entry of `pause`: which days, and from when until when. The keys that are given say of which form it is."""

    on: OneOrMore[DayWord] | None = None
    """The days; without times, they are quiet from midnight to midnight."""
    from_: Annotated[When | None, Field(alias="from")] = None
    """When a window begins."""
    until: When | None = None
    """When it ends: the first such time after `from`."""
    for_: Annotated[Duration | None, Field(alias="for")] = None
    """How long it lasts, instead of `until`."""
    cron: Cron | None = None
    """When it begins, as a cron expression; without `for`, it's a hold."""
    at: When | None = None
    """A hold: paused at that time, and left so until a person resumes it."""
    except_: Annotated[OneOrMore[DayWord] | None, Field(alias="except")] = None
    """Windows that begin on these days are left out."""
    between: DateRange | None = None
    """Only windows that begin on these dates, both included."""
    months: OneOrMore[Months] | None = None
    """Only windows that begin in these months."""

    @property
    def month_numbers(self) -> frozenset[int] | None:
        """The months that it's limited to, if it is, as numbers from 1."""
        return None if self.months is None else frozenset().union(*self.months)

    @model_validator(mode="after")
    def _one_form(self) -> Self:
        fields = type(self).model_fields.items()
        wrong = wrong_keys([info.alias or field for field, info in fields if getattr(self, field) is not None])
        if wrong is not None:
            key, message = wrong
            raise _at(key, message) if key else PydanticCustomError("empty", "{message}", {"message": message})
        if self.at is not None:
            self._check_begin("at", self.at)
        if self.from_ is not None:
            self._check_begin("from", self.from_)
            if self.until is not None:
                self._check_until(self.from_, self.until)
        return self

    def _check_begin(self, key: str, moment: Moment) -> None:
        if self.on is None and moment.is_alone:
            raise _at(key, "a time alone needs on: DAYS; or write a weekday or a date before it")
        if self.on is None and moment.offset is not None:
            raise _at(key, "days before or after need on: DAYS, to count from")
        if self.on is not None and (moment.weekday is not None or moment.day is not None):
            raise _at(key, "must be a time alone, since on: says which days")

    def _check_until(self, start: Moment, end: Moment) -> None:
        if start.day is not None and end.day is None and end.offset is None:
            raise _at("until", "must have a date, as from does")
        if start.day is None and end.day is not None:
            raise _at("until", "must have no date, since from has none")
        if start.weekday is not None and end.is_alone:
            raise _at("until", "must say on which weekday, as from does")
        if _is_same(start, end):
            raise _at("until", "is the same as from; for whole days write only on: DAYS")
        if end.after(start, 0) <= start.begins:
            raise _at("until", "must come after from")


def _is_same(start: Moment, end: Moment) -> bool:
    """Whether two moments of a day or a week are one; from 00:00 until 24:00 they aren't."""
    if end.time == _DAY and start.time != _DAY:
        return False
    if start.is_alone and end.is_alone:
        every = timedelta(days=1)
    elif start.weekday is not None and end.weekday is not None:
        every = timedelta(days=7)
    else:
        return False
    first, last = (timedelta(days=each.weekday or 0) + each.time for each in (start, end))
    return (first - last) % every == timedelta()


class CampaignsSpec(_Part):
    """Campaigns of these folders, or with these names, or with these ids; without any of the three, all."""

    folders: OneOrMore[Line] | None = None
    """Every campaign in one of these folders, upper and lower case being the same."""
    names: OneOrMore[Line] | None = None
    """Every campaign whose name is one of these; `*`, `?` and `[...]` stand for others, upper and lower case are the
    same."""
    ids: OneOrMore[PositiveInt] | None = None
    """Every campaign with one of these ids."""
    except_: Annotated[OneOrMore[IdOrName] | None, Field(alias="except")] = None
    """But none of these: ids, or names as above."""

    @model_validator(mode="after")
    def _not_empty(self) -> Self:
        if not (self.folders or self.names or self.ids or self.except_):
            raise PydanticCustomError("empty", "is empty; write campaigns: all, or folders, names, ids or except")
        return self


def _campaigns(value: object) -> object:
    if value == "all":
        return None  # which stands for all of them from here on
    if value is None or isinstance(value, str):
        raise ValueError(
            f"must be a list of campaign ids, a selector (folders, names, ids, except), or all{got(value)}"
        )
    return value


def _known_account(name: str | None, info: ValidationInfo[Names]) -> str | None:
    known = info.context.accounts
    if name is None and len(known) > 1:
        raise ValueError(f"is required when there are several accounts: {', '.join(sorted(known))}")
    if name is not None and name not in known:
        raise ValueError(f"unknown account {name!r}{nearest(name, known)}")
    return name


def _kind_of_campaigns(value: object) -> str:
    return "[selector]" if isinstance(value, dict | CampaignsSpec) else "[ids]"


class ResumeSpec(_Part):
    """How campaigns are resumed at the end of a rule's windows."""

    over: Duration
    """They are resumed one after the other, spread over this time."""


def _kind_of_resume(value: object) -> str:
    return "[how]" if isinstance(value, dict | ResumeSpec) else "[whether]"


class Rule(_Part):
    """One entry of `rules`: which campaigns, and when they are quiet."""

    name: Name
    """What it's called, in plans, logs and commands; no two rules have the same name."""
    campaigns: Annotated[
        Annotated[
            Annotated[OneOrMore[PositiveInt] | None, Tag("[ids]")] | Annotated[CampaignsSpec, Tag("[selector]")],
            Discriminator(_kind_of_campaigns),
        ],
        BeforeValidator(_campaigns),
    ]
    """Which campaigns: a list of ids, `all`, or a selector (folders, names, ids, except)."""  # `all` is None here
    pause: OneOrMore[Entry]
    """When they are quiet: one entry, or several of which any makes it so."""
    account: Annotated[Line | None, AfterValidator(_known_account), Field(validate_default=True)] = None
    """The account whose campaigns they are; may be left out where there's only one."""
    timezone: Zone | None = None
    """The zone in which the times of this rule are meant. Default: the file's."""
    enabled: bool = True
    """Whether the rule counts."""
    resume: Annotated[
        Annotated[bool, Tag("[whether]")] | Annotated[ResumeSpec, Tag("[how]")], Discriminator(_kind_of_resume)
    ] = True
    """Whether its campaigns run again at the end of its windows; `false` leaves that to a person, and `over` spreads
    it over some time."""
    enforce: bool = False
    """Whether what a person resumes inside a window is paused again. Default: it's left running, and the journal says
    so."""
    catch_up: Duration = CATCH_UP
    """How late a hold may still begin, if nothing was there to pause at its time. Default: 24h."""
    description: str | None = None
    """For people."""


class AddressSource(_Part):
    """Where an address is that is a secret and doesn't stand in the file: one of two ways."""

    url_file: Line | None = None
    """A file that holds the address and nothing else; a relative path counts from this file's folder."""
    credential: Line | None = None
    """A systemd credential (`LoadCredential=`) that holds the address."""

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if self.url_file is None and self.credential is None:
            raise PydanticCustomError("no_address", "needs one of url_file and credential")
        if self.url_file is not None and self.credential is not None:
            raise _at("credential", "only one of url_file and credential can be given")
        return self


def _kind_of_address(value: object) -> str:
    return "[source]" if isinstance(value, dict | AddressSource) else "[address]"


SomeAddress = Annotated[
    Annotated[Address, Tag("[address]")] | Annotated[AddressSource, Tag("[source]")], Discriminator(_kind_of_address)
]


class AlertsSpec(_Part):
    """Who is told when something needs a person, and how it's noticed that nobody can tell any more."""

    to: OneOrMore[SomeAddress] | None = None
    """Where alerts go: addresses as Apprise has them (mail, Slack, Teams, Telegram, webhooks...), best as
    `${VARIABLE}`."""
    ping: SomeAddress | None = None
    """An address that is called every minute while all is well; whoever misses that call raises the alarm."""
    digest: Digest | None = None
    """When a summary is sent: `daily`, `weekly`, a time of each day, or a weekday and a time. Default: never."""

    @property
    def addresses(self) -> dict[tuple[str | int, ...], SecretStr | AddressSource]:
        """All that are given, each by its place below `alerts`."""
        found: dict[tuple[str | int, ...], SecretStr | AddressSource] = {}
        found.update({("to", index): each for index, each in enumerate(self.to or ())})
        return found if self.ping is None else {**found, ("ping",): self.ping}

    @model_validator(mode="after")
    def _somewhere(self) -> Self:
        if self.to is None and self.ping is None:
            raise PydanticCustomError("nowhere", "needs one of to and ping")
        if self.digest is not None and self.to is None:
            raise _at("digest", "goes with to only")
        return self


class MetricsSpec(_Part):
    """How the daemon is looked after: `/metrics` for Prometheus, and `/healthz`."""

    listen: Listen
    """The address of this machine, and the port, at which it answers."""


class Document(_Part):
    """The whole file."""

    timezone: Zone
    """The zone in which times are meant, unless a rule has its own."""
    accounts: Annotated[dict[Name, Account], Field(min_length=1)]
    """The Woodpecker accounts, by names of your own."""
    rules: Annotated[list[Rule], Field(min_length=1)]
    """The rules. What any of them says of a campaign counts: windows are a union."""
    calendars: dict[Line, CalendarSpec] = Field(default_factory=dict)
    """Named sets of days, for `on` and `except`."""
    database: Line | None = Field(default=None, repr=False)
    """Where the ledger is, as a URL: a file of SQLite, or a database of PostgreSQL that several machines share.
    Default: `sqlite:///curfew.db` in the service's state folder, else beside this file."""
    alerts: AlertsSpec | None = None
    """Who is told when something needs a person. Default: nobody, but for the log."""
    metrics: MetricsSpec | None = None
    """Where the daemon answers `/metrics` (Prometheus) and `/healthz`. Default: nowhere."""

    @property
    def listen(self) -> Endpoint | None:
        """Where metrics are served, if anywhere."""
        return self.metrics.listen if self.metrics else None

    def account_of(self, rule: Rule) -> str:
        """The name of the account that a rule acts on: its own, or the only one there is."""
        return rule.account or next(iter(self.accounts))
