"""What the API says of a file's campaigns, before it matters: wrong ids, keys that don't work, what can't be resumed.

asking  the calls, and what came of them as values
advice  those values as problems of the file, each at its place; pure
"""

from scheduler.preflight.advice import problems_of
from scheduler.preflight.asking import (
    CheckedAccount,
    CheckedCampaign,
    Fault,
    FaultKind,
    Limits,
    Turn,
    check_account,
    check_accounts,
)

__all__ = [
    "CheckedAccount",
    "CheckedCampaign",
    "Fault",
    "FaultKind",
    "Limits",
    "Turn",
    "check_account",
    "check_accounts",
    "problems_of",
]
