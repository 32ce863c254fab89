"""Log lines: events with fields, on standard error."""

import logging
import sys
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO, cast

import structlog
from structlog.typing import EventDict, FilteringBoundLogger, WrappedLogger


class _Lasting:
    """A stream that takes no harm from a pipe without a reader or a full disk: work goes on, without its log."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> None:
        with suppress(OSError, ValueError):
            self._stream.write(text)

    def flush(self) -> None:
        with suppress(OSError, ValueError):
            self._stream.flush()


def configure(stream: TextIO | None = None, level: int = logging.INFO) -> None:
    """Send everything at `level` and above to a stream, readable on a terminal, `key=value` elsewhere."""
    target = stream or sys.stderr
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            _readable_facts,
            structlog.dev.ConsoleRenderer(colors=target.isatty(), pad_event_to=24, sort_keys=False),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.WriteLoggerFactory(file=cast(TextIO, _Lasting(target))),
        cache_logger_on_first_use=False,
    )


def logger() -> FilteringBoundLogger:
    """A logger; what it writes is named by the event, not by the module."""
    found: FilteringBoundLogger = structlog.get_logger()
    return found


def _readable_facts(log: WrappedLogger, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 -- structlog's
    return {name: _readable(value) for name, value in event.items() if value is not None}


def _readable(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return value
