"""What the verbs that make an exception share: who says so, why, and where it's kept."""

import getpass
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from rules.notation import FIRST_YEAR, LAST_YEAR, nearest
from rules.overrides import Override, OverrideKind
from rules.ruleset import Rule, Ruleset, Timeline
from scheduler.cli import options, output
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.ledger.database import Database
from scheduler.ledger.overrides import add_override, overrides_in_mind
from scheduler.ledger.reports import accounts_with
from scheduler.ledger.right import who_works_on
from scheduler.ledger.work import every_campaign
from scheduler.settings import Settings, load
from scheduler.texts import printable

_LONGEST_TEXT: Final = 200


def options_of_an_exception(command: Callable[..., Any]) -> Callable[..., Any]:
    """`--reason` and `--by`, with the file and the ledger."""
    for option in (
        click.option(
            "--by",
            "author",
            metavar="NAME",
            envvar="CURFEW_AUTHOR",
            show_envvar=True,
            help="Who says so.  [default: you]",
        ),
        click.option("--reason", default="", help="Why, for the journal and for whoever asks."),
        options.database,
        options.config,
    ):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """Where exceptions are made: the file, the ledger, the rules with the exceptions so far, and now."""

    settings: Settings
    ledger: Database
    ruleset: Ruleset
    now: datetime

    @property
    def zone(self) -> ZoneInfo:
        """The file's zone."""
        return self.settings.document.timezone

    def rule(self, name: str) -> tuple[Rule, Timeline]:
        """A rule that is in force, and what it says taken alone."""
        names = options.rule_names(self.settings.document)
        if name not in names:
            raise WrongUse(options.unknown("rule", name, names))
        found = next((rule for rule in self.ruleset.rules if rule.name == name), None)
        if found is None:
            raise WrongUse(f"rule {name!r} isn't enabled")
        return found, self.ruleset.alone(name)

    def account(self, given: str | None) -> str:
        """The account meant: the one given, or the only one."""
        known = list(self.settings.document.accounts)
        if given is None and len(known) > 1:
            raise WrongUse(f"say whose campaign it is with --account: {', '.join(known)}")
        if given is not None and given not in known:
            raise WrongUse(options.unknown("account", given, known))
        return given or known[0]

    def warn_if_unknown(self, account: str, campaign: int) -> None:
        """Say on standard error where neither a list nor the file has a campaign: no error, since it may be new."""
        if any(campaign in rule.selector.ids for rule in self.settings.ruleset.rules if rule.account == account):
            return
        with self.ledger.reading() as connection:
            known = [str(seen.campaign) for seen in every_campaign(connection, account)]
            others = [name for name in accounts_with(connection, campaign) if name != account]
        if known and str(campaign) not in known:
            hint = f"; account {others[0]} has it" if others else nearest(str(campaign), known)
            click.echo(
                printable(f"curfew: no list of account {account} has shown a campaign {campaign}{hint}"), err=True
            )

    def instant(self, text: str, zone: ZoneInfo) -> datetime:
        """An end that's still to come, as wall time of a zone."""
        found = options.instant(text, zone, is_end=True) or self.now
        if found <= self.now:
            raise WrongUse(f"--until ({output.local(found, zone)}) is over already")
        return found

    def make(self, kind: OverrideKind, start: datetime, end: datetime, **whom: Any) -> None:
        """Record an exception, and say what it is and how to take it back."""
        self.record([Override(id=0, kind=kind, starts_at=start, ends_at=end, **whom)])

    def record(self, new: Sequence[Override]) -> None:
        """Record exceptions, all of them or none, and say what they are and how to take them back."""
        now = utc_now()
        with self.ledger.writing() as connection:
            made = [add_override(connection, each, now) for each in new]
        zones = {rule.name: rule.zone for rule in self.ruleset.rules}
        for each in made:
            zone = zones.get(each.rule or "", self.zone)
            span = f"{output.local(each.starts_at, zone)} until {output.local(each.ends_at, zone)}"
            output.write_line(printable(f"{each}: {span}"))
        acted = "the daemon acts on it within seconds" if who_works_on(self.ledger).holder else "no daemon runs now"
        back = f"curfew overrides --revoke {made[0].id}" if len(made) == 1 else "curfew undo"
        click.echo(f"{acted}; take it back with: {back}")


def desk(file: Path, database: str | None) -> Desk:
    """Open the file and the ledger.

    Raises:
        LedgerError: there's no ledger, or it's of another version.
    """
    settings, now = load(file), utc_now()
    ledger = Database(options.ledger_url(settings, database))
    with ledger.reading() as connection:
        ruleset = options.overridden_by(settings, overrides_in_mind(connection, now))
    return Desk(settings=settings, ledger=ledger, ruleset=ruleset, now=now)


def author_of(given: str | None) -> str:
    """Who says so: as given, else the system's user."""
    try:
        name = given or getpass.getuser()
    except (KeyError, OSError):
        # A container may run as a user that nobody has named.
        raise WrongUse("the system doesn't say who you are; use --by NAME") from None
    return _short(name, "--by")


def reason_of(given: str) -> str:
    """Why, as one line."""
    return _short(given, "--reason") if given else ""


def _short(text: str, option: str) -> str:
    if len(text) > _LONGEST_TEXT or not text.isprintable() or not text.strip():
        raise WrongUse(f"{option} must be one line of 1 to {_LONGEST_TEXT} letters, without control characters")
    return text


def day_of(text: str, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """A date of a zone as the instants at which it begins and ends."""
    try:
        day = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=None)  # noqa: DTZ007 -- wall time of the zone
    except ValueError:
        raise WrongUse(f"{text!r} isn't a date; write YYYY-MM-DD, as in 2026-12-24") from None
    if not FIRST_YEAR <= day.year < LAST_YEAR:
        raise WrongUse(f"the year of {text!r} isn't between {FIRST_YEAR} and {LAST_YEAR - 1}")
    start, end = (options.instant(each.isoformat(), zone) for each in (day, day + timedelta(days=1)))
    return start or day.replace(tzinfo=UTC), end or day.replace(tzinfo=UTC)
