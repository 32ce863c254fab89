"""Campaigns as Woodpecker shows them, and the few that a sandbox begins with."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, get_args

Status = Literal["RUNNING", "PAUSED", "STOPPED", "COMPLETED", "DRAFT", "EDITED"]
STATUSES: tuple[Status, ...] = get_args(Status)

FIRST_ID = 1000001
_FOLDERS = ("EMEA", "Americas", "Partners")
_IDLE: tuple[Status, ...] = ("PAUSED", "COMPLETED", "DRAFT", "STOPPED", "EDITED")


@dataclass(slots=True, kw_only=True)
class Campaign:
    """One campaign; set its fields to do what a person or Woodpecker itself would.

    `bounce_shield_autopaused_at` is text as Woodpecker sends it, or None. `unsupported` stands for an IF condition, a
    scheduled start or a manual task: v2 answers 409 to it, v1 lists it like any other.
    """

    id: int
    name: str
    folder: str = _FOLDERS[0]
    status: Status = "RUNNING"
    timezone: str = "Europe/Warsaw"
    prospect_timezone: bool = False
    bounce_shield_autopaused_at: str | None = None
    unsupported: bool = False

    def listed(self) -> dict[str, object]:
        """The campaign as one row of v1's `campaign_list`."""
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "folder_name": self.folder,
            "folder_id": sum(self.folder.encode()),
            "from_email": "sandbox@example.com",
            "error": None,
        }

    def detailed(self) -> dict[str, object]:
        """The campaign as v2 answers it."""
        return {
            "id": self.id,
            "name": self.name,
            "status": self.status,
            "settings": {"timezone": self.timezone, "prospect_timezone": self.prospect_timezone},
            "bounce_shield_autopaused_at": self.bounce_shield_autopaused_at,
            "steps": [{"id": 1, "type": "START"}, {"id": 2, "type": "EMAIL"}],
        }


def first_campaigns(count: int, running: int | None = None) -> Iterator[Campaign]:
    """`count` campaigns, the first `running` of them RUNNING (all, when None), the others in the idle statuses."""
    for n in range(count):
        status = "RUNNING" if running is None or n < running else _IDLE[(n - running) % len(_IDLE)]
        folder = _FOLDERS[n % len(_FOLDERS)]
        yield Campaign(id=FIRST_ID + n, name=f"Campaign {n + 1}", folder=folder, status=status)
