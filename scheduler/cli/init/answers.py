"""The questions, one by one: each takes the file as far as it's known, and gives it with the answer in it."""

import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from textwrap import wrap
from typing import Final

import click

from rules.calendars import (
    PublicHolidays,
    country_name,
    differing_subdivisions,
    find_country,
    find_subdivision,
    subdivision_names,
)
from rules.notation import nearest
from scheduler.cli import output
from scheduler.cli.init.asking import Questions
from scheduler.errors import WrongUse
from scheduler.first_file import NIGHT, WEEKEND, FirstFile, Span, problem_with
from scheduler.places import country_of, own_zones
from scheduler.preflight import CheckedCampaign
from scheduler.settings import Environment

_NONE: Final = "none"
_ALL: Final = "all"
_UNTIL: Final = " until "
_NO_BREAK: Final = "\N{NO-BREAK SPACE}"
_SHOWN: Final = 10
_WIDTH: Final = 100


def right(file: FirstFile) -> FirstFile:
    """The same file.

    Raises:
        ValueError: it's wrong; the text is that of `curfew check`.
    """
    problem = problem_with(file)
    if problem is not None:
        raise ValueError(problem)
    return file


def zone(questions: Questions, first: FirstFile, given: str | None, environment: Environment) -> FirstFile:
    """The time zone of the rules: proposed is this machine's."""
    own = (name for name in own_zones(environment) if problem_with(replace(first, timezone=name)) is None)
    return questions.ask(
        "Time zone in which the rules are meant, as in Europe/Warsaw",
        "--timezone",
        given,
        next(own, first.timezone),
        lambda answer: right(replace(first, timezone=answer)),
    )


def country(questions: Questions, first: FirstFile, given: str | None, part: str | None, today: date) -> FirstFile:
    """Whose public holidays count, and those of which part: proposed is the zone's country."""
    found = questions.ask(
        "Country whose public holidays count: its code or name, or none",
        "--country",
        given,
        _proposed_country(first.timezone),
        lambda answer: replace(first, country=None if answer.lower() == _NONE else find_country(answer)),
    )
    if found.country is None:
        if part is not None:
            raise WrongUse("--subdivision: goes with a country only")
        return found
    questions.say(country_name(found.country))
    found = _subdivision(questions, found, found.country, part, today)
    questions.say(_next_holiday(found, today))
    return found


def _proposed_country(zone: str) -> str:
    try:
        return find_country(country_of(zone) or _NONE)
    except ValueError:
        return _NONE


def _next_holiday(first: FirstFile, today: date) -> str:
    """For a person to see that these are the right ones."""
    holidays = PublicHolidays(country=first.country or "", subdivision=first.subdivision)
    days = {**holidays.days(today.year), **holidays.days(today.year + 1)}
    following = next((day for day in days if day >= today), None)
    return f"its next holiday: {following:%a %Y-%m-%d} {days[following]}" if following else "it has no next holiday"


def _subdivision(questions: Questions, first: FirstFile, country: str, given: str | None, today: date) -> FirstFile:
    if given is None:
        parts = differing_subdivisions(PublicHolidays(country=country), (today.year, today.year + 1))
        if not parts:
            return first
        _list_parts(questions, country, parts)
    return questions.ask(
        "Which part's count, too: its code or name, or none for what all of it has",
        "--subdivision",
        given,
        _NONE,
        lambda answer: replace(
            first, subdivision=None if answer.lower() == _NONE else find_subdivision(country, answer)
        ),
    )


def _list_parts(questions: Questions, country: str, parts: Sequence[str]) -> None:
    names = subdivision_names(country)
    # No line ends between a code and its name.
    listed = ", ".join(f"{part} {names.get(part, '')}".strip().replace(" ", _NO_BREAK) for part in parts)
    questions.say("Some parts of it have holidays of their own:")
    for line in wrap(listed, min(output.console().width, _WIDTH) - 4, break_on_hyphens=False):
        questions.say(f"  {line.replace(_NO_BREAK, ' ')}")


def campaigns(
    questions: Questions, first: FirstFile, given: str | None, known: Sequence[CheckedCampaign] | None
) -> FirstFile:
    """Which campaigns the rules are for: proposed are all."""
    if known and not questions.is_silent:
        rows = [output.Row((f"{each.id} {each.name}", each.status, each.folder or "")) for each in known[:_SHOWN]]
        click.echo()
        output.print_table(("campaign", "status", "folder"), rows)
        if len(known) > _SHOWN:
            click.echo(f"and {len(known) - _SHOWN} more, which `curfew campaigns` shows")
        click.echo()
    ids = None if known is None else [each.id for each in known]
    return questions.ask(
        "Which campaigns are the rules for: ids with commas between them, or all",
        "--campaigns",
        given,
        _ALL,
        lambda answer: replace(first, campaigns=() if answer.lower() == _ALL else _ids(answer, ids)),
    )


def _ids(answer: str, known: Sequence[int] | None) -> tuple[int, ...]:
    words = re.findall(r"[^\s,;]+", answer.strip("[]"))
    for word in words:
        if not re.fullmatch(r"[1-9]\d{0,17}", word, re.ASCII):
            raise ValueError(f"{word!r} isn't the id of a campaign; write ids, as in 1234567, 1234568, or all")
        if known is not None and int(word) not in known:
            raise ValueError(f"the account has no campaign {word}{nearest(word, map(str, known))}")
    if not words:
        raise ValueError("write ids, as in 1234567, 1234568, or all")
    return tuple(dict.fromkeys(map(int, words)))


def rules(
    questions: Questions, first: FirstFile, *, holidays: bool | None, weekends: bool | None, nights: bool | None
) -> FirstFile:
    """Which rules the file begins with."""
    if first.country is not None:
        part = f" ({first.subdivision})" if first.subdivision else ""
        name = f"{country_name(first.country)}{part}"
        is_wished = questions.confirm(f"Pause them on the public holidays of {name}", holidays, proposal=True)
        first = replace(first, on_holidays=is_wished)
    elif holidays:
        raise WrongUse("--holidays: needs a country")
    if questions.confirm("Pause them at weekends", weekends, proposal=True):
        first = _weekend(questions, first)
    if questions.confirm("Pause them at night, after working days", nights, proposal=False):
        first = _night(questions, first)
    return first


def _weekend(questions: Questions, first: FirstFile) -> FirstFile:
    return questions.ask(
        "  from when until when",
        "--weekends",
        None,
        _words(WEEKEND),
        lambda answer: right(replace(first, weekend=_span(answer))),
    )


def _night(questions: Questions, first: FirstFile) -> FirstFile:
    return questions.ask(
        "  from when until when",
        "--nights",
        None,
        _words(NIGHT),
        lambda answer: right(replace(first, night=_span(answer))),
    )


def _words(span: Span) -> str:
    return f"{span.start}{_UNTIL}{span.end}"


def _span(answer: str) -> Span:
    start, until, end = answer.partition(_UNTIL)
    if not until:
        raise ValueError(f"write it as in {_words(WEEKEND)}, or {_words(NIGHT)}")
    return Span(start.strip(), end.strip())
