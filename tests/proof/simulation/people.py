"""What people, and Woodpecker by itself, do to campaigns meanwhile."""

import random
from collections.abc import Iterator
from typing import Final

from rules.ruleset import Ruleset
from scheduler.sandbox import Campaign, Sandbox
from tests.proof.history import Act
from tests.proof.simulation.scenario import Scenario
from tests.proof.simulation.wall import Wall

# What may become of a campaign, by what it does.
_FATES: Final = {
    "RUNNING": ("PAUSED", "COMPLETED", "STOPPED", "EDITED", "shield"),
    "PAUSED": ("RUNNING", "RUNNING", "STOPPED", "EDITED", "shield"),
    "COMPLETED": ("RUNNING",),
    "STOPPED": ("RUNNING",),
    "EDITED": ("RUNNING", "PAUSED"),
    "DRAFT": ("RUNNING",),
}


class People:
    """They do as they like; what they did is kept."""

    def __init__(self, chance: random.Random, sandbox: Sandbox, scenario: Scenario, wall: Wall) -> None:
        self._chance = chance
        self._sandbox = sandbox
        self._scenario = scenario
        self._wall = wall
        self.acts: list[Act] = []

    def act(self) -> None:
        """Do something to some campaign."""
        account = self._chance.choice(list(self._scenario.accounts))
        campaign = self._chance.choice(list(self._campaigns(account)))
        self._make(account, campaign, self._chance.choice(_FATES[campaign.status]))

    def make_a_round(self, ruleset: Ruleset) -> None:
        """Set going again most of what stands still and, as far as the rules go, might run."""
        for account in self._scenario.accounts:
            for campaign in self._campaigns(account):
                timeline = ruleset.timeline(account, campaign.id, name=campaign.name, folder=campaign.folder)
                is_idle = campaign.status in {"PAUSED", "COMPLETED", "STOPPED", "EDITED"}
                if is_idle and timeline.span_at(self._wall()) is None and self._chance.random() < 0.5:
                    self._make(account, campaign, "RUNNING")

    def _campaigns(self, account: str) -> Iterator[Campaign]:
        yield from self._sandbox.account(self._scenario.accounts[account]).campaigns.values()

    def _make(self, account: str, campaign: Campaign, fate: str) -> None:
        at, is_shield = self._wall.true(), fate == "shield"
        if is_shield:
            campaign.status = "PAUSED"
            campaign.bounce_shield_autopaused_at = f"{at:%Y-%m-%d %H:%M:%S}"
        else:
            campaign.status = fate  # type: ignore[assignment]
        self.acts.append(
            Act(
                account=account,
                campaign=campaign.id,
                since=at,
                until=at,
                status=campaign.status,
                is_shield=is_shield,
            )
        )
