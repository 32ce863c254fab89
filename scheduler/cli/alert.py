"""`curfew alert`: what needs a person now, and whether alerts arrive."""

import asyncio
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click

from scheduler.cli import options, output
from scheduler.errors import NotTaken, WrongFile, WrongUse
from scheduler.notify import Target, wrong_address
from scheduler.settings import Alerts, Settings, load
from scheduler.texts import printable

_Row = dict[str, Any]


@click.command(name="alert")
@options.config
@options.database
@click.option("--test", "is_test", is_flag=True, help="Send a message to each target, and call the ping.")
@options.output_format("text", "json")
def command(file: Path, database: str | None, is_test: bool, form: str) -> int:
    """Show what needs a person now, since when, and whether that was told; or try whether alerts arrive.

    With --test, each target that the file names under `alerts` is sent a message, and its ping is called; the exit code
    is 1 where one of them doesn't take it. No ledger is needed for that.

    \b
    Examples:
      curfew alert --config /etc/curfew/curfew.yaml
      curfew alert --test
    \b
    With the credentials of the service, as root:
      CREDENTIALS_DIRECTORY=/etc/curfew curfew alert --test --config /etc/curfew/curfew.yaml
    """
    if is_test:
        return _test(file, form)
    settings, url = options.ledger_of(file, database)
    # Who only tests needs none of it.
    from scheduler.ledger.concerns import open_concerns
    from scheduler.ledger.database import Database
    from scheduler.ledger.right import who_works_on

    ledger = Database(url)
    with ledger.reading() as connection:
        found = open_concerns(connection)
    if who_works_on(ledger).holder is None:
        click.echo("no daemon works now: this is what the last one has found (curfew status)", err=True)
    if form == "json":
        output.write_json(found)
    else:
        _print(found, settings.document.timezone if settings else ZoneInfo("UTC"))
    return 0


def _print(found: Sequence[Mapping[str, Any]], zone: ZoneInfo) -> None:
    if not found:
        click.echo("nothing needs a person")
        return
    rows = [
        output.Row(
            (output.clock(each["since"], zone), each["kind"], output.moment(each["told_at"], zone), each["text"]),
            output.day(each["since"], zone),
        )
        for each in found
    ]
    output.print_table(("since", "what", "told", "which"), rows, cut="what")
    for advice in dict.fromkeys(f"{each['kind']}: {each['what_to_do']}" for each in found):
        click.echo(f"\n{advice}")


def _test(file: Path, form: str) -> int:
    settings = load(file, os.environ, check_address=wrong_address)
    unknown = [replace(each, is_note=False) for each in settings.unchecked if each.path.startswith("alerts")]
    if unknown:
        raise WrongFile(str(file), tuple(unknown), settings.content)
    alerts = settings.alerts
    if not alerts.to and alerts.ping is None:
        raise WrongUse(f"{file} has no alerts; docs/operations.md says how to set them up")
    rows = asyncio.run(_try_all(settings, alerts))
    if form == "json":
        output.write_json(rows)
    for row in rows if form == "text" else ():
        click.echo(printable(f"{row['target']}: {'taken' if row['is_taken'] else 'not taken: ' + row['why']}"))
    return 0 if all(row["is_taken"] for row in rows) else 1


async def _try_all(settings: Settings, alerts: Alerts) -> list[_Row]:
    found = [_try(settings, Target(address)) for address in alerts.to]
    return [*await asyncio.gather(*found), *([await _try_ping(alerts.ping.url)] if alerts.ping else [])]


async def _try(settings: Settings, target: Target) -> _Row:
    from scheduler.alerts.messages import Sender, test_message

    sender = Sender(socket.gethostname(), str(settings.file.absolute()), settings.document.timezone)
    try:
        await target.send(test_message(sender))
    except NotTaken as error:
        return {"target": target.name, "is_taken": False, "why": str(error)}
    return {"target": target.name, "is_taken": True, "why": None}


async def _try_ping(url: str) -> _Row:
    # Its library costs more than all the rest.
    from scheduler import ping

    why = await ping.try_once(url)
    return {"target": ping.NAME, "is_taken": why is None, "why": why}
