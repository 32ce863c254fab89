"""`curfew db`: the ledger."""

from datetime import timedelta
from pathlib import Path
from typing import Final

import click

from rules.notation import parse_duration
from scheduler import backups, pruning, schema
from scheduler.cli import options, output
from scheduler.clock import utc_now
from scheduler.errors import WrongUse
from scheduler.ledger.database import Database
from scheduler.ledger.soundness import Soundness, look_through
from scheduler.texts import printable

_LONGEST_KEPT: Final = timedelta(days=100 * 365)


@click.group(name="db")
def command() -> None:
    """Look after the ledger.

    \b
    Examples:
      curfew db backup /var/backups/curfew-2026-11-27.db
      curfew db check
      curfew db prune --keep 400d
      curfew db upgrade --database sqlite:////var/lib/curfew/curfew.db
    """


@command.command(name="upgrade")
@options.config
@options.database
def upgrade(file: Path, database: str | None) -> None:
    """Make the ledger, or bring it to this version's tables. The daemon does it at each start, too.

    \b
    Example:
      curfew db upgrade --config /etc/curfew/curfew.yaml
    """
    ledger = _ledger(file, database)
    ledger.create()
    before, after = schema.upgrade(ledger)
    change = f"at {after} already" if before == after else f"from {before or 'nothing'} to {after}"
    click.echo(f"{printable(ledger.name)}: {change}")


@command.command(name="check")
@options.config
@options.database
@click.option("--quick", is_flag=True, help="Leave out whether the indexes have what the tables have.")
@options.output_format("text", "json")
def check(file: Path, database: str | None, quick: bool, form: str) -> int:
    """Look through the whole ledger for damage, and say what to do; also while the daemon works.

    The exit code is 1 where something must be done.

    \b
    Example:
      curfew db check --database sqlite:////var/lib/curfew/curfew.db
    """
    ledger = _ledger(file, database)
    found = look_through(ledger, is_quick=quick)
    if form == "json":
        facts = {"ledger": ledger.name, "revision": found.revision, "damage": list(found.damage)}
        output.write_json([facts | {"what_to_do": found.what_to_do}])
    else:
        _print(ledger, found)
    return 1 if found.what_to_do else 0


def _print(ledger: Database, found: Soundness) -> None:
    verdict = "damaged" if found.damage else f"sound, at revision {found.revision}"
    click.echo(f"{printable(ledger.name)}: {verdict}")
    for line in found.damage:
        click.echo(f"  {printable(line)}")
    if found.what_to_do:
        click.echo(found.what_to_do)


@command.command(name="backup")
@options.config
@options.database
@click.argument("target", metavar="FILE", type=click.Path(path_type=Path))
def backup(file: Path, database: str | None, target: Path) -> None:
    """Write a copy of the ledger to FILE, as it is at this instant; also while the daemon works.

    The copy is looked through, like `db check` does it, before it gets its name. It takes no other file's place.

    \b
    Example:
      curfew db backup /var/backups/curfew-$(date +%F).db
    """
    size = backups.back_up(_ledger(file, database), target)
    click.echo(f"{printable(str(target))}: {size:,} bytes")


@command.command(name="restore")
@options.config
@options.database
@click.argument("source", metavar="FILE", type=click.Path(path_type=Path, exists=True, dir_okay=False))
def restore(file: Path, database: str | None, source: Path) -> None:
    """Put the backup FILE in the place of the ledger, while no daemon works on it.

    The backup is looked through first, and brought to this version's tables. The ledger of before isn't deleted: it
    gets another name.

    \b
    Example:
      systemctl stop curfew
      curfew db restore /var/backups/curfew-2026-11-27.db
      systemctl start curfew
    """
    ledger = _ledger(file, database)
    done = backups.restore(ledger, source, utc_now())
    click.echo(f"{printable(ledger.name)}: restored from {printable(str(source))} (revision {done.revision})")
    if done.kept is not None:
        click.echo(f"the ledger of before is kept as {printable(str(done.kept))}")
    click.echo("what was paused after that backup isn't known to it, and stays paused until a person resumes it")


@command.command(name="prune")
@options.config
@options.database
@click.option("--keep", required=True, metavar="DURATION", help="What is younger stays: 400d; 60d at least.")
@click.option(
    "--archive",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Where what goes is written to.  [default: beside the ledger]",
)
def prune(file: Path, database: str | None, keep: str, archive: Path | None) -> None:
    """Move old lines of the audit log to an archive, a file of JSON lines; also while the daemon works.

    The archive is written, read back and compared before anything is removed. What the daemon goes by stays. The
    record can be verified as before, and so can the archive: curfew audit --verify --archive FILE.

    \b
    Example:
      curfew db prune --keep 400d --archive /var/backups/curfew-$(date +%F).jsonl
    """
    try:
        duration = parse_duration(keep, _LONGEST_KEPT)
    except ValueError as error:
        raise WrongUse(f"--keep: {error}") from None
    done = pruning.prune(_ledger(file, database), duration, archive, utc_now())
    if done is None:
        click.echo(f"nothing is older than {keep}")
        return
    found = done.archive
    first, last = found.start.number + 1, found.last.number
    size = found.path.stat().st_size
    click.echo(f"{printable(str(found.path))}: outcomes {first:,} to {last:,}, {size:,} bytes")
    click.echo(f"removed from the ledger, with {done.intents:,} changes; its next outcome follows {found.last}")


def _ledger(file: Path, database: str | None) -> Database:
    # Who looks after a ledger may have a file that's wrong as well.
    return Database(options.ledger_url(None, database) if database else options.ledger_of(file, None)[1])
