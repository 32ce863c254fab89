"""Ask the API for the sake of a verb: read-only calls, and what their failure means for the exit code."""

import asyncio
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Final

from scheduler.errors import CurfewError, WrongUse
from scheduler.preflight import CheckedAccount, FaultKind, Limits, check_accounts
from scheduler.settings import Settings

# How long one account is asked; what is left then is said.
LIMITS: Final = Limits(lasts=timedelta(minutes=5))


def ask(settings: Settings, accounts: Iterable[str] | None = None, *, rule: str | None = None) -> list[CheckedAccount]:
    """Ask some accounts (None: all of the file), side by side; with `rule`, only about what that one selects."""
    chosen = [account for account in settings.accounts if accounts is None or account.name in accounts]
    return asyncio.run(check_accounts(settings.ruleset, chosen, LIMITS, rule=rule))


def exit_code(checked: Sequence[CheckedAccount]) -> int:
    """A key that's refused is wrong use, as one that isn't there: trying again won't help. Else 1 for a failed call."""
    kinds = {account.fault.kind for account in checked if account.fault}
    if FaultKind.KEY_REFUSED in kinds:
        return WrongUse.exit_code
    return CurfewError.exit_code if kinds else 0
