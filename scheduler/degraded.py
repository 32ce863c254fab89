"""What is said, once each, when the ledger can't be written any more and when it can be written again."""

from collections.abc import Callable
from datetime import datetime
from typing import Final

from scheduler import systemd
from scheduler.errors import LedgerFault
from scheduler.ledger import work
from scheduler.ledger.database import Connection, Writer
from scheduler.logs import logger

# What the log and the journal call it.
BEGINS: Final = "ledger not writable"
IS_OVER: Final = "ledger writable again"
_MEANWHILE: Final = "pauses go out, and are kept in memory and in this log; resumes wait"

_log = logger()


class Degraded:
    """Watches a writer, from when it's made to its end; `when_over` is called when all can go on as before."""

    def __init__(self, writer: Writer, now: Callable[[], datetime]) -> None:
        self._writer = writer
        self._now = now
        self.when_over: Callable[[str], None] = lambda _: None
        self._told: LedgerFault | None = None
        self._since: datetime | None = None
        writer.when_changed = self._changed

    def _changed(self) -> None:
        fault, now = self._writer.fault, self._now()
        if fault is self._told:
            return
        self._told = fault
        if fault is None:
            self._is_over(now)
        else:
            self._begins(fault, now)

    def _begins(self, fault: LedgerFault, now: datetime) -> None:
        self._since = self._since or now
        _log.error(BEGINS, error=fault.why, meanwhile=_MEANWHILE, what_to_do=fault.advice)
        systemd.status(degraded_text(fault))
        self._note(now, BEGINS, {"why": fault.why})

    def _is_over(self, now: datetime) -> None:
        _log.info(IS_OVER, since=self._since, records="all are in it")
        systemd.status("the ledger is written again")
        self._note(now, IS_OVER, {"since": f"{self._since:%Y-%m-%dT%H:%M:%SZ}"})
        self._since = None
        self.when_over("the ledger")

    def _note(self, now: datetime, event: str, details: dict[str, str]) -> None:
        """Have a line in the journal, in its place among what's recorded; nobody waits for it."""

        def note(connection: Connection, _: object) -> list[None]:
            work.note(connection, now, event, details=details)
            return [None]

        self._writer.submit(note, None)


def degraded_text(fault: LedgerFault) -> str:
    """What isn't as it should be, and what a person does about it."""
    return f"degraded: the ledger can't be written ({fault.why}); {fault.advice}"
