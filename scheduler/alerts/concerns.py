"""What needs a person: a pure function of what the ledger and the daemon know now.

It's level-triggered, as the rest of Curfew is: a concern holds as long as its cause does, whoever has seen it begin.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from itertools import groupby
from typing import Any, Final

from rules.ruleset import Action
from scheduler.errors import KeyRefused, LedgerFault
from scheduler.restarts import wait_after
from scheduler.texts import brief, printable

# What has happened at one instant is told within this time, if nothing could be told then; later it's history.
LOOK_BACK: Final = timedelta(days=1)
_MOST_NAMED: Final = 3
_LONGEST_NAME: Final = 60


class Kind(StrEnum):
    """What may need a person, in the order in which it's told."""

    LEDGER_NOT_WRITABLE = "ledger not writable"
    HANGS = "hangs"
    KEY_REFUSED = "key refused"
    PAUSE_FAILED = "pause failed"
    PAUSE_FAILING = "pause failing"
    WINDOW_MISSED = "window missed"
    FILE_REJECTED = "file rejected"
    LEFT_PAUSED = "left paused"
    GIVEN_UP = "given up"
    RESUME_FAILING = "resume failing"
    CRASHING = "crashing"
    TOOK_OVER = "took over"
    PREFLIGHT = "preflight"
    ALERTS_FAILING = "alerts failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What's said of a kind: of one, of several ({}: how many), when it's over, and what a person does about it.

    `patience` is how long one must have lasted before it's told. A moment has happened and has no end.
    """

    one: str
    many: str
    over: str
    advice: str
    patience: timedelta = timedelta()
    is_moment: bool = False


_FIVE: Final = timedelta(minutes=5)
_ONE: Final = timedelta(minutes=1)

ABOUT: Final[Mapping[Kind, About]] = {
    Kind.LEDGER_NOT_WRITABLE: About(
        one="the ledger can't be written",
        many="the ledger can't be written ({} causes)",
        over="the ledger is written again, with all that was done meanwhile",
        advice="Pauses go out meanwhile, and are kept in memory; resumes wait. Don't stop the daemon before it's "
        "mended, or what it has done since is lost.",
        patience=_ONE,
    ),
    Kind.HANGS: About(
        one="a part of the daemon hangs",
        many="{} parts of the daemon hang",
        over="nothing hangs any more",
        advice="As a service it's started anew within minutes; otherwise restart it. Please report it with its log.",
    ),
    Kind.KEY_REFUSED: About(
        one="Woodpecker refuses the key of an account",
        many="Woodpecker refuses the keys of {} accounts",
        over="the key is taken again",
        advice="Nothing of the account is paused or resumed until then. See in Woodpecker whether the key is still "
        "there, and the API add-on paid for. `curfew check --online` tries it.",
    ),
    Kind.PAUSE_FAILED: About(
        one="Woodpecker refuses to pause a campaign, which may be sending",
        many="Woodpecker refuses to pause {} campaigns, which may be sending",
        over="paused by now, or not wanted any more",
        advice="Pause by hand, in Woodpecker: the error says what keeps the API from it. Curfew asks again, less and "
        "less often, until the window ends.",
        patience=_ONE,
    ),
    Kind.PAUSE_FAILING: About(
        one="a campaign can't be paused, and may be sending",
        many="{} campaigns can't be paused, and may be sending",
        over="paused by now, or not wanted any more",
        advice="If it matters now, pause by hand, in Woodpecker. Curfew goes on trying until the window ends; "
        "`curfew status` has the errors.",
        patience=_FIVE,
    ),
    Kind.WINDOW_MISSED: About(
        one="a quiet window was missed",
        many="{} quiet windows were missed",
        over="",
        advice="Mail may have been sent in it. `curfew audit --outcome missed`, and `--outcome failed`, have each "
        "campaign.",
        patience=_ONE,
        is_moment=True,
    ),
    Kind.FILE_REJECTED: About(
        one="the file of rules is wrong",
        many="{} files of rules are wrong",
        over="the file of rules is right again",
        advice="`curfew check` shows every mistake. The rules loaded before stay in force.",
        patience=timedelta(minutes=2),
    ),
    Kind.LEFT_PAUSED: About(
        one="a campaign stays paused until a person resumes it",
        many="{} campaigns stay paused until a person resumes them",
        over="not paused any more",
        advice="Curfew won't do it any more. Resume by hand, in Woodpecker, what may run; where Bounce Shield has "
        "stopped a campaign, see first why so much has bounced.",
        patience=_ONE,
    ),
    Kind.GIVEN_UP: About(
        one="what was paused for an account that is gone from the file stays paused",
        many="what was paused for {} accounts that are gone from the file stays paused",
        over="",
        advice="Resume the campaigns in Woodpecker; nobody else will.",
        is_moment=True,
    ),
    Kind.RESUME_FAILING: About(
        one="a campaign can't be resumed so far",
        many="{} campaigns can't be resumed so far",
        over="resumed by now, or left to you",
        advice="It's tried for 24 hours. If it matters now, resume by hand, in Woodpecker.",
        patience=timedelta(minutes=15),
    ),
    Kind.CRASHING: About(
        one="the daemon ends without a word, again and again",
        many="the daemon ends without a word, again and again",
        over="the daemon has lasted for ten minutes",
        advice="See the end of the log before each start: journalctl -u curfew",
    ),
    Kind.TOOK_OVER: About(
        one="another machine has taken over",
        many="another machine has taken over, {} times",
        over="",
        advice="Curfew goes on. See what has happened to the machine before; until it's back, nobody stands by.",
        is_moment=True,
    ),
    Kind.PREFLIGHT: About(
        one="rules don't fit the campaigns of an account",
        many="rules don't fit the campaigns of {} accounts",
        over="the rules fit the campaigns",
        advice="`curfew check --online` shows all of it, each with its place in the file.",
    ),
    Kind.ALERTS_FAILING: About(
        one="alerts aren't taken",
        many="alerts aren't taken in {} places",
        over="alerts are taken again",
        advice="The log says why. `curfew alert --test` tries each.",
        patience=_FIVE,
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Concern:
    """Something that needs a person: what kind of thing, what it's about, and since when, as far as is known.

    `text` is one line, unable to forge another. `replaces` are other concerns that end with this one's beginning, of
    whose end nothing need be said.
    """

    kind: Kind
    subject: str
    text: str
    since: datetime
    replaces: frozenset[tuple[Kind, str]] = field(default=frozenset(), repr=False)


Row = Mapping[str, Any]
_FAILING: Final = (Kind.PAUSE_FAILED, Kind.PAUSE_FAILING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What is known now; the rows are those of `scheduler.ledger`, and what isn't there needs nobody."""

    failing: Sequence[Row] = ()
    # Those that the API has refused: account, campaign and action.
    refused: Collection[tuple[str, int, str]] = ()
    left: Sequence[Row] = ()
    missed: Sequence[Row] = ()
    given_up: Sequence[Row] = ()
    preflights: Sequence[Row] = ()
    took_over: Sequence[Row] = ()
    crashes: int = 0
    host: str = ""
    rejected: str | None = None
    file: str = ""
    resting: Sequence[str] = ()
    fault: LedgerFault | None = None
    hanging: Sequence[str] = ()
    untaken: Mapping[str, str] = field(default_factory=dict)


def concerns_of(facts: Facts, zone: tzinfo, now: datetime) -> Iterator[Concern]:
    """Everything that needs a person now; times in texts are those of the zone."""
    if facts.fault is not None:
        yield Concern(kind=Kind.LEDGER_NOT_WRITABLE, subject="ledger", text=brief(str(facts.fault)), since=now)
    for loop in facts.hanging:
        yield Concern(kind=Kind.HANGS, subject=loop, text=printable(loop), since=now)
    yield from _refused(facts, now)
    yield from _failing(facts)
    yield from _missed(facts, zone)
    if facts.rejected is not None:
        yield Concern(kind=Kind.FILE_REJECTED, subject=facts.file, text=brief(facts.rejected), since=now)
    yield from _left(facts, zone)
    if wait_after(facts.crashes):
        text = f"{facts.crashes} starts within ten minutes on {printable(facts.host)}"
        yield Concern(kind=Kind.CRASHING, subject=facts.host, text=text, since=now)
    for row in facts.took_over:
        text = f"from {printable(row['details'].get('from'))}, with {row['details'].get('interrupted')} calls cut off"
        yield Concern(kind=Kind.TOOK_OVER, subject=f"{row['at']:%Y-%m-%dT%H:%M:%S.%fZ}", text=text, since=row["at"])
    yield from _preflights(facts)
    for target, why in facts.untaken.items():
        yield Concern(kind=Kind.ALERTS_FAILING, subject=target, text=f"{target}: {brief(why)}", since=now)


def _refused(facts: Facts, now: datetime) -> Iterator[Concern]:
    errors = dict.fromkeys(facts.resting, "")
    for row in facts.failing:
        if _is_refused(row):
            errors[row["account"]] = f": {_short(row['error'])}"
    for account, error in sorted(errors.items()):
        yield Concern(kind=Kind.KEY_REFUSED, subject=account, text=f"{printable(account)}{error}", since=now)


def _is_refused(row: Row) -> bool:
    """Whether it's the account's matter, and no campaign's."""
    return row["http_status"] in KeyRefused.http_statuses


def _failing(facts: Facts) -> Iterator[Concern]:
    for row in facts.failing:
        kind = _kind(row, is_final=(row["account"], row["campaign"], row["action"]) in facts.refused)
        if kind is not None:
            subject, text = _subject(row), f"{_campaign(row)}: {_short(row['error'])}"
            replaces = frozenset({(Kind.PAUSE_FAILING, subject)} if kind is Kind.PAUSE_FAILED else ())
            yield Concern(kind=kind, subject=subject, text=text, since=row["since"], replaces=replaces)


def _kind(row: Row, *, is_final: bool) -> Kind | None:
    if _is_refused(row):
        return None
    if row["action"] == Action.PAUSE:
        return Kind.PAUSE_FAILED if is_final else Kind.PAUSE_FAILING
    # A resume that was refused is left to a person, and told as that until they act.
    return None if is_final else Kind.RESUME_FAILING


def _missed(facts: Facts, zone: tzinfo) -> Iterator[Concern]:
    """One for each window of some rules: what was missed of it by all campaigns together."""

    def window(row: Row) -> tuple[str, list[str], datetime]:
        return row["account"], row["rules"], row["expires_at"]

    for (account, rules, end), group in groupby(sorted(facts.missed, key=window), window):
        rows = list(group)
        start = min(row["due_at"] for row in rows)
        shown = f"{', '.join(map(printable, rules))}: {local(start, zone)} until {local(end, zone)}"
        yield Concern(
            kind=Kind.WINDOW_MISSED,
            subject=f"{account} {'+'.join(rules)} {end:%Y-%m-%dT%H:%M:%SZ}",
            text=f"{shown}, for {_campaigns(rows)}: {_short(rows[0]['reason'])}",
            since=max(row["missed_at"] for row in rows),
            replaces=frozenset((kind, _subject(row)) for row in rows for kind in _FAILING),
        )


def _left(facts: Facts, zone: tzinfo) -> Iterator[Concern]:
    for row in facts.left:
        yield Concern(
            kind=Kind.LEFT_PAUSED,
            subject=_subject(row),
            text=f"{_campaign(row)}: {_short(row['because'])}",
            since=row["since"],
            replaces=frozenset({(Kind.RESUME_FAILING, _subject(row))}),
        )

    def gone(row: Row) -> tuple[str, datetime]:
        return row["account"], row["missed_at"]

    for (account, at), group in groupby(sorted(facts.given_up, key=gone), gone):
        text = f"{printable(account)}: {_campaigns(list(group))}, since {local(at, zone)}"
        yield Concern(kind=Kind.GIVEN_UP, subject=f"{account} {at:%Y-%m-%dT%H:%M:%S.%fZ}", text=text, since=at)


def _preflights(facts: Facts) -> Iterator[Concern]:
    for row in facts.preflights:
        # The rest says that the account couldn't be asked, which is told where it matters.
        said = [each for each in row["details"].get("said", ()) if ": warning: " in each]
        if said:
            more = f" (and {len(said) - 1} more)" if len(said) > 1 else ""
            text = f"{printable(row['account'])}: {_short(said[0].replace(': warning: ', ': '))}{more}"
            yield Concern(kind=Kind.PREFLIGHT, subject=row["account"], text=text, since=row["at"])


def _subject(row: Row) -> str:
    return f"{row['account']}/{row['campaign']}"


def _campaign(row: Row) -> str:
    name = printable(row["campaign_name"])
    return f"{printable(row['account'])}/{row['campaign']} {_cut(name, _LONGEST_NAME)}".rstrip()


def _campaigns(rows: Sequence[Row]) -> str:
    """How many they are, and a few of them."""
    first: dict[int, Row] = {}
    for row in rows:
        first.setdefault(row["campaign"], row)
    named = [_campaign(each) for each in list(first.values())[:_MOST_NAMED]]
    more = [f"and {len(first) - _MOST_NAMED} more"] if len(first) > _MOST_NAMED else []
    number = "1 campaign" if len(first) == 1 else f"{len(first)} campaigns"
    return f"{number} ({', '.join([*named, *more])})"


def _short(text: str | None) -> str:
    return _cut(brief(text or "no reason is known"), 2 * _LONGEST_NAME)


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"


def local(at: datetime, zone: tzinfo) -> str:
    """An instant as people of a zone write it, to the minute: `Fri 2026-11-27 17:00`."""
    return f"{at.astimezone(zone):%a %Y-%m-%d %H:%M}"
