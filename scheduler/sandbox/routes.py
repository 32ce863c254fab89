"""Which call a path means."""

from dataclasses import dataclass

from scheduler.sandbox.wire import Call


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """A call, the one method that it takes, and the campaign as the path writes it."""

    call: Call
    method: str
    target: str = ""

    @property
    def campaign_id(self) -> int | None:
        """The campaign asked for; None if the call has none, or the path doesn't write a number."""
        return whole_number(self.target)


def whole_number(written: str) -> int | None:
    """The number that the text writes in plain digits; None if it doesn't."""
    # 18 digits: what is longer fits no database's integer, and int() refuses some lengths with an error of its own.
    return int(written) if written.isascii() and written.isdecimal() and len(written) <= 18 else None


def find_route(path: str) -> Route | None:
    """The call behind a path that begins with `/rest/`; None if Woodpecker has none there."""
    match path.split("/")[2:]:
        case ["v1", "me"]:
            return Route(call="me", method="GET")
        case ["v1", "campaign_list"]:
            return Route(call="list", method="GET")
        case ["v2", "campaigns", target] if target:
            return Route(call="get", method="GET", target=target)
        case ["v2", "campaigns", target, "pause" | "run" | "stop" as call] if target:
            return Route(call=call, method="POST", target=target)
    return None
