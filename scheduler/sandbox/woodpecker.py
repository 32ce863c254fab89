"""What Woodpecker does when asked: the calls themselves, without queues, faults or delays."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from scheduler.sandbox.accounts import Account
from scheduler.sandbox.answers import error
from scheduler.sandbox.campaigns import Campaign
from scheduler.sandbox.request_log import Entry
from scheduler.sandbox.routes import Route
from scheduler.sandbox.variants import Variants
from scheduler.sandbox.wire import Answer, json_answer, text_answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One request on its way through an account, with the log entry to fill in."""

    route: Route
    query: Mapping[str, str]
    account: Account
    entry: Entry
    variants: Variants

    def error(self, status: int, at: datetime, detail: str | None = None) -> Answer:
        """The documented error of this call."""
        return error(status, call=self.route.call, variants=self.variants, at=at, detail=detail)


def perform(visit: Visit, at: datetime) -> Answer:
    """Do what is asked and answer it; `at` stamps an error."""
    match visit.route.call:
        case "me":
            return _me(visit.account)
        case "list":
            return _list(visit)
    return _about_campaign(visit, at)


def _me(account: Account) -> Answer:
    # Only that it answers is known; a client that reads more out of it reads what was made up here.
    return json_answer(200, {"email": "sandbox@example.com", "company": account.name})


def _list(visit: Visit) -> Answer:
    query = visit.query
    found = visit.account.listed(query.get("status", ""), query.get("id", ""))
    return json_answer(200, [campaign.listed() for campaign in found]) if found else Answer(status=204)


def _about_campaign(visit: Visit, at: datetime) -> Answer:
    number = visit.route.campaign_id
    if number is None:
        return visit.error(400, at)
    campaign = visit.account.campaigns.get(number)
    if campaign is None:
        return visit.error(404, at)
    visit.entry.status_before = campaign.status
    answer = _obey(visit, campaign, at)
    visit.entry.status_after = campaign.status
    return answer


def _obey(visit: Visit, campaign: Campaign, at: datetime) -> Answer:
    status = _reply_status(visit, campaign)
    if status != 200:
        return visit.error(status, at, _refusal(status, campaign))
    if visit.route.call == "get":
        return json_answer(200, campaign.detailed())
    _change(visit, campaign)
    return _success(visit.variants)


def _reply_status(visit: Visit, campaign: Campaign) -> int:
    variants, call = visit.variants, visit.route.call
    if campaign.unsupported and call in ("get", "run"):
        return 409
    if call == "pause":
        return _pause_status(campaign, variants)
    return variants.run_on(campaign.status) if call == "run" else 200


def _pause_status(campaign: Campaign, variants: Variants) -> int:
    if campaign.unsupported and variants.pause_on_unsupported != 200:
        return variants.pause_on_unsupported
    return variants.pause_on(campaign.status)


def _refusal(status: int, campaign: Campaign) -> str | None:
    return None if campaign.unsupported and status == 409 else f"Campaign is {campaign.status}"


def _change(visit: Visit, campaign: Campaign) -> None:
    """Set the status. Running a campaign that Bounce Shield paused clears nothing: the mark stays for whoever asks."""
    visit.entry.acted = True
    match visit.route.call:
        case "pause" if campaign.status == "RUNNING" or visit.variants.idle_pause_changes:
            campaign.status = "PAUSED"
        case "run":
            campaign.status = "RUNNING"
        case "stop":
            campaign.status = "STOPPED"


def _success(variants: Variants) -> Answer:
    match variants.success_body:
        case "json":
            return json_answer(200, {"status": "OK"})
        case "text":
            return text_answer(200, "OK, <b>done</b>", "text/html")
        case "none":
            return Answer(status=200)
