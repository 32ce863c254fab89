"""A Woodpecker to play with: a real HTTP server on loopback that answers as Woodpecker does, and misbehaves on demand.

It plays every call, error and limit that is known of the API, and every variant of what isn't known. It shares no code
with the client: a fake built from the client's own ideas would agree with its mistakes.

    async with Sandbox(campaigns=5).serving() as sandbox:
        sandbox.campaign(1000001).status = "COMPLETED"
        sandbox.add_fault(Fault(effect="drop_after", call="pause", times=1))
        ...                      # calls to sandbox.base_url
        assert sandbox.log[-1].acted
"""

from scheduler.sandbox.campaigns import FIRST_ID, STATUSES, Campaign, Status
from scheduler.sandbox.faults import EFFECTS, Effect, Fault
from scheduler.sandbox.process import serve
from scheduler.sandbox.request_log import Entry
from scheduler.sandbox.sandbox import FIRST_COMPANY_ID, MAIN, Sandbox
from scheduler.sandbox.variants import Variants
from scheduler.sandbox.wire import CALLS, Call

__all__ = [
    "CALLS",
    "EFFECTS",
    "FIRST_COMPANY_ID",
    "FIRST_ID",
    "MAIN",
    "STATUSES",
    "Call",
    "Campaign",
    "Effect",
    "Entry",
    "Fault",
    "Sandbox",
    "Status",
    "Variants",
    "serve",
]
