"""Log lines: an event and its facts, readable for a person and a grep."""

import io
import logging
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
import structlog

from scheduler import logs


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_an_instant_is_shown_in_utc_to_the_second() -> None:
    out = io.StringIO()
    logs.configure(out)
    logs.logger().info("pause due", due_at=datetime(2026, 11, 27, 17, 0, 1, 5, tzinfo=ZoneInfo("Europe/Warsaw")))
    assert "due_at=2026-11-27T16:00:01Z" in out.getvalue()


def test_a_fact_of_none_is_left_out_and_a_zero_is_not() -> None:
    out = io.StringIO()
    logs.configure(out)
    logs.logger().warning("pause retried", reason=None, attempt=0, error="")
    line = out.getvalue()
    assert "reason" not in line
    assert "attempt=0" in line
    assert "warning" in line


def test_a_line_has_no_colours_where_nobody_looks() -> None:
    out = io.StringIO()
    logs.configure(out)
    logs.logger().error("pause failed", campaign=7)
    assert "\x1b" not in out.getvalue()
    assert out.getvalue().count("\n") == 1


@pytest.mark.parametrize(("level", "lines"), [(logging.DEBUG, 3), (logging.INFO, 2), (logging.WARNING, 1)])
def test_what_is_below_the_level_is_not_written(level: int, lines: int) -> None:
    out = io.StringIO()
    logs.configure(out, level)
    log = logs.logger()
    log.debug("woken")
    log.info("pause succeeded")
    log.warning("pause retried")
    assert out.getvalue().count("\n") == lines


def test_lines_go_to_standard_error_when_nothing_else_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure()
    logs.logger().info("daemon started")
    seen = capsys.readouterr()
    assert ("daemon started" in seen.err, seen.out) == (True, "")


def test_a_logger_taken_before_configuring_follows_the_configuration() -> None:
    """Modules take theirs when they're imported, before the verb has set anything up."""
    early, out = logs.logger(), io.StringIO()
    logs.configure(out)
    early.info("daemon started")
    assert "daemon started" in out.getvalue()


class Broken(io.StringIO):
    """A pipe whose reader has gone, a full disk, a stream that was closed."""

    def __init__(self, error: Exception, *, at: str) -> None:
        super().__init__()
        self._error, self._at = error, at

    def write(self, text: str) -> int:
        if self._at == "write":
            raise self._error
        return super().write(text)

    def flush(self) -> None:
        if self._at == "flush":
            raise self._error


@pytest.mark.parametrize("at", ["write", "flush"])
@pytest.mark.parametrize("error", [BrokenPipeError(), OSError(28, "No space left on device"), ValueError("closed")])
def test_a_log_that_cannot_be_written_stops_nothing(error: Exception, at: str) -> None:
    logs.configure(Broken(error, at=at))
    logs.logger().info("pause succeeded")
