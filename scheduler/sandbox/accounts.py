"""One account: its campaigns and its queue."""

from collections.abc import Iterable

from scheduler.sandbox.campaigns import FIRST_ID, Campaign
from scheduler.sandbox.turns import Turns


class Account:
    """A Woodpecker account, or one client account of an agency."""

    def __init__(self, name: str, campaigns: Iterable[Campaign], turns: Turns) -> None:
        self.name = name
        self.campaigns = {campaign.id: campaign for campaign in campaigns}
        self.turns = turns
        self.in_flight = 0
        self.handling = 0

    def next_id(self) -> int:
        """The id of a campaign still to be made."""
        return max(self.campaigns, default=FIRST_ID - 1) + 1

    def listed(self, statuses: str, ids: str) -> list[Campaign]:
        """The campaigns in these statuses and with these ids, both comma-separated; empty means all."""
        found: Iterable[Campaign] = self.campaigns.values()
        if statuses:
            wanted = {part.strip() for part in statuses.split(",")}
            found = (campaign for campaign in found if campaign.status in wanted)
        if ids:
            numbers = {part.strip() for part in ids.split(",")}
            found = (campaign for campaign in found if str(campaign.id) in numbers)
        return list(found)
