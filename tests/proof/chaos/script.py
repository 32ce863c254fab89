"""What happens in a round, drawn from a seed: windows, kills, steps of the clock, edits, weather, and what people do.

A round is a stretch of chaos and then a calm one, in which all settles and is looked at. Its instants are seconds from
its beginning; the same seed draws the same round, whatever the machine makes of it.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, Final, Literal

from tests.proof.chaos.file import Rule, RuleFile, Window

FOLDERS: Final = ("EMEA", "Americas", "Partners")
FIRST_CAMPAIGN: Final = 1000001
# Seconds: how long a round's chaos lasts at least, and what is planned for the calm after it.
CHAOS: Final = 20
CALM: Final = 12
# How long a life goes on at most, where it's to end after calls that don't come.
PATIENCE_SECONDS: Final = 4
# How the sandbox spoils a call, each with the chance that it has in foul weather.
EFFECTS: Final[dict[str, dict[str, Any]]] = {
    "500": {"effect": "status", "status": 500},
    "500, and it has worked": {"effect": "status_after", "status": 500},
    "429": {"effect": "status", "status": 429},
    "slow": {"effect": "delay", "delay_seconds": 1.5},
    "dropped": {"effect": "drop_before"},
    "dropped, and it has worked": {"effect": "drop_after"},
    "unreadable": {"effect": "unreadable"},
}
# Longer than the client waits: for a list or a look, and for a call.
TIME_OUTS: Final[tuple[dict[str, Any], ...]] = (
    {"call": "list", "delay_seconds": 11},
    {"call": "pause", "delay_seconds": 31},
)
# What a person, or Woodpecker itself, makes of a campaign, and how often.
ACTS: Final = {"RUNNING": 50, "PAUSED": 30, "COMPLETED": 8, "STOPPED": 6, "EDITED": 6}


@dataclass(frozen=True, slots=True)
class Death:
    """When a life is to be ended: so many seconds after its start, after its READY, or after its nth pause or resume.

    The last of these may not come: `PATIENCE_SECONDS` after READY is the end in any case.
    """

    after: Literal["start", "ready", "call"]
    seconds: float
    calls: int
    down_seconds: float


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that is to happen so many seconds after the round's beginning.

    `kind` is one of `weather`, `step`, `edit`, `act`, `fill` and `empty`; `chance` draws what is left to draw then.
    """

    at: float
    kind: str
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


def campaigns(number: int) -> range:
    """The campaigns of each account."""
    return range(FIRST_CAMPAIGN, FIRST_CAMPAIGN + number)


def rules_of(account: str, ids: range) -> Iterator[Rule]:
    """The rules of one account: by every kind of selector, and with every kind of end."""
    everyone = frozenset(ids)
    folder = frozenset(each for each in ids if (each - FIRST_CAMPAIGN) % len(FOLDERS) == 0)
    some = frozenset(ids[: len(ids) // 2])
    last = frozenset(ids[-2:])
    named = f"{{names: [Campaign {len(ids)}, Campaign {len(ids) - 1}]}}"
    yield Rule(name=f"{account}-all", account=account, selector="all", campaigns=everyone)
    yield Rule(name=f"{account}-folder", account=account, selector=f"{{folders: [{FOLDERS[0]}]}}", campaigns=folder)
    yield Rule(name=f"{account}-some", account=account, selector=str(sorted(some)), campaigns=some)
    yield Rule(name=f"{account}-enforced", account=account, selector=named, campaigns=last, is_enforced=True)
    yield Rule(
        name=f"{account}-for-good", account=account, selector=str([ids[1]]), campaigns=frozenset({ids[1]}),
        is_given_back=False,
    )  # fmt: skip
    yield Rule(name=f"{account}-stop", account=account, selector=str([ids[2]]), campaigns=frozenset({ids[2]}))


def with_windows(file: RuleFile, start: datetime, chance: random.Random) -> RuleFile:
    """The file with windows and holds for a round that begins when the daemon's clock shows `start`."""
    for rule in list(file.rules.values()):
        if rule.name.endswith("-stop"):
            holds = (_whole(start, chance.uniform(2, CHAOS)),) if chance.random() < 0.5 else ()
            file = file.with_rule(replace(rule, holds=(*rule.holds, *holds)))
        else:
            is_usual = rule.name.endswith(("-all", "-folder", "-some"))
            windows = [_window(start, chance) for _ in range(chance.choice((1, 1, 2, 3)))] if is_usual else []
            windows += [_window(start, chance)] if not is_usual and chance.random() < 0.4 else []
            file = file.with_rule(replace(rule, windows=(*rule.windows, *windows)))
    return file


def _window(start: datetime, chance: random.Random) -> Window:
    begins = chance.uniform(1, CHAOS - 2)
    # Some last into the calm, or through it, and some are over in a moment.
    length = chance.choice([chance.uniform(1, 3), chance.uniform(3, 12), CHAOS + CALM + chance.uniform(2, 8) - begins])
    first = _whole(start, begins)
    return Window(first, first + timedelta(seconds=max(1, round(length))))


def _whole(start: datetime, seconds: float) -> datetime:
    return start.replace(microsecond=0) + timedelta(seconds=round(seconds))


def happenings(kinds: Kinds, chance: random.Random) -> list[Happening]:
    """What happens in a round's chaos, in order; each draw is made whether its kind is wanted or not."""
    found = [Happening(0, "weather", _weather(chance)), Happening(CHAOS / 2, "weather", _weather(chance))]
    for _ in range(chance.choice((0, 1, 1, 2))):
        by = chance.choice((1, 1, -1)) * chance.choice((chance.randint(2, 15), chance.randint(20, 90)))
        found.append(Happening(chance.uniform(3, CHAOS - 3), "step", {"seconds": by}))
    found += [_drawn(chance, "edit") for _ in range(chance.choice((1, 2, 3)))]
    found += [_drawn(chance, "act") for _ in range(chance.randint(8, 16))]
    if chance.random() < 0.5:
        begins = chance.uniform(2, CHAOS - 5)
        found += [Happening(begins, "fill"), Happening(begins + chance.uniform(1, 4), "empty")]
    wanted = {"weather": kinds.weather, "step": kinds.steps, "edit": kinds.edits, "act": kinds.acts}
    return sorted((each for each in found if wanted.get(each.kind, kinds.disk)), key=lambda each: each.at)


def _drawn(chance: random.Random, kind: str) -> Happening:
    return Happening(chance.uniform(1, CHAOS), kind, {}, random.Random(chance.random()))  # noqa: S311 -- repeatable


def _weather(chance: random.Random) -> dict[str, Any]:
    """The chance of each effect: none in fair weather."""
    is_fair = chance.random() < 0.25
    return {name: 0.0 if is_fair else round(chance.uniform(0, 0.08), 3) for name in EFFECTS}


def deaths(chance: random.Random) -> Iterator[Death]:
    """How long each life lasts, without end: some end while they start, half of them in or after a call."""
    while True:
        after: Literal["start", "ready", "call"] = chance.choice(("start", "ready", "ready", "call", "call", "call"))
        seconds = {"start": chance.uniform(0, 1), "ready": chance.uniform(0, 2.5), "call": chance.uniform(0, 0.03)}
        down = chance.uniform(0.5, 4) if chance.random() < 0.12 else 0.0
        yield Death(after, seconds[after], chance.randint(1, 15), down)


def edited(file: RuleFile, now: datetime, chance: random.Random) -> tuple[str, RuleFile]:
    """The next version of a file, and what was edited: where a window lasts, its rule is drawn."""
    usual = [rule for rule in file.rules.values() if not rule.name.endswith("-stop")]
    lasting = [rule for rule in usual if any(each.start <= now < each.end for each in rule.windows)]
    rule = chance.choice(lasting or usual)
    what = chance.choice(("added", "removed", "shortened", "lengthened", "disabled", "enabled"))
    moment = _whole(now, chance.uniform(1, 6))
    match what:
        case "added":
            length = timedelta(seconds=chance.randint(2, 15))
            begins = moment - timedelta(seconds=chance.randint(0, 8))
            return what, file.with_rule(replace(rule, windows=(*rule.windows, Window(begins, begins + length))))
        case "removed":
            kept = tuple(each for each in rule.windows if not each.start <= now < each.end)
            return what, file.with_rule(replace(rule, windows=kept))
        case "shortened":
            cut = tuple(
                Window(each.start, min(each.end, max(moment, each.start + timedelta(seconds=1))))
                if each.start <= now < each.end
                else each
                for each in rule.windows
            )
            return what, file.with_rule(replace(rule, windows=cut))
        case "lengthened":
            longer = tuple(
                Window(each.start, each.end + timedelta(seconds=chance.randint(1, 10)))
                if each.start <= now < each.end
                else each
                for each in rule.windows
            )
            return what, file.with_rule(replace(rule, windows=longer))
        case "disabled":
            return what, file.with_rule(replace(rule, is_enabled=False))
    disabled = [each for each in file.rules.values() if not each.is_enabled]
    return what, file.with_rule(replace(chance.choice(disabled or [rule]), is_enabled=True))
