"""A first file of rules, with remarks for the person who goes on from it: pure, from a few answers to its text."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from rules.calendars import country_name
from rules.document import DEFAULT_BASE_URL, read
from rules.source import SourceError, parse

VARIABLE: Final = "WOODPECKER_API_KEY"
KEY_NAME: Final = "api-key"
ACCOUNT: Final = "main"
CALENDAR: Final = "holidays"
# What needs no quotes in YAML, here as in a flow mapping, and means nothing but itself.
_PLAIN: Final = re.compile(r"[A-Za-z][\w/+-]*( \d{1,2}:\d{2})?|\d{1,2}:\d{2}", re.ASCII)
# Words of YAML 1.1 that other programs take for something else, such as the code of Norway.
_TAKEN: Final = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


class KeyPlace(StrEnum):
    """Where the file says that the key is."""

    VARIABLE = "variable"
    FILE = "file"
    CREDENTIAL = "credential"


@dataclass(frozen=True, slots=True)
class Span:
    """From when until when, as the file writes it."""

    start: str
    end: str


WEEKEND: Final = Span("Fri 17:00", "Mon 08:00")
NIGHT: Final = Span("18:00", "08:00")


@dataclass(frozen=True, slots=True, kw_only=True)
class FirstFile:
    """What a person has answered. Without campaigns the rules are for all; what wasn't wished is there as a remark.

    `database` is None for the default, beside the file.
    """

    timezone: str
    key: KeyPlace = KeyPlace.FILE
    base_url: str = DEFAULT_BASE_URL
    database: str | None = None
    country: str | None = None
    subdivision: str | None = None
    campaigns: tuple[int, ...] = ()
    on_holidays: bool = False
    weekend: Span | None = None
    night: Span | None = None


def problem_with(file: FirstFile) -> str | None:
    """What `curfew check` would say of it first; None if it's right."""
    try:
        read(parse(text_of(file).encode("utf-8", "replace")))
    except SourceError as error:
        return error.problems[0].message
    return None


def text_of(file: FirstFile) -> str:
    """The whole file."""
    return "\n".join([*_head(file), *_accounts(file), *_calendars(file), *_rules(file), ""])


def _head(file: FirstFile) -> Iterator[str]:
    yield from (
        "# Curfew's file of rules, begun by `curfew init`. After an edit:",
        "#   curfew check    says what's wrong with it, with line and column",
        "#   curfew plan     says what it means: who is paused when, and because of what",
        "# A daemon that runs takes it up by itself, within seconds, if it's right.",
        "# To have your editor help: curfew schema > curfew.schema.json, and name that in the first line, as in",
        "# `# yaml-language-server: $schema=curfew.schema.json`.",
        "",
        "# The zone in which the times below are meant; a rule may have its own.",
        f"timezone: {_scalar(file.timezone)}",
        "",
        "# Where the ledger is: what was done, and what is owed. It's also what `curfew audit` reads.",
    )
    if file.database is None:
        yield "# Without this line it's curfew.db, beside this file."
        yield "# database: sqlite:////var/lib/curfew/curfew.db"
    else:
        yield f"database: {file.database}"
    yield ""


_KEYS: Final = {
    KeyPlace.VARIABLE: (f"api_key: ${{{VARIABLE}}}", "the key is in this variable of the environment, and not here"),
    KeyPlace.FILE: (f"api_key_file: {KEY_NAME}", "a file beside this one, which holds the key and nothing else"),
    KeyPlace.CREDENTIAL: (f"credential: {KEY_NAME}", "systemd reads the key from a file that only root can read"),
}


def _accounts(file: FirstFile) -> Iterator[str]:
    line, remark = _KEYS[file.key]
    yield from (
        "# Whose campaigns these are. With several accounts, each rule says which one it's for (account: NAME).",
        "accounts:",
        f"  {ACCOUNT}:",
        _with_remark(f"    {line}", remark),
        _with_remark("    # company_id: 98765", "for one client of an agency; the key is then the head office's"),
    )
    if file.base_url != DEFAULT_BASE_URL:
        yield _with_remark(f"    base_url: {_scalar(file.base_url)}", "where the API is; Woodpecker's own without this")
    yield ""


def _calendars(file: FirstFile) -> Iterator[str]:
    if file.country is None:
        yield from (
            "# Named sets of days, for `on` and `except` below.",
            "# calendars:",
            f"#   {CALENDAR}: {{country: PL}}    # a country's public holidays, by its two-letter code",
            "#   company: {dates: [2026-12-24, 2026-12-28/2026-12-31]}",
            "",
        )
        return
    name = country_name(file.country)
    yield from (
        f"# Named sets of days, for `on` and `except` below. `curfew calendar {CALENDAR}` shows which days these are.",
        "calendars:",
        f"  {CALENDAR}:",
        _with_remark(f"    country: {_scalar(file.country)}", f"the public holidays of {name}"),
    )
    if file.subdivision is not None:
        yield _with_remark(f"    subdivision: {_scalar(file.subdivision)}", "and those of this part of it")
    yield from (
        _with_remark("    # extra: [2026-12-24]", "one more day"),
        _with_remark("    # except: [2026-12-26]", "without this one; names work, too"),
        "  # company: {dates: [2026-12-24, 2026-12-28/2026-12-31]}",
        "",
    )


@dataclass(frozen=True, slots=True)
class _Rule:
    """A rule of the file, or, where nobody wished for it, a remark that shows it."""

    remark: str
    name: str
    pause: str
    is_wished: bool


def _rules(file: FirstFile) -> Iterator[str]:
    yield from (
        "# What is paused when: of these campaigns, those that run. Where several rules are for one, it's paused while",
        "# any of them says so. What Curfew has paused itself is resumed after that, and nothing else is.",
        "# Campaigns can also be chosen so: {folders: [EMEA], names: ['DE *'], except: [1234567]}",
        "rules:",
    )
    campaigns = f"[{', '.join(map(str, file.campaigns))}]" if file.campaigns else "all"
    wishes = _wishes(file)
    # A file needs a rule. Without a wish it's one that doesn't count yet.
    has_any = any(rule.is_wished for rule in wishes)
    for rule in wishes:
        is_there = rule.is_wished or (not has_any and rule.name == "weekend")
        mark = "" if is_there else "# "
        yield f"  # {rule.remark}{'' if is_there else ' Not in force; it is when the # before each line is gone.'}"
        yield f"  {mark}- name: {rule.name}"
        yield f"  {mark}  campaigns: {campaigns}"
        yield f"  {mark}  pause: {rule.pause}"
        if is_there and not rule.is_wished:
            yield _with_remark("    enabled: false", "not in force; without this line it is")
        if rule is not wishes[-1]:
            yield ""


def _wishes(file: FirstFile) -> list[_Rule]:
    weekend, night = (_span(span) for span in (file.weekend or WEEKEND, file.night or NIGHT))
    found = [
        _Rule("Every week.", "weekend", f"{{{weekend}}}", file.weekend is not None),
        _Rule("The night after each of these days.", "nights", f"{{on: mon-fri, {night}}}", file.night is not None),
    ]
    if file.country is not None:
        whole = _Rule(
            "Whole days, from midnight to midnight.", "public-holidays", f"{{on: {CALENDAR}}}", file.on_holidays
        )
        found.insert(0, whole)
    return found


def _span(span: Span) -> str:
    return f"from: {_scalar(span.start)}, until: {_scalar(span.end)}"


def _with_remark(text: str, remark: str) -> str:
    return f"{text:<38}  # {remark}"


def _scalar(text: str) -> str:
    """A text as YAML, also for those who read it as YAML 1.1."""
    is_plain = _PLAIN.fullmatch(text) and text.lower() not in _TAKEN
    return text if is_plain else json.dumps(text, ensure_ascii=False)
