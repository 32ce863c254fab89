"""What happens in a round, drawn from a seed: windows, kills, steps of the clock, edits, weather, and what people do.

A round is a stretch of chaos, after which all settles and is looked at. Instants are seconds from its beginning; the
same seed draws the same rounds, whatever a machine makes of them.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from tests.proof.chaos.file import Rule, RuleFile, Window

FOLDERS: Final = ("EMEA", "Americas", "Partners")
FIRST_CAMPAIGN: Final = 1000001
# How long a life goes on at most after its READY, where it's to end after calls that don't come.
PATIENCE: Final = timedelta(seconds=1.5)
# From the fourth on, a start after kills makes no call for a second, then for two, then for four.
KILLS_IN_A_ROW: Final = (2, 2, 3, 3, 4)
# How the sandbox spoils a call; in foul weather each has a chance of its own.
EFFECTS: Final[dict[str, dict[str, Any]]] = {
    "500": {"effect": "status", "status": 500},
    "500, and it has worked": {"effect": "status_after", "status": 500},
    "429": {"effect": "status", "status": 429},
    "slow": {"effect": "delay", "delay_seconds": 1.5},
    "dropped": {"effect": "drop_before"},
    "dropped, and it has worked": {"effect": "drop_after"},
    "unreadable": {"effect": "unreadable"},
}
# Longer than the client waits: for a list, and for a call.
TIME_OUTS: Final[tuple[dict[str, Any], ...]] = (
    {"call": "list", "delay_seconds": 11},
    {"call": "pause", "delay_seconds": 31},
)
# What a person, or Woodpecker itself, makes of a campaign, and how often.
ACTS: Final = {"RUNNING": 50, "PAUSED": 30, "COMPLETED": 8, "STOPPED": 6, "EDITED": 6}
EDITS: Final = ("added", "removed", "shortened", "lengthened", "disabled", "enabled")

Kind = Literal["weather", "step", "edit", "spoil", "mend", "act", "fill", "empty"]
Moment = Literal["start", "ready", "call"]


@dataclass(frozen=True, slots=True)
class Death:
    """When a life is to be ended: so many seconds after its start, after its READY, or after its nth pause or resume.

    It's started again after `down_seconds`. Where so many before it were killed one after the other as `kills_in_a_row`
    says, it's told to end, and isn't killed.
    """

    after: Moment
    seconds: float
    calls: int
    down_seconds: float
    kills_in_a_row: int


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is to happen; `chance` draws what can be drawn only then."""

    at: float
    kind: Kind
    values: dict[str, Any] = field(default_factory=dict)
    chance: random.Random = field(default_factory=random.Random)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kinds:
    """Which kinds of trouble there are; each can be left out."""

    kills: bool = True
    weather: bool = True
    steps: bool = True
    edits: bool = True
    disk: bool = True
    acts: bool = True

    def includes(self, kind: Kind) -> bool:
        """Whether such a thing is to happen."""
        match kind:
            case "weather":
                return self.weather
            case "step":
                return self.steps
            case "edit" | "spoil" | "mend":
                return self.edits
            case "act":
                return self.acts
            case "fill" | "empty":
                return self.disk


def campaigns(number: int) -> range:
    """The campaigns of each account, as the sandbox numbers them."""
    return range(FIRST_CAMPAIGN, FIRST_CAMPAIGN + number)


def rules_of(account: str, ids: range) -> Iterator[Rule]:
    """The rules of one account: by every kind of selector, and with every kind of end."""
    named = f"{{names: [Campaign {len(ids)}, Campaign {len(ids) - 1}]}}"
    some = ids[: len(ids) // 2]
    chosen: dict[str, tuple[str, range]] = {
        "all": ("all", ids),
        "folder": (f"{{folders: [{FOLDERS[0]}]}}", ids[:: len(FOLDERS)]),
        "some": (str(list(some)), some),
        "enforced": (named, ids[-2:]),
        "for-good": (str([ids[1]]), ids[1:2]),
        "stop": (str([ids[2]]), ids[2:3]),
    }
    for name, (selector, found) in chosen.items():
        yield Rule(
            name=f"{account}-{name}",
            account=account,
            selector=selector,
            campaigns=frozenset(found),
            is_given_back=name != "for-good",
            is_enforced=name == "enforced",
        )


def with_windows(file: RuleFile, start: datetime, lasts: float, chance: random.Random) -> RuleFile:
    """The file with windows and holds for a round that begins when the daemon's clock shows `start`."""
    for rule in list(file.rules.values()):
        if rule.name.endswith("-stop"):
            holds = (_whole(start, chance.uniform(1, lasts)),) if chance.random() < 0.5 else ()
            file = file.with_rule(replace(rule, holds=(*rule.holds, *holds)))
        else:
            is_usual = rule.name.endswith(("-all", "-folder", "-some"))
            number = chance.choice((1, 1, 2, 3)) if is_usual else chance.choice((0, 0, 1))
            windows = (_window(start, lasts, chance) for _ in range(number))
            file = file.with_rule(replace(rule, windows=(*rule.windows, *windows)))
    return file


def _window(start: datetime, lasts: float, chance: random.Random) -> Window:
    begins = chance.uniform(0.5, lasts - 2)
    # Some are over in a moment, and some last into the next round.
    length = chance.choice([chance.uniform(1, 3), chance.uniform(3, 12), lasts + chance.uniform(5, 20) - begins])
    first = _whole(start, begins)
    return Window(first, first + timedelta(seconds=max(1, round(length))))


def _whole(start: datetime, seconds: float) -> datetime:
    return start.replace(microsecond=0) + timedelta(seconds=round(seconds))


def happenings(kinds: Kinds, lasts: float, chance: random.Random) -> list[Happening]:
    """What happens in a round, in order; what isn't wanted is drawn all the same, so that the rest stays as it is."""
    found = [Happening(0, "weather", _weather(chance)), Happening(lasts / 2, "weather", _weather(chance))]
    found += _steps(lasts, chance)
    found += [_drawn("edit", lasts, chance) for _ in range(chance.choice((1, 2, 3)))]
    found += [_drawn("act", lasts, chance) for _ in range(chance.randint(8, 16))]
    found += _for_a_while("fill", "empty", lasts, chance) if chance.random() < 0.5 else []
    found += _for_a_while("spoil", "mend", lasts, chance) if chance.random() < 0.4 else []
    return sorted((each for each in found if kinds.includes(each.kind)), key=lambda each: each.at)


def _steps(lasts: float, chance: random.Random) -> Iterator[Happening]:
    for _ in range(chance.choice((0, 1, 1, 2))):
        seconds = chance.choice((1, 1, -1)) * chance.choice((chance.randint(2, 15), chance.randint(20, 90)))
        yield Happening(chance.uniform(0, lasts), "step", {"seconds": seconds})


def _for_a_while(begins: Kind, ends: Kind, lasts: float, chance: random.Random) -> list[Happening]:
    at = chance.uniform(0.1, 0.7) * lasts
    return [Happening(at, begins), Happening(at + chance.uniform(0.05, 0.2) * lasts, ends)]


def _drawn(kind: Kind, lasts: float, chance: random.Random) -> Happening:
    return Happening(chance.uniform(0.5, lasts), kind, {}, random.Random(chance.random()))  # noqa: S311 -- repeatable


def _weather(chance: random.Random) -> dict[str, Any]:
    """The chance of each effect: none in fair weather."""
    is_fair = chance.random() < 0.25
    return {name: 0.0 if is_fair else round(chance.uniform(0, 0.08), 3) for name in EFFECTS}


def deaths(chance: random.Random) -> Iterator[Death]:
    """How each life ends, without end: some while they start, half of them in or after a call."""
    moments: tuple[Moment, ...] = ("start", "ready", "ready", "call", "call", "call")
    while True:
        after = chance.choice(moments)
        seconds = {"start": chance.uniform(0, 1), "ready": chance.uniform(0, 1.5), "call": chance.uniform(0, 0.05)}
        down = chance.uniform(0.5, 4) if chance.random() < 0.12 else 0.0
        yield Death(after, seconds[after], chance.randint(1, 6), down, chance.choice(KILLS_IN_A_ROW))


def edited(file: RuleFile, now: datetime, chance: random.Random) -> tuple[str, RuleFile]:
    """What is edited, and the next version of the file: where a window lasts, its rule is drawn."""
    usual = [rule for rule in file.rules.values() if rule.windows and not rule.holds]
    lasting = [rule for rule in usual if any(_lasts(each, now) for each in rule.windows)]
    disabled = [rule for rule in usual if not rule.is_enabled]
    what = chance.choice(EDITS)
    rule = chance.choice((disabled if what == "enabled" else lasting) or usual)
    return what, file.with_rule(_edited(rule, what, now, chance))


def _edited(rule: Rule, what: str, now: datetime, chance: random.Random) -> Rule:
    moment = _whole(now, chance.uniform(1, 6))
    match what:
        case "added":
            begins = moment - timedelta(seconds=chance.randint(0, 8))
            added = Window(begins, begins + timedelta(seconds=chance.randint(2, 15)))
            return replace(rule, windows=(*rule.windows, added))
        case "removed":
            return replace(rule, windows=tuple(each for each in rule.windows if not _lasts(each, now)))
        case "shortened":
            return replace(rule, windows=tuple(_shorter(each, now, moment) for each in rule.windows))
        case "lengthened":
            by = timedelta(seconds=chance.randint(1, 10))
            longer = (replace(each, end=each.end + by) if _lasts(each, now) else each for each in rule.windows)
            return replace(rule, windows=tuple(longer))
    return replace(rule, is_enabled=what == "enabled")


def _shorter(window: Window, now: datetime, end: datetime) -> Window:
    return replace(window, end=min(window.end, end)) if _lasts(window, now) else window


def _lasts(window: Window, now: datetime) -> bool:
    return window.start <= now < window.end
