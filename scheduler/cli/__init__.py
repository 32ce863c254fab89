"""The command line: one module for each verb, loaded when it's called for, so that none pays for another's imports.

Exit codes: 0 done, 1 it failed, 2 wrong use or wrong file, 3 a fault of the program, 130 interrupted.
"""

import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from io import StringIO, TextIOWrapper
from typing import Final, TextIO

import click

from scheduler import __version__
from scheduler.cli.problems import file_text
from scheduler.errors import CurfewError, WrongFile, reason
from scheduler.texts import brief

VERBS: Final = (
    *("check", "plan", "why", "calendar", "campaigns"),
    *("run", "status", "audit", "alert"),
    *("skip", "extend", "pause", "resume", "overrides", "undo"),
    *("sandbox", "demo", "db", "service", "schema"),
)
_INTERRUPTED: Final = 130
FAULT: Final = 3
# What a write to a full or broken disk fails with.
_FULL: Final = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


class _Verbs(click.Group):
    """A group whose commands are modules of this package, each with a `command` of its own."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 -- click's signature
        """In the order in which a person meets them."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 -- click's signature
        """Import a verb."""
        if cmd_name not in VERBS:
            return None
        command: click.Command = import_module(f"scheduler.cli.{cmd_name}").command
        return command


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="curfew", message="%(prog)s %(version)s")
def curfew() -> None:
    """Keep Woodpecker campaigns quiet when a YAML file says so, and show that it was done.

    \b
    Begin with:
      curfew demo                        see it work, without an account
      curfew check --config curfew.yaml  what's wrong with a file
      curfew plan --config curfew.yaml   what will happen, and when
      curfew run --config curfew.yaml    the daemon
    """


def main() -> None:
    """Run the command line, and end the process with its exit code."""
    streams = [stream for stream in (sys.stdout, sys.stderr) if isinstance(stream, TextIOWrapper)]
    for stream in streams:
        # A name with letters that the terminal hasn't is shown in another way, and stops nothing.
        stream.reconfigure(errors="backslashreplace")
    code = perform()
    for stream in streams:
        _let_go(stream)
    sys.exit(code)


def _let_go(stream: TextIO) -> None:
    """Write what's left. If that fails it was said already, and the interpreter's own last try must say nothing."""
    try:
        stream.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def perform(arguments: Sequence[str] | None = None) -> int:
    """Run one command line (without the program's name; None: this process's own); gives the exit code.

    Not called after a verb: the module of that one takes its place in this package.
    """
    try:
        code = curfew.main(arguments, prog_name="curfew", standalone_mode=False)
    except click.ClickException as error:
        shown = StringIO()
        error.show(shown)
        for line in shown.getvalue().splitlines():
            click.echo(brief(line), err=True)
        return error.exit_code
    except WrongFile as error:
        click.echo(file_text(error), err=True)
        return error.exit_code
    except CurfewError as error:
        click.echo(f"curfew: {brief(str(error))}", err=True)
        return error.exit_code
    except (click.Abort, KeyboardInterrupt):
        return _INTERRUPTED
    except BrokenPipeError:
        # The reader of our output (head, less) has gone.
        return 1
    except Exception as error:  # noqa: BLE001 -- the edge of the program: a fault is shown whole, and has a code of its own
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            click.echo(f"curfew: the output can't be written: {reason(error)}", err=True)
            return 1
        traceback.print_exc()
        return FAULT
    return code if isinstance(code, int) else 0
