"""What a simulated life is about, drawn from its seed: zones, accounts, campaigns, and versions of a file of rules."""

import random
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from scheduler.sandbox import FIRST_COMPANY_ID, FIRST_ID, MAIN, Campaign, Variants

KEY: Final = "swordfish-0123456789"
BASE_URL: Final = "http://127.0.0.1:1/rest"
FOLDERS: Final = ("EMEA", "Americas", "Partners", "Tests")
PREFIXES: Final = ("DE", "US", "AT", "PL")
# Zones whose clocks change in many ways, and a country whose holidays go with each.
PLACES: Final = (
    ("Europe/Warsaw", "PL"),
    ("Europe/Berlin", "DE"),
    ("America/New_York", "US"),
    ("America/Santiago", "CL"),
    ("Africa/Casablanca", "MA"),
    ("Australia/Lord_Howe", "AU"),
    ("Pacific/Auckland", "NZ"),
    ("Asia/Kolkata", "IN"),
)
_DISABLED: Final = "enabled: false, "

# The rules of a version of the file: what follows the name of each.
Rules = Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """All that a life begins with. `accounts` says what the sandbox calls each account of the file."""

    start: datetime
    weeks: int
    zone: str
    country: str
    accounts: Mapping[str, str]
    campaigns: Mapping[str, list[Campaign]]
    rules: Rules
    variants: Variants

    @property
    def end(self) -> datetime:
        """When the life ends."""
        return self.start + timedelta(weeks=self.weeks)

    @property
    def campaign_weeks(self) -> int:
        """How long all campaigns live, taken together."""
        return self.weeks * sum(map(len, self.campaigns.values()))

    def file(self, rules: Rules) -> str:
        """The file with some rules."""
        lines = [
            f"timezone: {self.zone}",
            "accounts:",
            *(f"  {name}: {{{_account(called)}}}" for name, called in self.accounts.items()),
            "calendars:",
            f"  public: {{country: {self.country}}}",
            f"  company: {{dates: [{', '.join(self._closures())}]}}",
            "rules:",
            *(f"  - {{name: {name}, {words}}}" for name, words in rules.items()),
        ]
        return "\n".join([*lines, ""])

    def _closures(self) -> Iterator[str]:
        for year in range(self.start.year, self.end.year + 1):
            yield from (f"{year}-08-10/{year}-08-14", f"{year}-12-24", f"{year}-12-28/{year}-12-31")


def _account(called: str) -> str:
    company = "" if called == MAIN else f", company_id: {called}"
    return f"api_key: {KEY}, base_url: '{BASE_URL}'{company}"


def draw(seed: int, *, weeks: int, campaigns: int) -> Scenario:
    """The scenario of a seed, with so many campaigns in all."""
    chance = random.Random(f"scenario {seed}")  # noqa: S311 -- it's to be repeated
    zone, country = chance.choice(PLACES)
    accounts = {"main": MAIN, "acme": str(FIRST_COMPANY_ID)} if chance.random() < 0.5 else {"main": MAIN}
    start = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=chance.randrange(700 * 86400))
    share = campaigns // len(accounts)
    return Scenario(
        start=start,
        weeks=weeks,
        zone=zone,
        country=country,
        accounts=accounts,
        campaigns={name: list(_campaigns(chance, share)) for name in accounts},
        rules={
            f"{account}-{kind}": words for account in accounts for kind, words in _rules(chance, account, share, start)
        },
        variants=_variants(chance),
    )


def edited(chance: random.Random, scenario: Scenario, rules: Rules) -> Rules:
    """Another version of the rules: some dropped or disabled, some as they would have been drawn today.

    One at least stays under its name: a file without any is refused as the wrong one.
    """
    enabled = {name: words.removeprefix(_DISABLED) for name, words in rules.items()}
    stays = next(name for name, words in rules.items() if not words.startswith(_DISABLED))
    kept = {name: words for name, words in enabled.items() if name == stays or chance.random() < 0.7}
    for name, words in enabled.items():
        if name not in kept and chance.random() < 0.3:
            kept[name] = f"{_DISABLED}{words}"
    for account, campaigns in scenario.campaigns.items():
        for kind, words in _rules(chance, account, len(campaigns), scenario.start):
            if chance.random() < 0.4:
                kept[f"{account}-{kind}"] = words
    return kept


def _campaigns(chance: random.Random, count: int) -> Iterator[Campaign]:
    for number in range(count):
        (status,) = chance.choices(("RUNNING", "PAUSED", "COMPLETED", "DRAFT"), (90, 4, 4, 2))
        yield Campaign(
            id=FIRST_ID + number,
            name=f"{chance.choice(PREFIXES)} {number + 1}",
            folder=FOLDERS[number % len(FOLDERS)],
            status=status,  # type: ignore[arg-type]
            unsupported=chance.random() < 0.02,
        )


def _variants(chance: random.Random) -> Variants:
    return Variants(
        pause_on_paused=chance.choice((200, 400, 409)),
        pause_on_unsupported=chance.choice((200, 409)),
        idle_pause_changes=chance.random() < 0.5,
        run_on_running=chance.choice((200, 400, 409)),
        retry_after=chance.choice((None, timedelta(seconds=3), timedelta(seconds=40))),
        success_body=chance.choice(("none", "json", "text")),
    )


def _rules(chance: random.Random, account: str, count: int, start: datetime) -> Iterator[tuple[str, str]]:
    """Some rules of an account, a weekend's or those of nights among them."""
    (always,) = chance.choices(("weekend", "nights"), (90, 10))
    for kind, words in _KINDS.items():
        drawn = f"account: {account}, {words(_Dice(chance, count, start))}"
        if kind == always or chance.random() < (0.1 if kind == "nights" else 0.2):
            yield kind, drawn


@dataclass(frozen=True)
class _Dice:
    """What's drawn for the words of a rule."""

    chance: random.Random
    count: int
    start: datetime

    @property
    def some(self) -> str:
        """Some campaigns, or all, by whatever selects them."""
        return "all" if self.chance.random() < 0.2 else self.part

    @property
    def most(self) -> str:
        """All campaigns, or those of two folders or three."""
        folders = self.chance.sample(FOLDERS, self.chance.choice((2, 3)))
        return "all" if self.chance.random() < 0.4 else f"{{folders: [{', '.join(folders)}]}}"

    @property
    def team(self) -> str:
        """A quarter of them, by their names."""
        return f"{{names: '{self.chance.choice(PREFIXES)} *'}}"

    @property
    def part(self) -> str:
        """Some campaigns."""
        chance = self.chance
        return chance.choice(
            (
                f"{{folders: [{chance.choice(FOLDERS)}]}}",
                f"{{names: ['{chance.choice(PREFIXES)} *'], except: [{FIRST_ID + chance.randrange(self.count)}]}}",
                f"{{folders: {chance.choice(FOLDERS)}, names: '{chance.choice(PREFIXES)} *', ids: {self.few}}}",
                self.few,
            )
        )

    @property
    def few(self) -> str:
        """A few campaigns by their ids."""
        numbers = sorted(self.chance.sample(range(self.count), min(self.count, self.chance.randrange(1, 6))))
        return f"[{', '.join(str(FIRST_ID + number) for number in numbers)}]"

    def time(self, first: int, last: int) -> str:
        """A time of day between two hours."""
        return f"{self.chance.randrange(first, last):02}:{self.chance.choice((0, 15, 30, 59)):02}"

    def day(self) -> str:
        """A date in the year to come."""
        return f"{self.start + timedelta(days=self.chance.randrange(3, 360)):%Y-%m-%d}"

    def zone(self) -> str:
        """Any zone."""
        return self.chance.choice(PLACES)[0]


_KINDS: Final[Mapping[str, Callable[[_Dice], str]]] = {
    "weekend": lambda dice: (
        f"campaigns: {dice.most}, pause: {{from: Fri {dice.time(14, 19)}, until: Mon {dice.time(6, 10)}}}"
    ),
    "nights": lambda dice: (
        f"campaigns: {dice.team}, pause: {{on: mon-thu, from: {dice.time(17, 22)}, until: {dice.time(5, 9)}}}"
    ),
    "holidays": lambda _: "campaigns: all, pause: {on: public}",
    "eves": lambda dice: (
        f"campaigns: {dice.some}, pause: {{on: public, from: '-1d {dice.time(13, 18)}', until: '+1d 09:00'}}"
    ),
    "closures": lambda dice: f"campaigns: {dice.some}, pause: {{on: company, except: public}}",
    "lunch": lambda dice: (
        f"campaigns: {dice.some}, resume: {{over: 20m}}, "
        f"pause: {{on: [tue, 15], from: 12:00, until: {dice.time(13, 15)}}}"
    ),
    "small-hours": lambda dice: (
        f"campaigns: {dice.some}, timezone: {dice.zone()}, pause: {{on: sun, from: 02:30, until: 05:00}}"
    ),
    "audit": lambda dice: (
        f"campaigns: {dice.some}, enforce: true, pause: {{on: last fri, from: 09:00, until: {dice.time(15, 18)}}}"
    ),
    "month-end": lambda dice: (
        f"campaigns: {dice.some}, pause: {{cron: '30 {dice.chance.randrange(24)} 28 * *', for: 9h}}"
    ),
    "quarter": lambda dice: (
        f"campaigns: {dice.few}, resume: false, "
        "pause: {on: last, from: 12:00, until: 24:00, months: [mar, jun, sep, dec]}"
    ),
    "hold": lambda dice: (
        f"campaigns: {dice.few}, catch_up: {dice.chance.choice(('2h', '24h'))}, "
        f"pause: {{on: first tue, at: {dice.time(9, 17)}}}"
    ),
    "launch-stop": lambda dice: f"campaigns: {dice.few}, pause: {{at: {dice.day()} {dice.time(9, 18)}}}",
    "fair": lambda dice: (
        f"campaigns: {dice.some}, timezone: {dice.zone()}, pause: {{from: {dice.day()} 13:00, for: 50h}}"
    ),
}
