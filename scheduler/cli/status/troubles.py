"""What isn't as it should be: each with since when, and what a person does about it. Pure."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from itertools import groupby
from typing import Any, Final

from scheduler.alerts.concerns import ABOUT, Kind
from scheduler.cli import output
from scheduler.cli.status.facts import Facts
from scheduler.errors import KeyRefused

_TO_DO: Final = {
    "pause": "they run although they should be quiet: pause them in Woodpecker if it matters now",
    "resume": "each is tried again for a day; see what the error says",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Trouble:
    """One thing; `remark` is the rest of its sentence, and `details` are lines about it."""

    what: str
    since: datetime | None
    to_do: str
    remark: str = ""
    details: Sequence[str] = ()


# What the ledger's own rows say, and newer ones than the daemon's last look.
_SAID: Final = {
    *(Kind.PAUSE_FAILED, Kind.PAUSE_FAILING, Kind.RESUME_FAILING),
    *(Kind.FILE_REJECTED, Kind.LEFT_PAUSED),
}
_Row = Mapping[str, Any]
_Names = Callable[[Sequence[_Row]], str]


def troubles(facts: Facts, *, most_named: int | None = None) -> list[Trouble]:
    """All of them, the worst first; of many campaigns in one, only some are named (None: all)."""
    names = partial(_names, most=most_named)
    known = [*_life(facts), *_keys(facts), *_failing(facts, names), *_file(facts), *_left(facts, names)]
    return [*known, *_concerns(facts)]


def _life(facts: Facts) -> Iterator[Trouble]:
    owed = f"{output.counted(len(facts.held), 'campaign')} to be given back" if facts.held else ""
    if facts.is_late:
        yield Trouble(
            what="nothing was recorded",
            since=facts.last_tick_at,
            remark="it hangs, or can't write the ledger",
            to_do="its log says which: journalctl -u curfew -e",
        )
    elif facts.is_alive:
        return
    elif facts.daemon is None:
        to_do = "start it: curfew run, or as a service: curfew service --install"
        yield Trouble(what="no daemon has used this ledger yet", since=None, to_do=to_do)
    elif facts.daemon.stopped_at:
        to_do = "start it: systemctl start curfew, or curfew run"
        yield Trouble(what="the daemon was stopped", since=facts.daemon.stopped_at, remark=owed, to_do=to_do)
    else:
        to_do = "its log says why: journalctl -u curfew -e; then start it"
        sign = facts.last_tick_at or facts.daemon.started_at
        yield Trouble(what="the daemon ended without a word", since=sign, remark=owed, to_do=to_do)


def _keys(facts: Facts) -> Iterator[Trouble]:
    refused = [each for each in facts.failing if each["http_status"] in KeyRefused.http_statuses]
    for account, changes in _by(refused, lambda change: str(change["account"])):
        yield Trouble(
            what=f"the key of account {account} is refused",
            since=min(each["since"] for each in changes),
            remark=f"{output.counted(len(changes), 'change')} to be made",
            details=[str(changes[0]["error"])],
            to_do="put a valid key in its place; it's tried again every five minutes, and when the file is loaded",
        )


def _failing(facts: Facts, names: _Names) -> Iterator[Trouble]:
    others = [each for each in facts.failing if each["http_status"] not in KeyRefused.http_statuses]
    for action, changes in _by(others, lambda change: str(change["action"])):
        yield Trouble(
            what=f"{output.counted(len(changes), action)} {'fails' if len(changes) == 1 else 'fail'}",
            since=min(each["since"] for each in changes),
            details=[f"{names(group)}: {error}" for error, group in _by(changes, _error)],
            to_do=_TO_DO[action],
        )


def _error(change: _Row) -> str:
    return f"{change['error']}{'' if change['next_attempt_at'] else ' (given up)'}"


def _file(facts: Facts) -> Iterator[Trouble]:
    to_do = "mend it; curfew check shows each mistake"
    if facts.rejected is not None:
        number = output.counted(facts.rejected.number, "mistake")
        yield Trouble(
            what="the file was rejected",
            since=facts.rejected.since,
            remark=f"{number}; the rules loaded before stay in force",
            details=facts.rejected.problems,
            to_do=to_do,
        )
    elif facts.settings is None:
        yield Trouble(what="the file is wrong by now", since=None, to_do=to_do)


def _left(facts: Facts, names: _Names) -> Iterator[Trouble]:
    if facts.left:
        yield Trouble(
            what=f"{output.counted(len(facts.left), 'campaign')} left paused",
            since=min(each["since"] for each in facts.left),
            details=[f"{names(group)}: {why}" for why, group in _by(facts.left, lambda left: str(left["because"]))],
            to_do="look at each in Woodpecker, and resume it there; it's forgotten here then",
        )


def _concerns(facts: Facts) -> Iterator[Trouble]:
    """What else the daemon has found, and alerts tell of."""
    refused = {each["account"] for each in facts.failing if each["http_status"] in KeyRefused.http_statuses}
    others = [
        each
        for each in facts.concerns
        if each["kind"] not in _SAID and not (each["kind"] == Kind.KEY_REFUSED and each["subject"] in refused)
    ]
    for kind, rows in _by(others, lambda concern: str(concern["kind"])):
        about = ABOUT[Kind(kind)]
        yield Trouble(
            what=about.one if len(rows) == 1 else about.many.format(len(rows)),
            # What has happened says itself when that was.
            since=None if about.is_moment else min(each["since"] for each in rows),
            details=[each["text"] for each in rows],
            to_do=about.advice,
        )


def _by(rows: Iterable[_Row], key: Callable[[_Row], str]) -> Iterator[tuple[str, list[_Row]]]:
    return ((value, list(group)) for value, group in groupby(sorted(rows, key=key), key=key))


def _names(campaigns: Sequence[_Row], *, most: int | None) -> str:
    shown = ", ".join(output.campaign(each) for each in campaigns[:most])
    return shown if most is None or len(campaigns) <= most else f"{shown} and {len(campaigns) - most:,} more"
