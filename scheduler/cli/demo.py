"""`curfew demo`: see it work."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from scheduler import demo
from scheduler.cli import output
from scheduler.cli.audit import print_lines
from scheduler.demo import Call, Stage

_POLL_SECONDS = 0.2
_STYLES = {"RUNNING": "green", "PAUSED": "yellow"}


@click.command(name="demo", short_help="See the whole story in half a minute, on the sandbox.")
@click.option("--keep", is_flag=True, help="Leave the folder with file, ledger and logs to look at.")
def command(keep: bool) -> int:
    """See the whole story in half a minute, without an account: the real daemon, real HTTP, a real ledger.

    A sandbox plays Woodpecker with a handful of campaigns. A quiet window begins in seconds and ends seconds later.
    One campaign can't be paused at first; one was paused by a person before, and must not be resumed. At the end the
    sandbox's own log is compared with the ledger; the exit code is 0 only if they agree.

    \b
    Example:
      curfew demo --keep
    """
    with _folder(keep=keep) as folder, demo.stage(folder) as scene:
        scene.set_scene()
        console = output.console()
        console.print(_introduction(scene), markup=False)
        with demo.daemon(scene):
            _watch(scene, console)
        console.print("\nThe audit log, as curfew audit shows it:\n", markup=False)
        print_lines(scene.audit(), ZoneInfo("UTC"))
        found = demo.differences(scene)
        number = len(scene.calls())
    if found:
        click.echo("\n" + "\n".join(found), err=True)
        return 1
    click.echo(f"\nThe sandbox was sent {number} calls, and the ledger has the same {number}, in the same order.")
    return 0


@contextmanager
def _folder(*, keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="curfew-demo-"))
    try:
        yield folder
    finally:
        if keep:
            click.echo(f"\nThe file, the ledger and the logs are in {folder}")
        else:
            shutil.rmtree(folder)


def _introduction(scene: Stage) -> str:
    return (
        f"A sandbox plays Woodpecker at {scene.base_url}, with {demo.CAMPAIGNS} campaigns.\n"
        f"Campaign {demo.PAUSED_BY_A_PERSON} was paused by a person; "
        f"pausing {demo.FAILING} fails {demo.FAILURES} times.\n"
        f"A quiet window lasts from {scene.start:%H:%M:%S} to {scene.end:%H:%M:%S} UTC; the daemon starts now.\n"
    )


def _watch(scene: Stage, console: Console) -> None:
    """Show the campaigns as they change; where there's no terminal, each call on a line of its own."""
    shown = 0
    with Live(console=console, transient=True, auto_refresh=False) if console.is_terminal else _nothing() as live:
        while not scene.is_over():
            calls = scene.calls()
            for call in calls[shown:]:
                console.print(_words(call), markup=False)
            shown = len(calls)
            if live is not None:
                live.update(_picture(scene, console), refresh=True)
            time.sleep(_POLL_SECONDS)


@contextmanager
def _nothing() -> Iterator[None]:
    yield None


def _words(call: Call) -> str:
    return f"{datetime.now(UTC):%H:%M:%S}  {call.action:<6}  {call.campaign}  HTTP {call.http_status}"


def _picture(scene: Stage, console: Console) -> Group:
    rows = [
        output.Row((f"{each['id']} {each['name']}", each["status"]), style=_STYLES.get(each["status"], ""))
        for each in scene.campaigns()
    ]
    table = output.layout(("campaign", "status"), rows, console)
    return Group(Text(""), Text(_countdown(scene), style="bold"), *table)


def _countdown(scene: Stage) -> str:
    now = datetime.now(UTC)
    if now < scene.start:
        return f"the quiet window begins in {(scene.start - now).total_seconds():.0f} s"
    if now < scene.end:
        return f"quiet for {(scene.end - now).total_seconds():.0f} s more"
    return "the quiet window is over"
