"""Woodpecker's errors: v2 writes them in three ways, v1 in one."""

from dataclasses import replace
from datetime import datetime
from http import HTTPStatus
from typing import Literal

from scheduler.sandbox.variants import ErrorBody, Variants
from scheduler.sandbox.wire import Answer, Call, json_answer, text_answer

Shape = ErrorBody | Literal["type"]

_V1_CALLS: frozenset[Call] = frozenset({"me", "list"})
_DETAILS = {
    400: "Value of campaign_id is incorrect.",
    401: "Invalid api key",
    404: "Campaign not found",
    409: "Campaign is not supported",
    429: "Too many requests",
}
# Known: CAMPAIGN_NOT_EXIST, E_SESSION, E_NO_PERMISSION, E_TOO_MANY_REQUESTS.
# The others fill gaps, and nobody may rely on them.
_V2_CODES = {403: "E_NO_PERMISSION", 404: "CAMPAIGN_NOT_EXIST", 409: "CAMPAIGN_NOT_SUPPORTED"}
_V1_CODES = {401: "E_SESSION", 403: "E_NO_PERMISSION", 429: "E_TOO_MANY_REQUESTS"}


def error(status: int, *, call: Call, variants: Variants, at: datetime, detail: str | None = None) -> Answer:
    """The body that Woodpecker documents for that status of that call.

    `at` is stamped into the body, in UTC. `detail` takes the place of the usual explanation.
    """
    shape = error_shape(status, call, variants)
    said = detail or explanation(status, call, variants)
    answer = _written(shape, status, said, v1=call in _V1_CALLS, at=at, offset=variants.timestamp_offset)
    if status in (429, 503) or (status == 409 and call in _V1_CALLS):
        return replace(answer, headers=variants.retry_headers(at))
    return answer


def no_such_path(path: str, *, at: datetime) -> Answer:
    """The 404 for a path that Woodpecker doesn't have: no campaign is missing, so it isn't said."""
    return _written("v1" if "/v1/" in path else "title", 404, "No such path", v1=True, at=at, offset=False)


def wrong_method(call: Call, allowed: str, *, at: datetime) -> Answer:
    """The 405, with the one method that the path takes."""
    shape: Shape = "v1" if call in _V1_CALLS else "title"
    answer = _written(shape, 405, "Method not allowed", v1=True, at=at, offset=False)
    return replace(answer, headers={"Allow": allowed})


def error_shape(status: int, call: Call, variants: Variants) -> Shape:
    """Which of the shapes that call writes that status in."""
    if call in _V1_CALLS:
        return "v1"
    if status >= 500:
        return "type"
    shapes: dict[int, Shape] = {403: variants.forbidden_body, 404: "code", 409: variants.conflict_body}
    return shapes.get(status, "title")


def explanation(status: int, call: Call, variants: Variants) -> str:
    """What that status of that call says in words."""
    if status >= 500:
        return f"Unknown error during {call} campaign call"
    if status == 403:
        return variants.forbidden_detail
    if status == 409 and call in _V1_CALLS:
        return _DETAILS[429]
    return _DETAILS.get(status, _title(status))


def _written(shape: Shape, status: int, detail: str, *, v1: bool, at: datetime, offset: bool) -> Answer:
    match shape:
        case "title":
            return json_answer(status, _titled(status, detail, at, offset))
        case "code":
            code = _V2_CODES.get(status, "UNKNOWN")
            return json_answer(status, {"code": code, "message": detail, "details": None})
        case "type":
            return json_answer(status, {"type": "UNKNOWN", "message": detail, "details": None})
        case "v1":
            code = _v1_code(status, v1)
            return json_answer(status, {"status": {"status": "ERROR", "code": code, "msg": detail}})
        case "empty":
            return Answer(status=status)
        case "text":
            return text_answer(status, f"<html><body>{detail}</body></html>", "text/html")


def _titled(status: int, detail: str, at: datetime, offset: bool) -> dict[str, object]:
    stamp = f"{at:%Y-%m-%d %H:%M:%S}" + ("+00:00" if offset else "")
    return {"title": _title(status), "status": status, "detail": detail, "timestamp": stamp}


def _v1_code(status: int, v1: bool) -> str:
    if status == 409:
        # In v2 a 409 is for good; written with v1's code for it, it would read as "too many requests".
        return "E_TOO_MANY_REQUESTS" if v1 else "E_CONFLICT"
    return _V1_CODES.get(status, "E_UNKNOWN")


def _title(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Error"
