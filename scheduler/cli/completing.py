"""What the shell completes besides verbs and options: names that the file has, and campaigns that the ledger knows.

The tab key is pressed at any time: where the file or the ledger is missing or wrong, nothing is completed or said.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import click
from click.shell_completion import CompletionItem

from rules.source import MAX_BYTES, Source, SourceError, parse
from scheduler.contents import Contents
from scheduler.errors import LedgerError
from scheduler.ledger.location import place_of
from scheduler.texts import printable

_LONGEST: Final = 60

Items = list[CompletionItem[Any]]


def rules(context: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """The names of rules."""
    return _items(dict.fromkeys(rule.get("name", "") for rule in _rules(_source(context))), incomplete)


def accounts(context: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """The names of accounts."""
    return _items(dict.fromkeys(_source(context).mapping("accounts")), incomplete)


def calendars(context: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """The names of calendars."""
    return _items(dict.fromkeys(_source(context).mapping("calendars")), incomplete)


def campaigns(context: click.Context, _parameter: click.Parameter, incomplete: str) -> Items:
    """The ids of campaigns that the file names, and of those that the ledger knows, with their names."""
    source = _source(context)
    named: dict[int, str | None] = dict.fromkeys(_ids(source))
    return _items({**named, **_in_ledger(context, source.mapping("accounts"))}, incomplete)


def _items(found: Mapping[Any, str | None], incomplete: str) -> Items:
    return [
        CompletionItem(str(value), help=printable(remark)[:_LONGEST] if remark else None)
        for value, remark in found.items()
        if str(value).startswith(incomplete) and str(value).isprintable()
    ]


def _file(context: click.Context) -> Path:
    return Path(context.params.get("file") or ".")


def _content(context: click.Context) -> bytes:
    try:
        return Contents().read(_file(context), MAX_BYTES)
    except OSError:
        return b""


def _source(context: click.Context) -> Source:
    try:
        return parse(_content(context))
    except SourceError:
        return Source(None, (), None)


def _rules(source: Source) -> Iterator[dict[str, Any]]:
    rules = source.value.get("rules") if isinstance(source.value, dict) else None
    return (rule for rule in rules if isinstance(rule, dict)) if isinstance(rules, list) else iter(())


def _ids(source: Source) -> Iterator[int]:
    for rule in _rules(source):
        chosen = rule.get("campaigns")
        ids = chosen.get("ids") if isinstance(chosen, dict) else chosen
        yield from (each for each in (ids if isinstance(ids, list) else [ids]) if isinstance(each, int))


def _in_ledger(context: click.Context, accounts: Iterable[str]) -> dict[int, str]:
    """The campaigns of a ledger that is a file: nobody waits for a server at the tab key."""
    from scheduler.settings import ledger_of_content

    url = context.params.get("database") or ledger_of_content(_content(context), _file(context), os.environ)
    with suppress(ValueError, LedgerError):
        if url and isinstance(place_of(url), Path):
            # Only who has a ledger pays for reading it.
            from scheduler.ledger.database import Database
            from scheduler.ledger.work import every_campaign

            with Database(url).reading() as connection:
                found = [seen for account in accounts for seen in every_campaign(connection, account)]
            return {seen.campaign: seen.name for seen in found}
    return {}
