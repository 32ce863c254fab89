"""`curfew init`: a first file of rules, by a few questions.

asking   how questions are asked, or not
answers  which ones, and what's right
keys     the API key, and what it shows
"""

import os
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from rules.document import DEFAULT_BASE_URL
from rules.timeline import reasons
from scheduler import unit
from scheduler.cli import options, output
from scheduler.cli.init import answers
from scheduler.cli.init.asking import Questions
from scheduler.cli.init.keys import Key, Keyring
from scheduler.clock import utc_now
from scheduler.errors import CurfewError, WrongUse, reason
from scheduler.first_file import KEY_NAME, VARIABLE, FirstFile, KeyPlace, text_of
from scheduler.glance import DEFAULT_FILE
from scheduler.settings import Environment, load
from scheduler.texts import printable
from scheduler.writing import write_whole
from scheduler.zonedata import use_newest

# Where the files of services are: there, the key is for systemd to read.
_OF_SERVICES: Final = Path("/etc")
# Where what is said of a command begins, unless it is longer.
_COLUMN: Final = 36
_WELCOME: Final = "A few questions. Enter takes what stands in brackets; ctrl-C ends it, and nothing is written then."


@click.command(name="init")
@click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=DEFAULT_FILE,
    envvar="CURFEW_CONFIG",
    metavar="FILE",
    show_default=True,
    show_envvar=True,
    help="The file of rules to write.",
)
@click.option("--timezone", metavar="ZONE", help="Time zone of the rules.  [default: this machine's]")
@click.option(
    "--country", metavar="COUNTRY", help="Whose public holidays: code or name, or none.  [default: the zone's]"
)
@click.option("--subdivision", metavar="PART", help="Those of which part of it, too: code or name, or none.")
@click.option("--campaigns", metavar="IDS", help="Whom the rules are for: ids with commas, or all.  [default: all]")
@click.option("--holidays/--no-holidays", default=None, help="A rule for public holidays.  [default: yes]")
@click.option("--weekends/--no-weekends", default=None, help="A rule for weekends.  [default: yes]")
@click.option("--nights/--no-nights", default=None, help="A rule for nights.  [default: no]")
@click.option(
    "--key-in",
    "place",
    type=click.Choice([str(place) for place in KeyPlace]),
    help=f"Where the key is: in {VARIABLE}, in a file beside the file of rules, or there as a systemd credential.  "
    "[default: credential in /etc; variable, if it's set; file]",
)
@click.option("--base-url", metavar="URL", default=DEFAULT_BASE_URL, show_default=True, help="Where the API is.")
@click.option("--offline", is_flag=True, help="Don't ask the API.")
@click.option("--yes", is_flag=True, help="Ask nothing: what no option says is as it would be proposed.")
@click.option("--force", is_flag=True, help="Write it in the place of one that's there.")
def command(file: Path, place: str | None, base_url: str, yes: bool, force: bool, **given: Any) -> None:
    """Write a first file of rules: asks a few questions, tests the key, and says what to do next.

    Nothing is written before the last question is answered, and no file is replaced without --force. The key goes to a
    file of its own that only its owner can read, `api-key` beside the file of rules, unless it's to stay in
    WOODPECKER_API_KEY; it's never shown.

    In /etc, the file is one for the service: the key is then a systemd credential, and the ledger in /var/lib/curfew.

    \b
    Examples:
      curfew init
      curfew init --config /etc/curfew/curfew.yaml
      curfew init --yes --timezone Europe/Warsaw --country PL --no-weekends --offline
    """
    _refuse_what_cannot_be_written(file, force=force)
    use_newest()
    chosen = KeyPlace(place) if place else place_for(file, os.environ)
    database = f"sqlite:///{unit.STATE}/curfew.db" if chosen is KeyPlace.CREDENTIAL else None
    try:
        first = answers.right(FirstFile(timezone="UTC", key=chosen, base_url=base_url, database=database))
    except ValueError as error:
        raise WrongUse(f"--base-url: {error}") from None
    try:
        first, key = _ask(first, file, Questions(is_silent=yes), **given)
    except (click.Abort, KeyboardInterrupt):
        click.echo("\nnothing was written", err=True)
        raise
    _write(first, key, file)
    _say_first_pause(file)
    _say_what_is_next(first, key, file)


def _refuse_what_cannot_be_written(file: Path, *, force: bool) -> None:
    """Better before the questions than after them."""
    if options.is_there(file) and not force:
        raise WrongUse(f"{file} is there already; --force writes another one in its place")
    if file.is_dir():
        raise WrongUse(f"{file}: is a directory")
    folder = next(each for each in file.absolute().parents if each.exists())
    if not folder.is_dir():
        raise WrongUse(f"{folder}: is no folder")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise WrongUse(f"{folder}: permission denied")


def place_for(file: Path, environment: Environment) -> KeyPlace:
    """Where the key is best kept: in /etc, files are for services."""
    if file.absolute().is_relative_to(_OF_SERVICES):
        return KeyPlace.CREDENTIAL
    return KeyPlace.VARIABLE if environment.get(VARIABLE) else KeyPlace.FILE


def _ask(
    first: FirstFile,
    file: Path,
    questions: Questions,
    *,
    offline: bool,
    timezone: str | None,
    country: str | None,
    subdivision: str | None,
    campaigns: str | None,
    **rules: bool | None,
) -> tuple[FirstFile, Key]:
    if not questions.is_silent:
        click.echo(f"{_WELCOME}\n")
    first = answers.zone(questions, first, timezone, os.environ)
    today = utc_now().astimezone(ZoneInfo(first.timezone)).date()
    first = answers.country(questions, first, country, subdivision, today)
    key = Keyring(questions, file, os.environ).key(first, is_offline=offline)
    first = answers.campaigns(questions, first, campaigns, key.campaigns)
    first = answers.rules(questions, first, **rules)
    if not questions.is_silent:
        click.echo()
    return first, key


def _write(first: FirstFile, key: Key, file: Path) -> None:
    path = file.parent / KEY_NAME
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if key.text is not None and not key.is_written and first.key is not KeyPlace.VARIABLE:
            write_whole(path, f"{key.text}\n", mode=0o600)
            output.write_line(printable(f"wrote {path}, which only its owner can read"))
        write_whole(file, text_of(first), mode=0o644)
    except OSError as error:
        raise CurfewError(f"{error.filename or file}: {reason(error)}") from None
    output.write_line(printable(f"wrote {file}"))


def _say_first_pause(file: Path) -> None:
    settings, now = load(file), utc_now()
    subject = next(settings.ruleset.subjects(), None)
    if subject is None:
        return
    timeline, zone = settings.ruleset.timeline_of(subject), settings.document.timezone
    span = timeline.span_at(now) or timeline.next_span(now)
    if span is not None:
        when = "at once" if span.start <= now else output.local(span.start, zone)
        because = "; ".join(reasons(span.windows))
        click.echo(f"\nthe first pause: {when}, until {output.local(span.end, zone)} ({because})")


def _say_what_is_next(first: FirstFile, key: Key, file: Path) -> None:
    steps = [*_missing_key(first, key, file), *(_steps_of_a_service(file) if _is_service(first) else _steps(file))]
    click.echo("\nnext:")
    for command, remark in steps:
        output.write_line(printable(f"  {command:<{_COLUMN}}  # {remark}"))


def _missing_key(first: FirstFile, key: Key, file: Path) -> Iterator[tuple[str, str]]:
    if first.key is KeyPlace.VARIABLE and not os.environ.get(VARIABLE):
        yield f"export {VARIABLE}=...", "the key: Woodpecker, Settings, API keys"
    elif key.text is None:
        path = shlex.quote(str(file.parent / KEY_NAME))
        yield f"install -m 0600 /dev/stdin {path}", "paste the key, then Enter and ctrl-D"


def _is_service(first: FirstFile) -> bool:
    return first.key is KeyPlace.CREDENTIAL


_ONLINE: Final = "asks the API about each campaign that a rule is for"
_PLAN: Final = "what will happen, and because of what"
_DRY_RUN: Final = "everything but the calls that change something; ctrl-C ends it"


def _steps(file: Path) -> Iterator[tuple[str, str]]:
    own = "" if file == Path(DEFAULT_FILE) else f" --config {shlex.quote(str(file))}"
    yield f"curfew check --online{own}", _ONLINE
    yield f"curfew plan --days 30{own}", _PLAN
    yield f"curfew run --dry-run{own}", _DRY_RUN
    yield f"curfew run{own}", "the daemon"


def _steps_of_a_service(file: Path) -> Iterator[tuple[str, str]]:
    """By hand, the key is read where the service's systemd reads it; and the service makes its own ledger."""
    path, folder = (shlex.quote(str(each)) for each in (file.absolute(), file.absolute().parent))
    yield f"export CURFEW_CONFIG={path} CREDENTIALS_DIRECTORY={folder}", "for this shell"
    yield "curfew check --online", _ONLINE
    yield "curfew plan --days 30", _PLAN
    yield "curfew run --dry-run --database sqlite:///dry-run.db", _DRY_RUN
    yield "curfew service --install", "the systemd unit, and how to start it"
