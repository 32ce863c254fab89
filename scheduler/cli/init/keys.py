"""The API key: where it's found, whether it works, and which campaigns it shows."""

import asyncio
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import click

from rules.ruleset import Ruleset
from scheduler.cli import online
from scheduler.cli.init.asking import Questions
from scheduler.errors import WrongUse, reason
from scheduler.first_file import ACCOUNT, KEY_NAME, VARIABLE, FirstFile, KeyPlace
from scheduler.ledger.records import Status
from scheduler.preflight import CheckedAccount, CheckedCampaign, FaultKind, check_accounts
from scheduler.settings import Account, Environment, well_formed
from scheduler.texts import printable

_QUESTION: Final = "API key (Woodpecker: Settings, API keys; it isn't shown; Enter: later)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """A key, if there's one by now, and the campaigns that it shows, if the API could be asked.

    `is_written`: it stands in the file beside the file of rules already.
    """

    text: str | None = None
    is_written: bool = False
    campaigns: tuple[CheckedCampaign, ...] | None = None


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where keys come from: the file beside the file of rules, the environment, and a person's hand."""

    questions: Questions
    file: Path
    environment: Environment

    def key(self, first: FirstFile, *, is_offline: bool) -> Key:
        """A key that was tried out, unless it couldn't be.

        Raises:
            WrongUse: one that was found is none, or it's refused and nobody is asked for another one.
        """
        key = self._found(first)
        if key.text is None:
            key = self._typed()
        while key.text is not None and not is_offline:
            checked = _try_out(key.text, first.base_url)
            if checked.fault is None:
                _say_what_works(checked)
                return replace(key, campaigns=checked.campaigns)
            if checked.fault.kind is FaultKind.UNREACHABLE:
                click.echo(f"  the API can't be asked, so the key isn't tested: {printable(checked.fault.error)}")
                break
            if self.questions.is_silent:
                raise WrongUse(f"the API refuses the key: {checked.fault.error}")
            click.echo(f"  the API refuses this key: {printable(checked.fault.error)}")
            key = self._typed()
        return key

    def _found(self, first: FirstFile) -> Key:
        path = self.file.parent / KEY_NAME
        if first.key is not KeyPlace.VARIABLE and path.exists():
            return Key(text=_checked(_read(path), str(path)), is_written=True)
        text = self.environment.get(VARIABLE)
        return Key() if not text else Key(text=_checked(text, f"the variable {VARIABLE}"))

    def _typed(self) -> Key:
        """A key that can be one, or none for now."""
        while text := self.questions.secret(_QUESTION):
            try:
                return Key(text=well_formed(text))
            except ValueError as error:
                self.questions.say(str(error))
        return Key()


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="ascii")
    except OSError as error:
        raise WrongUse(f"{path}: {reason(error)}") from None
    except UnicodeDecodeError:
        raise WrongUse(f"{path}: the file doesn't hold a key") from None


def _checked(text: str, whence: str) -> str:
    try:
        key = well_formed(text)
    except ValueError as error:
        raise WrongUse(f"{whence}: {error}") from None
    click.echo(f"API key: that of {printable(whence)}")
    return key


def _try_out(text: str, base_url: str) -> CheckedAccount:
    """Ask for the list of campaigns: without rules, nothing else is asked."""
    click.echo(f"  asking {base_url} ...")
    account = Account(name=ACCOUNT, base_url=base_url, api_key=text)
    (checked,) = asyncio.run(check_accounts(Ruleset(()), [account], online.LIMITS))
    return checked


def _say_what_works(checked: CheckedAccount) -> None:
    number = len(checked.campaigns)
    running = sum(campaign.status == Status.RUNNING for campaign in checked.campaigns)
    click.echo(
        f"  the key works; the account has {number} campaign{'' if number == 1 else 's'}, of which {running} run"
    )
