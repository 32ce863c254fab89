"""The command line: one module for each verb, loaded when it's called for, so that none pays for another's imports.

Exit codes: 0 done, 1 it failed, 2 wrong use or wrong file, 3 a fault of the program, 130 interrupted.
"""

import errno
import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from importlib import import_module
from io import StringIO, TextIOWrapper
from typing import Any, Final, TextIO

import click
from click.shell_completion import CompletionItem

from scheduler import __version__
from scheduler.cli.problems import file_text
from scheduler.errors import CurfewError, WrongFile, WrongUse, reason
from scheduler.texts import brief

# What each verb is for, in a line, by what a person is about to do: none is imported to be listed.
GROUPS: Final[Mapping[str, Mapping[str, str]]] = {
    "Begin": {
        "demo": "See the whole story in half a minute, on the sandbox.",
        "init": "Write a first file of rules, by a few questions.",
        "sandbox": "Play Woodpecker on this machine, to try things out on.",
    },
    "Look before it happens": {
        "check": "Say all that's wrong with a file of rules.",
        "plan": "Show who is paused and resumed when, and because of what.",
        "why": "Show whether a campaign is quiet, and because of what.",
        "calendar": "Show the days of a calendar, such as public holidays.",
        "campaigns": "Show the accounts' campaigns, and what selects each.",
    },
    "Run it": {
        "run": "Pause and resume campaigns as the file says: the daemon.",
        "service": "Print or install the systemd unit.",
        "status": "Show whether it's alive, what happens next, what fails.",
        "audit": "Show what was done and why, from the ledger.",
        "alert": "Show what needs a person, and try out who's told.",
    },
    "Make exceptions": {
        "skip": "Leave out a window of a rule.",
        "extend": "Let a window of a rule last longer.",
        "pause": "Keep a campaign quiet from now on.",
        "resume": "Give a campaign back inside its window.",
        "overrides": "List exceptions, or take one back.",
        "undo": "Put back what was changed last.",
    },
    "Look after it": {
        "db": "Upgrade, check, back up, restore and prune the ledger.",
        "schema": "Print the JSON Schema of the file, for editors.",
        "completion": "Print the script that completes words in your shell.",
    },
}
VERBS: Final = {verb: line for verbs in GROUPS.values() for verb, line in verbs.items()}
_INTERRUPTED: Final = 130
FAULT: Final = 3
EXIT_CODES: Final[Mapping[int, str]] = {
    0: "Done",
    CurfewError.exit_code: "It failed",
    WrongUse.exit_code: "Wrong use, or a wrong file",
    FAULT: "A fault of the program",
    _INTERRUPTED: "Interrupted",
}
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

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """The verbs by what they are for."""
        width = max(map(len, VERBS))
        for heading, verbs in GROUPS.items():
            with formatter.section(heading):
                formatter.write_dl([(verb.ljust(width), line) for verb, line in verbs.items()])

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 -- click's
        """The exit codes, which are the same for all verbs."""
        with formatter.section("Exit codes"):
            formatter.write_dl([(str(code).ljust(max(map(len, VERBS))), said) for code, said in EXIT_CODES.items()])

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem[Any]]:
        """The verbs that begin so; click would import all of them to know what each is for."""
        verbs = [CompletionItem(verb, help=line) for verb, line in VERBS.items() if verb.startswith(incomplete)]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]


@click.group(cls=_Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="curfew", message="%(prog)s %(version)s")
def curfew() -> None:
    """Keep Woodpecker campaigns quiet when a YAML file says so, and show that it was done.

    `curfew demo` shows it at work, without an account; `curfew init` writes a first file of rules.
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
    if "_CURFEW_COMPLETE" in os.environ:
        # A shell asks what a word may become.
        import_module("scheduler.cli.shells")
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
