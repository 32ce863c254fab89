"""What was asked and what came of it, for tests to read."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from scheduler.sandbox.campaigns import Status
from scheduler.sandbox.faults import Effect
from scheduler.sandbox.wire import Call


@dataclass(slots=True, kw_only=True)
class Entry:
    """One request under `/rest`, filled in while it goes on; the API key is nowhere in it.

    Attributes:
        sequence: counted from 1, in the order in which requests came in.
        answered_at: when it was answered or dropped; None while it's under way.
        account: "main", or the company id.
        call: None for a path or method that Woodpecker doesn't have.
        http_status: None while it's under way, and if the connection was dropped.
        acted: whether a pause, run or stop was carried out.
        status_before: the campaign's status when the request got to it; None if it never did, spoilt or refused before.
        handling: how many requests of the account were being handled when this one was, itself included: never more
            than 1, by Woodpecker's own limit. 0 if it was refused and so never handled.
        in_flight: how many of the account had come in and weren't answered yet, itself included: more than 1 means
            that the client sent two at a time, or gave one up and didn't wait for Woodpecker to be done with it.
        queued_ms: how long it waited for its turn.
        fault: what spoilt it.
    """

    sequence: int
    received_at: datetime
    account: str
    in_flight: int
    answered_at: datetime | None = None
    call: Call | None = None
    campaign: int | None = None
    http_status: int | None = None
    acted: bool = False
    status_before: Status | None = None
    status_after: Status | None = None
    handling: int = 0
    queued_ms: float = 0.0
    fault: Effect | None = None

    def as_json(self) -> dict[str, object]:
        """The entry with its instants as UTC text that sorts."""
        values: dict[str, object] = {name: getattr(self, name) for name in self.__slots__}
        values["received_at"] = _utc_text(self.received_at)
        values["answered_at"] = _utc_text(self.answered_at)
        return values


class RequestLog:
    """All entries in their order; adding one costs the same however many there are."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self._last = 0

    def open(self, *, account: str, in_flight: int, at: datetime) -> Entry:
        """Begin the entry of a request that has just come in."""
        self._last += 1
        entry = Entry(sequence=self._last, received_at=at, account=account, in_flight=in_flight)
        self.entries.append(entry)
        return entry

    def after(self, sequence: int) -> Iterator[Entry]:
        """The entries after that one, found without a walk over those before."""
        skipped = sequence - (self._last - len(self.entries))
        return iter(self.entries[max(skipped, 0) :])

    def clear(self) -> None:
        """Forget the entries; the counting goes on, so that a sequence number never means two requests."""
        self.entries.clear()


def _utc_text(at: datetime | None) -> str | None:
    return f"{at:%Y-%m-%dT%H:%M:%S.%fZ}" if at else None
