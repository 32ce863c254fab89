"""`curfew service`: the systemd unit."""

import os
from collections.abc import Iterator
from difflib import unified_diff
from pathlib import Path
from typing import Final

import click

from rules.document import AddressSource
from scheduler import unit
from scheduler.cli import options
from scheduler.errors import CurfewError, WrongFile, WrongUse, reason
from scheduler.ledger.location import path_of
from scheduler.settings import Settings, database_url, load
from scheduler.writing import write_whole

_FILE: Final = "/etc/curfew/curfew.yaml"


@click.command(name="service")
@click.option(
    "-c",
    "--config",
    "file",
    type=click.Path(path_type=Path),
    default=_FILE,
    envvar="CURFEW_CONFIG",
    metavar="FILE",
    show_default=True,
    show_envvar=True,
    help="The file of rules that the service is to read.",
)
@click.option("--install", is_flag=True, help="Write it, instead of printing it.")
@click.option(
    "--into",
    "folder",
    type=click.Path(path_type=Path),
    default=unit.FOLDER,
    show_default=True,
    metavar="FOLDER",
    help="Where to write it.",
)
@click.option("--force", is_flag=True, help="Write it although another one is there, or it can't be started like this.")
def command(file: Path, install: bool, folder: Path, force: bool) -> None:
    """Print the systemd unit with the paths of this installation, or install it.

    It loads the credentials that the accounts and alerts of the file name, from files beside it. Lines of your own
    belong into `systemctl edit curfew`, which leaves the unit as it is.

    \b
    Examples:
      curfew service
      curfew service --install
    """
    settings = _settings(file)
    installation = _installation(file.absolute(), settings)
    try:
        text = unit.unit_text(installation)
    except ValueError as error:
        raise WrongUse(str(error)) from None
    problems = list(_problems(installation, settings))
    if not install:
        click.echo(text, nl=False)
        _say(problems)
        return
    if folder == unit.FOLDER and os.geteuid() != 0:
        raise WrongUse(f"only root may write to {folder}")
    if problems and not force:
        raise WrongUse("; ".join([*problems, "--force writes it all the same"]))
    _say(problems)
    is_new = _write(folder / unit.NAME, text, force=force)
    _say_what_is_next(installation, folder / unit.NAME, settings, is_new=is_new)


def _settings(file: Path) -> Settings | None:
    """The file, as far as it's there and right: the unit comes before it, or after."""
    if not options.is_there(file):
        return None
    try:
        return load(file)
    except WrongFile:
        _say([f"{file} isn't right yet; curfew check says why"])
        return None


def _installation(file: Path, settings: Settings | None) -> unit.Installation:
    version = unit.systemd_version()
    if settings is None:
        return unit.Installation(command=unit.own_command(), file=file, systemd_version=version)
    specs = settings.document.accounts.values()
    alerts = settings.document.alerts
    addresses = [each for each in (alerts.addresses if alerts else {}).values() if isinstance(each, AddressSource)]
    given = [*(each.credential for each in specs), *(each.credential for each in addresses)]
    names = tuple(dict.fromkeys(name for name in given if name))
    return unit.Installation(command=unit.own_command(), file=file, credentials=names, systemd_version=version)


def _problems(installation: unit.Installation, settings: Settings | None) -> Iterator[str]:
    """Why the service couldn't start like this."""
    if paths := dict.fromkeys(unit.hidden([*unit.own_paths(), installation.file])):
        yield f"homes and /tmp are hidden from the service, and with them {', '.join(map(str, paths))}"
    if settings is not None and (ledger := _ledger(settings)) and not ledger.is_relative_to(unit.STATE):
        yield f"the service can't write the ledger {ledger}: only {unit.STATE} is open to it"


def _ledger(settings: Settings) -> Path | None:
    """Where the service would keep its ledger; None where that isn't a file, or depends on its environment."""
    try:
        return path_of(database_url(settings, {"STATE_DIRECTORY": str(unit.STATE)}))
    except (WrongFile, ValueError):
        return None


def _say(problems: list[str]) -> None:
    for problem in problems:
        click.echo(f"curfew: {problem}", err=True)


def _write(path: Path, text: str, *, force: bool) -> bool:
    """Write the unit whole; False where the same is there already.

    Raises:
        CurfewError: another one is there, or it can't be written.
    """
    try:
        found = path.read_text(encoding="utf-8", errors="replace") if path.exists() else None
        if found == text:
            return False
        if found is not None and not force:
            _show_difference(path, found, text)
            raise CurfewError(f"{path} is there and differs; --force puts the unit of this version in its place")
        write_whole(path, text, mode=0o644)
    except OSError as error:
        raise CurfewError(f"{path}: {reason(error)}") from None
    return True


def _show_difference(path: Path, found: str, text: str) -> None:
    names = str(path), "the unit of this version"
    lines = unified_diff(found.splitlines(), text.splitlines(), *names, lineterm="", n=0)
    click.echo("\n".join(lines), err=True)


def _say_what_is_next(installation: unit.Installation, path: Path, settings: Settings | None, *, is_new: bool) -> None:
    click.echo(f"wrote {path}" if is_new else f"{path} is as it should be")
    click.echo("\nnext, as root:")
    if settings is None:
        click.echo(f"  curfew check --config {installation.file}    # once the rules are there")
    for credential in unit.missing_credentials(installation):
        click.echo(f"  install -D -m 0600 /dev/stdin {credential}    # paste the key, then Enter and ctrl-D")
    click.echo("  systemctl daemon-reload")
    click.echo("  systemctl enable curfew")
    click.echo("  systemctl restart curfew")
