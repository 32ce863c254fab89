"""What comes in and what goes out, free of any HTTP library."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

Call = Literal["me", "list", "get", "pause", "run", "stop"]
CALLS: tuple[Call, ...] = get_args(Call)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One HTTP request; an empty `key` or `company` is the same as none."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    key: str = field(default="", repr=False)
    company: str = ""
    body: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One HTTP answer, complete."""

    status: int
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)


def json_answer(status: int, value: object) -> Answer:
    """The answer with a JSON body."""
    return Answer(status=status, body=json.dumps(value).encode())


def text_answer(status: int, text: str, content_type: str = "text/plain") -> Answer:
    """The answer with a body that isn't JSON."""
    return Answer(status=status, body=text.encode(), content_type=content_type)
