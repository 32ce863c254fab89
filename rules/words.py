"""Words that the ledger's readers need of the rules, and nothing else."""

from enum import StrEnum
from typing import Final

# What its number stands behind where an override is called by a name.
NAME: Final = "override "


class Action(StrEnum):
    """What an edge asks of a campaign."""

    PAUSE = "pause"
    RESUME = "resume"
