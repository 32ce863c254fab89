"""How questions are asked: each has a proposal, says what's wrong with an answer, and is asked again then."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import click

from scheduler.cli import output
from scheduler.errors import WrongUse
from scheduler.texts import brief, printable

_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Questions:
    """Asks a person; or, where nobody is to be asked, takes what's given on the command line, else what's proposed."""

    is_silent: bool

    def ask(self, question: str, option: str, given: str | None, proposal: str, check: Callable[[str], _T]) -> _T:
        """What `check` makes of an answer; it raises ValueError for a wrong one.

        Raises:
            WrongUse: what's given on the command line is wrong.
        """
        if given is not None or self.is_silent:
            try:
                return check(proposal if given is None else given)
            except ValueError as error:
                raise WrongUse(f"{option}: {error}") from None
        while True:
            answer = click.prompt(question, default=proposal).strip()
            try:
                return check(answer)
            except ValueError as error:
                self.say(brief(str(error)))

    def confirm(self, question: str, given: bool | None, *, proposal: bool) -> bool:
        """Yes or no."""
        if given is not None:
            return given
        return proposal if self.is_silent else click.confirm(question, default=proposal, prompt_suffix="? ")

    def secret(self, question: str) -> str:
        """What isn't shown while it's typed; nothing, where nobody is asked."""
        if self.is_silent:
            return ""
        # Without a terminal nothing shows it, and a script types it where it types everything else.
        text: str = click.prompt(question, default="", show_default=False, hide_input=sys.stdin.isatty())
        return text

    def say(self, remark: str) -> None:
        """Something about the last answer, which nobody needs who has given none."""
        if not self.is_silent:
            output.write_line(f"  {printable(remark)}")
