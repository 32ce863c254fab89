"""Log lines: events with facts, on standard error, or as entries with fields in systemd's journal.

Whatever a fact says, and wherever it comes from, it makes one line that looks like itself: what can't be printed is
escaped in every form, and long texts are cut.
"""

import json
import logging
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from typing import Any, Final, TextIO, cast

import structlog
from structlog.dev import ConsoleRenderer, plain_traceback
from structlog.typing import EventDict, FilteringBoundLogger, Processor, WrappedLogger

from scheduler import journald
from scheduler.texts import escaped

# Of one fact; of a trace, its beginning and its end.
LONGEST: Final = 1000
LONGEST_TRACE: Final = 16_000
# Those of syslog(3).
PRIORITIES: Final = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}

# What is no fact of an event, but there of each.
_FRAME: Final = ("timestamp", "level", "event", "exception")
_MARKS: Final = frozenset(" =\"'\\")


class Form(StrEnum):
    """How lines are written."""

    TEXT = "text"
    JSON = "json"


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


def configure(
    stream: TextIO | None = None,
    level: int = logging.INFO,
    form: Form = Form.TEXT,
    *,
    journal: str = journald.ADDRESS,
) -> bool:
    """Send everything at `level` and above to a stream, by itself standard error; gives whether it's lines of text.

    On a terminal they're coloured. Where standard error leads to systemd's journal, text becomes entries with fields,
    and JSON has its priority before it, which the journal takes off.
    """
    target = stream or sys.stderr
    is_journal = stream is None and _leads_to_journal(target)
    lines = structlog.WriteLoggerFactory(file=cast(TextIO, _Lasting(target)))
    if form is Form.JSON:
        _use(level, lines, partial(_prefixed, _json) if is_journal else _json)
    elif is_journal:
        _use(level, partial(_Journal, journald.Journal(journal), lines()), _whole)
    else:
        _use(level, lines, _Text(is_coloured=target.isatty()))
    return form is Form.TEXT and not is_journal


def _leads_to_journal(target: TextIO) -> bool:
    try:
        return journald.reads(target.fileno())
    except (OSError, ValueError):
        return False


def _use(level: int, factory: Any, renderer: Processor) -> None:
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _plain,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=factory,
        cache_logger_on_first_use=False,
    )
    _take_in_others()


def logger() -> FilteringBoundLogger:
    """A logger; what it writes is named by the event, not by the module."""
    found: FilteringBoundLogger = structlog.get_logger()
    return found


class _FromLibraries(logging.Handler):
    """What libraries log is ours to tell: a line of another form would be none to whoever reads JSON."""

    def emit(self, record: logging.LogRecord) -> None:
        level = min(record.levelno // 10 * 10, logging.CRITICAL)
        try:
            logger().log(level, record.getMessage(), library=record.name, exc_info=record.exc_info)
        except Exception:  # noqa: BLE001 -- what a library says in a wrong way must not be a fault where it says it
            self.handleError(record)


def _take_in_others() -> None:
    root = logging.getLogger()
    if not any(isinstance(handler, _FromLibraries) for handler in root.handlers):
        root.addHandler(_FromLibraries(logging.WARNING))


def _plain(log: WrappedLogger, method: str, event: EventDict) -> EventDict:  # noqa: ARG001 -- structlog's signature
    """The frame first, then the facts, as text, numbers, truth and lists; those of None are left out."""
    frame = {name: str(event[name]) for name in _FRAME if name in event}
    if "exception" in frame:
        frame["exception"] = _without_middle(frame["exception"])
    facts = {name: _fact(value) for name, value in event.items() if name not in _FRAME and value is not None}
    return frame | {"event": _cut(frame["event"])} | facts


def _fact(value: Any) -> Any:
    match value:
        case bool() | int() | float():
            return value
        case datetime():
            return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        case list() | tuple():
            return [_fact(each) for each in value]
        case _:
            return _cut(str(value))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[:LONGEST]}… ({len(text) - LONGEST} more)"


def _without_middle(trace: str) -> str:
    half = LONGEST_TRACE // 2
    return trace if len(trace) <= LONGEST_TRACE else f"{trace[:half]}\n…\n{trace[-half:]}"


class _Shown:
    """A fact as it's read in a line of text; structlog asks for its `repr`."""

    def __init__(self, value: Any) -> None:
        self._value = value

    def __repr__(self) -> str:
        text = _words(self._value)
        return text if text and text.isprintable() and _MARKS.isdisjoint(text) else repr(text)


def _words(value: Any) -> str:
    return _cut(", ".join(map(_words, value))) if isinstance(value, list) else str(value)


def _facts(event: EventDict) -> Iterator[tuple[str, Any]]:
    return ((name, value) for name, value in event.items() if name not in _FRAME)


class _Text:
    """Lines of text: time, level, event and facts. A trace stands below, where no line begins as a log's does."""

    def __init__(self, *, is_coloured: bool) -> None:
        # The trace is text already; otherwise structlog would look for its own way to show one.
        self._render = ConsoleRenderer(
            colors=is_coloured, pad_event_to=24, sort_keys=False, exception_formatter=plain_traceback
        )

    def __call__(self, log: WrappedLogger, method: str, event: EventDict) -> str:
        shown = {name: _Shown(value) for name, value in _facts(event)}
        frame = {name: escaped(event[name]) for name in ("timestamp", "level", "event")}
        trace = {"exception": _trace(event)} if "exception" in event else {}
        return self._render(log, method, frame | shown | trace)


def _trace(event: EventDict) -> str:
    return "\n".join(f"    {escaped(line)}" for line in event["exception"].split("\n"))


def _json(log: WrappedLogger, method: str, event: EventDict) -> str:  # noqa: ARG001 -- structlog's signature
    # Beyond ASCII all is escaped, and so is what JSON leaves alone of ASCII.
    return json.dumps(event).replace("\x7f", "\\u007f")


def _prefixed(renderer: Processor, log: WrappedLogger, method: str, event: EventDict) -> str:
    return f"<{PRIORITIES[event['level']]}>{renderer(log, method, event)!s}"


def _whole(log: WrappedLogger, method: str, event: EventDict) -> tuple[tuple[EventDict], dict[str, Any]]:  # noqa: ARG001
    """The event itself as what the logger is called with."""
    return (event,), {}


class _Journal:
    """Writes events as entries of the journal; where it isn't there, as lines with their priority."""

    def __init__(self, journal: journald.Journal, lines: Any) -> None:
        self._journal = journal
        self._lines = lines

    def msg(self, event: EventDict) -> None:
        message = _message(event)
        is_sent = self._journal.send(journald.entry(_fields(event, message)))
        # Lines go to the journal as well: one that hangs would stop us there.
        if not is_sent and not self._journal.hangs:
            priority = PRIORITIES[event["level"]]
            self._lines.msg("\n".join(f"<{priority}>{line}" for line in message.split("\n")))

    log = debug = info = warn = warning = err = error = critical = exception = msg


def _message(event: EventDict) -> str:
    line = " ".join([escaped(event["event"]), *(f"{name}={_Shown(value)!r}" for name, value in _facts(event))])
    return f"{line}\n{_trace(event)}" if "exception" in event else line


def _fields(event: EventDict, message: str) -> Iterable[tuple[str, str]]:
    yield "MESSAGE", message
    yield "PRIORITY", str(PRIORITIES[event["level"]])
    yield "SYSLOG_IDENTIFIER", "curfew"
    yield "EVENT", escaped(event["event"])
    for name, value in _facts(event):
        # Rules are asked for one by one: RULE=weekend.
        for each in value if isinstance(value, list) else [value]:
            yield (name.removesuffix("s") if isinstance(value, list) else name).upper(), escaped(_words(each))
