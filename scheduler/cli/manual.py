"""The manual page, curfew(1), made of the help texts: `make man` writes it to `docs/curfew.1`.

There's click-man for it, which makes a page for each verb, has no place for files and exit codes, and takes a line that
begins with a dot for a command of roff's.
"""

from collections.abc import Iterator
from inspect import cleandoc
from typing import Final

import click

from scheduler import __version__
from scheduler.cli import EXIT_CODES, GROUPS, curfew

_NAME: Final = "keep Woodpecker campaigns quiet when a YAML file says so"
# Beside those that options have.
_ENVIRONMENT: Final = {
    "WOODPECKER_API_KEY": "The key, where the file of rules says ${WOODPECKER_API_KEY}. It may name any variable so, "
    "in its keys and in the address of its ledger.",
    "CREDENTIALS_DIRECTORY": "Where the systemd credentials are that accounts name. systemd sets it; by hand, as "
    "root, it's the folder of their files: /etc/curfew.",
    "STATE_DIRECTORY": "Where a ledger is that has a relative path, or none in the file of rules. systemd sets it.",
}
_FILES: Final = {
    "curfew.yaml": "The file of rules, in the present folder.",
    "curfew.db": "The ledger, beside the file of rules; with curfew.db-wal and curfew.db-shm while it's in use, and "
    "curfew.db.lock, which holds off a second daemon.",
    "api-key": "The API key, beside the file of rules, where that says so.",
    "/etc/curfew/curfew.yaml, /etc/curfew/api-key, /var/lib/curfew/curfew.db": "The same for the service.",
    "/etc/systemd/system/curfew.service": "The service, as `curfew service --install` writes it.",
}
_SEE_ALSO: Final = "systemctl(1), journalctl(1), systemd.exec(5)"
# What roff would make something else of: a dash could be broken, quotes would be curved.
_ESCAPES: Final = str.maketrans(
    {"\\": r"\e", "-": r"\-", "'": r"\(aq", '"': r"\(dq", "`": r"\(ga", "^": r"\(ha", "~": r"\(ti"}
)


def page() -> str:
    """The whole page."""
    return "\n".join(_lines()) + "\n"


def _lines() -> Iterator[str]:
    root = click.Context(curfew, info_name="curfew", **curfew.context_settings)
    yield f'.TH CURFEW 1 "" "curfew {__version__}" "User Commands"'
    yield from (".SH NAME", _text(f"curfew - {_NAME}"))
    yield from (".SH SYNOPSIS", r".B curfew", _text(_usage(root)))
    yield ".SH DESCRIPTION"
    yield from lines_of_help(curfew)
    yield ".SH OPTIONS"
    yield from _options(root)
    for heading, verbs in GROUPS.items():
        yield f".SH {_quoted(heading.upper())}"
        for verb in verbs:
            yield from _verb(root, verb)
    yield from _listed("EXIT STATUS", {str(code): f"{said}." for code, said in EXIT_CODES.items()})
    yield from _listed("ENVIRONMENT", {**_variables(root), **_ENVIRONMENT})
    yield from _listed("FILES", _FILES)
    yield from (".SH SEE ALSO", _text(_SEE_ALSO))


def _verb(parent: click.Context, verb: str) -> Iterator[str]:
    assert isinstance(parent.command, click.Group)  # noqa: S101 -- for mypy
    command = parent.command.get_command(parent, verb)
    assert command is not None  # noqa: S101 -- for mypy
    context = click.Context(command, info_name=verb, parent=parent)
    yield f".SS {_quoted(f'{context.command_path} {_usage(context)}')}"
    yield from lines_of_help(command)
    yield from _options(context)
    if isinstance(command, click.Group):
        for each in command.list_commands(context):
            yield from _verb(context, each)


def _usage(context: click.Context) -> str:
    return " ".join(context.command.collect_usage_pieces(context))


def lines_of_help(command: click.Command) -> Iterator[str]:
    """The paragraphs of a help text; click keeps the lines of one that begins with a backspace."""
    paragraphs = cleandoc(command.help or "").replace("\n\b\n", "\n\n\b\n").split("\n\n")
    for number, paragraph in enumerate(paragraphs):
        if number:
            yield ".PP"
        if "\b" in paragraph:
            yield from (".nf", *map(_text, paragraph.replace("\b", "").strip("\n").split("\n")), ".fi")
        else:
            yield _text(" ".join(paragraph.split()))


def _options(context: click.Context) -> Iterator[str]:
    """Those of a verb; what `--help` is, is said once, and arguments are told of in the text."""
    params = context.command.params if context.parent else context.command.get_params(context)
    records = (each.get_help_record(context) for each in params if isinstance(each, click.Option))
    for names, said in filter(None, records):
        yield from (".TP", rf"\fB{_text(names)}\fR", _text(said))


def _listed(title: str, entries: dict[str, str]) -> Iterator[str]:
    yield f".SH {_quoted(title)}"
    for name, said in entries.items():
        yield from (".TP", rf"\fB{_text(name)}\fR", _text(said))


def _variables(root: click.Context) -> dict[str, str]:
    """The variables that stand for options, in their order."""
    found: dict[str, str] = {}
    for verb in (verb for verbs in GROUPS.values() for verb in verbs):
        command = curfew.get_command(root, verb)
        for each in command.params if command else ():
            if isinstance(each, click.Option) and isinstance(each.envvar, str):
                found.setdefault(each.envvar, f"The same as {each.opts[-1]}.")
    return found


def _quoted(text: str) -> str:
    return f'"{_text(text)}"'


def _text(text: str) -> str:
    escaped = text.translate(_ESCAPES)
    # A line that begins so would be a command.
    return rf"\&{escaped}" if escaped.startswith((".", r"\(aq")) else escaped


if __name__ == "__main__":
    click.echo(page(), nl=False)
