"""What the verbs read from the ledger: each a function of one connection."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditFilter:
    """Which lines of the audit log; each that is None lets all through. `since <= due_at < until`, in UTC."""

    since: datetime | None = None
    until: datetime | None = None
    campaign: int | None = None
    rule: str | None = None
    account: str | None = None
    action: str | None = None
    outcome: str | None = None
