"""How the sandbox's accounts and campaigns are called, by their number, from 0 on."""

from scheduler.sandbox import FIRST_COMPANY_ID, FIRST_ID

KEY = "benchmark"


def company(number: int) -> dict[str, str]:
    """The headers of an account: the first is the key's own, the others are an agency's clients."""
    own = {"x-api-key": KEY}
    return own | {"x-company-id": str(FIRST_COMPANY_ID + number - 1)} if number else own


def pause_path(number: int) -> str:
    """Where a campaign is paused."""
    return f"/v2/campaigns/{FIRST_ID + number}/pause"
