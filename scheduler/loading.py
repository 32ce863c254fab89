"""What the ledger keeps of each load of the file, and what of another one is told or refused: pure."""

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from hashlib import sha256
from typing import Any, Final

from rules.calendars import data_version
from rules.document import Rule
from rules.ruleset import Ruleset
from rules.source import Problem
from scheduler.ledger.records import Seen
from scheduler.settings import Settings

# How far ahead changed days are told of, and how far at least the days of calendars are kept.
HORIZON: Final = timedelta(days=400)


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangedDay:
    """A day that a calendar has gained, or lost, by other holiday data."""

    calendar: str
    day: date
    name: str
    is_added: bool

    def __str__(self) -> str:
        return f"{self.calendar}: {self.day:%a %Y-%m-%d} {self.name} {'added' if self.is_added else 'removed'}"


def facts(settings: Settings, now: datetime) -> dict[str, Any]:
    """What the journal says of a load; the days of each calendar are those of this year to that of the horizon."""
    found: dict[str, Any] = {
        "file": str(settings.file),
        "sha256": settings.digest,
        "rules": len(settings.ruleset.rules),
        "zone_data": str(settings.zone_data),
    }
    if settings.calendars:
        found["holidays"] = data_version()
        found["calendars"] = {name: _calendar(settings, name, now) for name in settings.calendars}
    return found


def _calendar(settings: Settings, name: str, now: datetime) -> dict[str, Any]:
    years = range(now.year, (now + HORIZON).year + 1)
    days = {day: called for year in years for day, called in settings.calendars[name].days(year).items()}
    return {
        "words": list(_words(settings, name)),
        "years": list(years),
        "days": {day.isoformat(): called for day, called in days.items()},
    }


def _words(settings: Settings, name: str) -> Iterator[str]:
    """What the files say of a calendar and of those in it: only where that's the same is another day other data's."""
    names = [name]
    for each in names:
        spec = settings.document.calendars[each]
        names += [other for other in dict.fromkeys(spec.include or ()) if other not in names]
        yield spec.model_dump_json(exclude_none=True) + settings.ics_digests.get(each, "")


def rule_digests(settings: Settings) -> dict[str, str]:
    """What tells whether an enabled rule is the same in two loads, by its name: the SHA-256 of all that the file says.

    Its description counts for nothing; its zone and its calendars count, but not the holidays that these have.
    """
    document, texts = settings.document, settings.source.value["rules"]  # type: ignore[index]  # it's a valid file
    calendars = {name: list(_words(settings, name)) for name in settings.calendars}
    found = {}
    for rule, text in zip(document.rules, texts, strict=True):
        if rule.enabled:
            words = {key: value for key, value in text.items() if key != "description"}
            zone = (rule.timezone or document.timezone).key
            days = [calendars[name] for name in _calendars_of(rule) if name in calendars]
            content = json.dumps([words, document.account_of(rule), zone, days], default=str, sort_keys=True)
            found[rule.name] = sha256(content.encode()).hexdigest()
    return found


def _calendars_of(rule: Rule) -> Iterator[str]:
    for entry in rule.pause:
        yield from map(str, (*(entry.on or ()), *(entry.except_ or ())))


def changed_days(before: Mapping[str, Any] | None, after: Mapping[str, Any], now: datetime) -> list[ChangedDay]:
    """The days within the horizon that calendars of the same words have gained or lost between two loads."""
    if before is None or before.get("holidays") == after.get("holidays"):
        return []
    return [change for name in after.get("calendars", {}) for change in _changed(name, before, after, now)]


def _changed(name: str, before: Mapping[str, Any], after: Mapping[str, Any], now: datetime) -> Iterator[ChangedDay]:
    old, new = (loaded.get("calendars", {}).get(name) for loaded in (before, after))
    if old is None or old["words"] != new["words"]:
        return
    for text in sorted(old["days"].keys() ^ new["days"].keys()):
        day = date.fromisoformat(text)
        if now.date() <= day <= (now + HORIZON).date() and day.year in old["years"]:
            is_added = text in new["days"]
            yield ChangedDay(calendar=name, day=day, name=(new if is_added else old)["days"][text], is_added=is_added)


@dataclass(frozen=True, slots=True)
class Loaded:
    """A file, and its rules with a person's exceptions."""

    settings: Settings
    ruleset: Ruleset


def sweep(before: Loaded, after: Loaded, held: Iterable[tuple[str, Seen]], now: datetime) -> Problem | None:
    """Why a file isn't put in force by itself: none of several rules is left in it, and all that's held would be freed.

    Such a file is more likely the wrong one than meant. One rule alone that is disabled or gone is taken at its word.
    """
    gone = {rule.name for rule in before.settings.ruleset.rules}
    if len(gone) == 1 or gone & {rule.name for rule in after.settings.ruleset.rules}:
        return None
    quiet = [(account, seen) for account, seen in held if _is_quiet(before.ruleset, account, seen, now)]
    if not quiet or any(_is_quiet(after.ruleset, account, seen, now) for account, seen in quiet):
        return None
    return after.settings.source.problem(
        ("rules",),
        f"none of the {len(gone)} rules in force is left, and all campaigns that are held paused ({len(quiet)}) would "
        "be given back at once; if that's meant, say so with SIGHUP (systemctl reload curfew)",
    )


def _is_quiet(ruleset: Ruleset, account: str, seen: Seen, now: datetime) -> bool:
    timeline = ruleset.timeline(account, seen.campaign, name=seen.name or None, folder=seen.folder)
    return timeline.span_at(now) is not None
