"""`curfew campaigns`: the accounts' campaigns, what selects them, and whether each can be resumed."""

import os
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import click

from rules.ruleset import Ruleset
from rules.words import NAME
from scheduler.cli import completing, online, options, output
from scheduler.cli.problems import problem_text
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.preflight import CheckedAccount, CheckedCampaign, problems_of
from scheduler.settings import Settings, load

COLUMNS: Final = (
    "account",
    "campaign",
    "campaign_name",
    "folder",
    "status",
    "rules",
    "quiet",
    "because",
    "until",
    "can_resume",
    "why_not",
    "prospect_timezone",
    "bounce_shield_at",
)
# From here on there's also room for weekdays.
_WIDE: Final = 110
_ANSWERS: Final = {True: "yes", False: "no", None: ""}


@click.command(name="campaigns")
@options.config
@options.database
@click.option("--account", metavar="NAME", shell_complete=completing.accounts, help="Only this account's.")
@click.option("--rule", metavar="NAME", shell_complete=completing.rules, help="Only those that this rule selects.")
@options.output_format("table", "json", "csv")
def command(file: Path, database: str | None, account: str | None, rule: str | None, form: str) -> int:
    """Show the campaigns of the accounts, what selects each, whether it's quiet now, and if it could be resumed.

    The API is asked for one list of each account, and about each campaign that is selected, for at most five minutes;
    nothing is changed. The exit code is 2 where a key is refused, and 1 where an account can't be asked.

    \b
    For programs, each campaign has these keys:
      account, campaign, campaign_name, folder, status   as the API has them; campaign is the id
      rules              the names of the rules that select it; none: it's left alone
      quiet, because     whether it's to be quiet now, by which rules and exceptions
      until              the window's end; where it isn't quiet, the next one's start; null where none is in sight
      can_resume         whether the API could resume it; null where it wasn't asked, or gave no answer
      why_not            why it couldn't be resumed, or why that isn't known
      prospect_timezone  whether its mail follows each prospect's own time zone
      bounce_shield_at   when Bounce Shield paused it last, as the API writes it

    \b
    Examples:
      curfew campaigns
      curfew campaigns --account acme --format json
      curfew campaigns --rule weekend
    """
    settings = load(file, os.environ, every_key=True)
    _check(settings, account, rule)
    checked = online.ask(settings, _accounts(settings, account, rule), rule=rule)
    now = utc_now()
    ruleset = options.overridden_by(settings, options.overrides_of(settings, database, now))
    rows = [
        _row(ruleset, campaign, now)
        for each in checked
        for campaign in each.campaigns
        if rule in (None, *campaign.rules)
    ]
    if form == "json":
        output.write_json(rows)
    elif form == "csv":
        click.echo(output.csv_text(COLUMNS, rows), nl=False)
    elif rows:
        _print(rows, settings)
    elif not any(each.fault for each in checked):
        click.echo("no campaigns")
    for line in _what_failed(settings, checked):
        click.echo(line, err=True)
    return online.exit_code(checked)


def _check(settings: Settings, account: str | None, rule: str | None) -> None:
    rules = options.rule_names(settings.document)
    for kind, name, known in (("account", account, list(settings.document.accounts)), ("rule", rule, rules)):
        if name is not None and name not in known:
            raise WrongUse(options.unknown(kind, name, known))


def _accounts(settings: Settings, account: str | None, rule: str | None) -> list[str]:
    """Whom to ask: a rule is for one account only."""
    document = settings.document
    owners = {document.account_of(spec) for spec in document.rules if rule in (None, spec.name)}
    return [name for name in document.accounts if account in (None, name) and (rule is None or name in owners)]


def _row(ruleset: Ruleset, campaign: CheckedCampaign, now: datetime) -> dict[str, Any]:
    decision = ruleset.timeline(campaign.account, campaign.id, name=campaign.name, folder=campaign.folder).decide(now)
    return {
        "account": campaign.account,
        "campaign": campaign.id,
        "campaign_name": campaign.name,
        "folder": campaign.folder,
        "status": campaign.status,
        "rules": list(campaign.rules),
        "quiet": decision.is_quiet,
        "because": list(decision.because),
        "until": decision.until,
        "can_resume": campaign.can_resume,
        "why_not": campaign.why_not,
        "prospect_timezone": campaign.prospect_timezone,
        "bounce_shield_at": campaign.bounce_shield_at,
    }


def _print(rows: Sequence[Mapping[str, Any]], settings: Settings) -> None:
    zone, has_accounts = settings.document.timezone, len(settings.document.accounts) > 1
    lines = [
        output.Row(
            (
                output.campaign(row),
                row["status"],
                _quiet(row, settings),
                _ANSWERS[row["can_resume"]],
                _selected_by(row),
            ),
            f"account {row['account']}" if has_accounts else "",
            "yellow" if row["why_not"] else "",
        )
        for row in rows
    ]
    output.print_table(("campaign", "status", f"quiet ({zone.key})", "resume", "selected by"), lines)


def _quiet(row: Mapping[str, Any], settings: Settings) -> str:
    until = output.moment(row["until"], settings.document.timezone)
    if output.console().width < _WIDE:
        # Without the weekday.
        until = until.partition(" ")[2]
    if row["quiet"]:
        return f"until {until}" if until else "no end in sight"
    return f"from {until}" if until else ""


def _selected_by(row: Mapping[str, Any]) -> str:
    remarks = [
        *(because for because in row["because"] if because.startswith(NAME)),
        f"can't be resumed: {row['why_not']}" if row["can_resume"] is False else row["why_not"],
        "mail follows each prospect's own time zone" if row["prospect_timezone"] else "",
    ]
    return "; ".join(part for part in (", ".join(row["rules"]), *remarks) if part)


def _what_failed(settings: Settings, checked: Sequence[CheckedAccount]) -> Iterator[str]:
    for account in checked:
        for problem in problems_of(settings.source, settings.document, account):
            if not problem.is_warning:
                yield problem_text(str(settings.file), problem, settings.content)
        if account.left_out:
            yield f"{account.account}: {account.left_out} campaigns that are selected weren't asked about"
