"""JSON objects checked field by field, for the control API."""

from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any

Check = Callable[[object], Any]


class FieldError(ValueError):
    """What's wrong with a body, in words for whoever sent it."""


def checked(raw: object, checks: Mapping[str, Check]) -> dict[str, Any]:
    """The fields of a JSON object, each as its check returns it.

    Raises:
        FieldError: it isn't an object, has a field without a check, or a value that its check refuses.
    """
    if not isinstance(raw, dict):
        raise FieldError("a JSON object is wanted")
    unknown = sorted(raw.keys() - checks.keys())
    if unknown:
        raise FieldError(f"unknown: {', '.join(unknown)}; known: {', '.join(sorted(checks))}")
    return {name: _one(name, value, checks[name]) for name, value in raw.items()}


def _one(name: str, value: object, check: Check) -> Any:
    try:
        return check(value)
    except FieldError as wrong:
        raise FieldError(f"{name}: {wrong}") from None


def text(value: object) -> str:
    """A string."""
    if not isinstance(value, str):
        raise FieldError("a string is wanted")
    return value


def flag(value: object) -> bool:
    """A boolean."""
    if not isinstance(value, bool):
        raise FieldError("true or false is wanted")
    return value


def between(low: float, high: float) -> Check:
    """A number from `low` to `high`, both included."""

    def check(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float) or not low <= value <= high:
            raise FieldError(f"a number from {low:g} to {high:g} is wanted")
        return value

    return check


def whole(low: int, high: int) -> Check:
    """A whole number from `low` to `high`, both included."""

    def check(value: object) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
            raise FieldError(f"a whole number from {low} to {high} is wanted")
        return value

    return check


def seconds(value: object) -> timedelta:
    """A duration of up to a day, from a number of seconds."""
    return timedelta(seconds=between(0, 86400)(value))


def one_of(*choices: object) -> Check:
    """One of the values listed."""

    def check(value: object) -> object:
        # True is 1 and 1.0 is 1 to Python, not to whoever reads the JSON.
        if not any(value == choice and type(value) is type(choice) for choice in choices):
            raise FieldError(f"one of {', '.join(map(str, choices))} is wanted")
        return value

    return check


def nullable(check: Check) -> Check:
    """What the check takes, or null."""
    return lambda value: None if value is None else check(value)
