"""The control API under `/sandbox/`: look at what happened, and do what a person, Woodpecker or bad luck would."""

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any, Protocol, get_args

from scheduler.sandbox.accounts import Account
from scheduler.sandbox.campaigns import STATUSES, Campaign
from scheduler.sandbox.faults import EFFECTS, Fault, Faults
from scheduler.sandbox.fields import (
    Check,
    FieldError,
    between,
    checked,
    flag,
    nullable,
    one_of,
    seconds,
    text,
    whole,
)
from scheduler.sandbox.request_log import RequestLog
from scheduler.sandbox.routes import whole_number
from scheduler.sandbox.variants import CommandStatus, ErrorBody, RetryAfterForm, SuccessBody, Variants
from scheduler.sandbox.wire import CALLS, Answer, Request, json_answer, text_answer

GUIDE = """\
This is not Woodpecker. It is Curfew's sandbox: it answers like Woodpecker's API under /rest, keeps everything in
memory, and sends no mail. No key is needed below /sandbox/, which isn't part of Woodpecker:

GET    /sandbox/log                 requests under /rest; ?after=SEQUENCE and ?account=NAME narrow it
DELETE /sandbox/log                 forget them
GET    /sandbox/campaigns           the campaigns of an account; ?account=COMPANY_ID, main without it
POST   /sandbox/campaigns           add one: name, status, folder, timezone, prospect_timezone,
                                    bounce_shield_autopaused_at, unsupported; all optional
GET    /sandbox/campaigns/ID        one of them
PATCH  /sandbox/campaigns/ID        change it, as a person or Woodpecker itself would
GET    /sandbox/faults              the faults in force
POST   /sandbox/faults              add one: effect, call, campaign, account, times, probability, status, body, detail,
                                    delay_seconds
DELETE /sandbox/faults              clear them
GET    /sandbox/variants            how Woodpecker behaves where nobody knows
PUT    /sandbox/variants            set them; what is left out gets its default (PATCH: stays)
GET    /sandbox/latency             how long every call takes
PUT    /sandbox/latency             {"seconds": 0.2}
POST   /sandbox/reset               all as it was at the start
"""

_COMMAND = one_of(*get_args(CommandStatus))
_ERROR_BODY = one_of(*get_args(ErrorBody))

_CAMPAIGN_FIELDS: dict[str, Check] = {
    "name": text,
    "status": one_of(*STATUSES),
    "folder": text,
    "timezone": text,
    "prospect_timezone": flag,
    "bounce_shield_autopaused_at": nullable(text),
    "unsupported": flag,
}
_FAULT_FIELDS: dict[str, Check] = {
    "effect": one_of(*EFFECTS),
    "call": nullable(one_of(*CALLS)),
    "campaign": nullable(whole(0, 10**18)),
    "account": nullable(text),
    "times": nullable(whole(1, 10**9)),
    "probability": between(0, 1),
    "status": whole(200, 599),
    "body": nullable(text),
    "detail": nullable(text),
    "delay_seconds": seconds,
}
_VARIANT_FIELDS: dict[str, Check] = {
    "pause_on_paused": _COMMAND,
    "pause_on_completed": _COMMAND,
    "pause_on_draft": _COMMAND,
    "pause_on_stopped": _COMMAND,
    "pause_on_edited": _COMMAND,
    "pause_on_unsupported": one_of(200, 409),
    "idle_pause_changes": flag,
    "run_on_running": _COMMAND,
    "forbidden_body": _ERROR_BODY,
    "forbidden_detail": text,
    "conflict_body": _ERROR_BODY,
    "retry_after_seconds": nullable(seconds),
    "retry_after_form": one_of(*get_args(RetryAfterForm)),
    "success_body": one_of(*get_args(SuccessBody)),
    "timestamp_offset": flag,
}


class Controlled(Protocol):
    """What the control API needs of a sandbox."""

    variants: Variants
    latency: timedelta
    faults: Faults
    requests: RequestLog

    def account(self, name: str = ...) -> Account:
        """The account of that name, made if it's new."""

    def reset(self) -> None:
        """All as it was at the start."""


class Control:
    """The control API of one sandbox."""

    def __init__(self, sandbox: Controlled) -> None:
        self._sandbox = sandbox
        self._table: dict[tuple[str, ...], dict[str, Callable[[Request], Answer]]] = {
            (): {"GET": lambda _: text_answer(200, GUIDE)},
            ("log",): {"GET": self._read_log, "DELETE": self._clear_log},
            ("campaigns",): {"GET": self._list_campaigns, "POST": self._add_campaign},
            ("campaigns", "ID"): {"GET": self._read_campaign, "PATCH": self._change_campaign},
            ("faults",): {"GET": self._list_faults, "POST": self._add_fault, "DELETE": self._clear_faults},
            ("variants",): {
                "GET": self._read_variants,
                "PUT": self._set_variants,
                "PATCH": self._change_variants,
            },
            ("latency",): {"GET": self._read_latency, "PUT": self._set_latency},
            ("reset",): {"POST": self._reset},
        }

    def answer(self, request: Request) -> Answer:
        """Answer a request under `/sandbox`: with `{"error": ...}` in the sandbox's own words if it's wrong."""
        methods = self._table.get(_place(request.path))
        if methods is None:
            return _wrong(404, "no such path; GET /sandbox/ says what there is")
        if request.method not in methods:
            refused = _wrong(405, f"this path takes {', '.join(methods)}")
            return replace(refused, headers={"Allow": ", ".join(methods)})
        try:
            return methods[request.method](request)
        except FieldError as wrong:
            return _wrong(400, str(wrong))

    def _account(self, request: Request) -> Account:
        name = request.query.get("account")
        return self._sandbox.account(name) if name else self._sandbox.account()

    def _read_log(self, request: Request) -> Answer:
        after, account = whole_number(request.query.get("after", "0")), request.query.get("account")
        if after is None:
            raise FieldError("after: a sequence number is wanted")
        found = self._sandbox.requests.after(after)
        return json_answer(200, [entry.as_json() for entry in found if account in (None, entry.account)])

    def _clear_log(self, _: Request) -> Answer:
        self._sandbox.requests.clear()
        return Answer(status=204)

    def _list_campaigns(self, request: Request) -> Answer:
        return json_answer(200, [asdict(campaign) for campaign in self._account(request).campaigns.values()])

    def _add_campaign(self, request: Request) -> Answer:
        values = checked(_json(request), _CAMPAIGN_FIELDS)
        account = self._account(request)
        number = account.next_id()
        campaign = Campaign(**{"id": number, "name": f"Campaign {number}", **values})
        account.campaigns[number] = campaign
        return json_answer(201, asdict(campaign))

    def _read_campaign(self, request: Request) -> Answer:
        campaign = self._campaign(request)
        return json_answer(200, asdict(campaign)) if campaign else _wrong(404, "no such campaign")

    def _change_campaign(self, request: Request) -> Answer:
        campaign = self._campaign(request)
        if campaign is None:
            return _wrong(404, "no such campaign")
        for name, value in checked(_json(request), _CAMPAIGN_FIELDS).items():
            setattr(campaign, name, value)
        return json_answer(200, asdict(campaign))

    def _campaign(self, request: Request) -> Campaign | None:
        number = whole_number(request.path.rstrip("/").rpartition("/")[2])
        return None if number is None else self._account(request).campaigns.get(number)

    def _list_faults(self, _: Request) -> Answer:
        return json_answer(200, [_fault_json(fault, left) for fault, left in self._sandbox.faults.left()])

    def _add_fault(self, request: Request) -> Answer:
        fault = Fault(**_without_seconds(checked(_json(request), _FAULT_FIELDS)))
        self._sandbox.faults.add(fault)
        return json_answer(201, _fault_json(fault, fault.times))

    def _clear_faults(self, _: Request) -> Answer:
        self._sandbox.faults.clear()
        return Answer(status=204)

    def _read_variants(self, _: Request) -> Answer:
        return json_answer(200, _with_seconds(asdict(self._sandbox.variants)))

    def _set_variants(self, request: Request) -> Answer:
        self._sandbox.variants = Variants(**_without_seconds(checked(_json(request), _VARIANT_FIELDS)))
        return self._read_variants(request)

    def _change_variants(self, request: Request) -> Answer:
        changes = _without_seconds(checked(_json(request), _VARIANT_FIELDS))
        self._sandbox.variants = replace(self._sandbox.variants, **changes)
        return self._read_variants(request)

    def _read_latency(self, _: Request) -> Answer:
        return json_answer(200, {"seconds": self._sandbox.latency.total_seconds()})

    def _set_latency(self, request: Request) -> Answer:
        values = checked(_json(request), {"seconds": seconds})
        if "seconds" not in values:
            raise FieldError("seconds: is missing")
        self._sandbox.latency = values["seconds"]
        return self._read_latency(request)

    def _reset(self, _: Request) -> Answer:
        self._sandbox.reset()
        return Answer(status=204)


def _place(path: str) -> tuple[str, ...]:
    """The path as the table writes it."""
    parts = tuple(part for part in path.split("/")[2:] if part)
    return ("campaigns", "ID") if len(parts) == 2 and parts[0] == "campaigns" else parts


def _json(request: Request) -> object:
    try:
        return json.loads(request.body)
    except ValueError:
        raise FieldError("the body isn't JSON") from None


def _wrong(status: int, message: str) -> Answer:
    return json_answer(status, {"error": message})


def _fault_json(fault: Fault, left: int | None) -> dict[str, Any]:
    return {**_with_seconds(asdict(fault)), "left": left}


def _with_seconds(values: Mapping[str, Any]) -> dict[str, Any]:
    """Durations as the wire has them: numbers, under a name that says the unit."""
    written = {name: value for name, value in values.items() if name not in ("delay", "retry_after")}
    for name in values.keys() - written.keys():
        duration: timedelta | None = values[name]
        written[f"{name}_seconds"] = None if duration is None else duration.total_seconds()
    return written


def _without_seconds(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removesuffix("_seconds"): value for name, value in values.items()}
