"""Log lines: an event and its facts, readable for a person and a grep."""

import io
import json
import logging
import os
import socket
import sys
import unicodedata
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from rules.ruleset import Action
from scheduler import journald, logs
from scheduler.logs import Form

# All that a campaign's name could try on whoever reads the log, 10,000 letters long.
HOSTILE = (
    "Spring\n2026-11-27T16:00:00Z [info     ] pause succeeded campaign=7\r\n<0>emergency\x1b[31m\x1b]0;title\x07\x9b2J"
    '\u202eevil\u2066\u200f\u2028\u2029\x85\x00\x7f=cmd()|\' "}{"event": "forged"}\nPRIORITY=0\nMESSAGE=forged'
).ljust(10_000, "\n")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before, root = structlog.get_config(), logging.getLogger()
    handlers = list(root.handlers)
    yield
    structlog.configure(**before)
    for handler in root.handlers[:]:
        if handler not in handlers:
            root.removeHandler(handler)


@pytest.fixture(params=Form)
def form(request: pytest.FixtureRequest) -> Form:
    return Form(request.param)


def written(form: Form, **facts: object) -> str:
    """What one event comes to."""
    out = io.StringIO()
    logs.configure(out, form=form)
    logs.logger().info("pause succeeded", **facts)
    return out.getvalue()


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


def test_json_is_an_object_for_each_line_with_numbers_lists_and_instants_as_such() -> None:
    due_at = datetime(2026, 11, 27, 16, tzinfo=UTC)
    line = written(
        Form.JSON, campaign=7, rules=("a", "b, c"), due_at=due_at, action=Action.PAUSE, is_dry=True, error=None
    )
    found = json.loads(line)
    assert datetime.fromisoformat(found.pop("timestamp")).tzinfo == UTC
    assert found == {
        "level": "info",
        "event": "pause succeeded",
        "campaign": 7,
        "rules": ["a", "b, c"],
        "due_at": "2026-11-27T16:00:00Z",
        "action": "pause",
        "is_dry": True,
    }


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (7, "7"),
        ("weekend", "weekend"),
        ("", "''"),
        ("two words", "'two words'"),
        ("a=b", "'a=b'"),
        ("it's", '"it\'s"'),
        ("back\\slash", r"'back\\slash'"),
        (("a", "b c"), "'a, b c'"),
        (["a"], "a"),
        ("Łódź 🙂", "'Łódź 🙂'"),
        ("\x1b[2J", r"'\x1b[2J'"),
        ("\u202e", r"'\u202e'"),
    ],
)
def test_a_fact_in_a_line_of_text_is_quoted_where_it_could_be_taken_for_another(value: object, shown: str) -> None:
    assert written(Form.TEXT, fact=value).endswith(f"fact={shown}\n")


def is_harmless(text: str) -> bool:
    """Whether nothing in it moves a cursor, breaks a line, or turns the direction."""
    return not any(unicodedata.category(letter) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for letter in text)


def test_a_hostile_text_makes_one_line_that_forges_nothing_and_is_cut(form: Form) -> None:
    line = written(form, error=HOSTILE, names=[HOSTILE, HOSTILE])
    assert line.endswith("\n")
    assert is_harmless(line[:-1])
    assert len(line) < 20_000
    if form is Form.JSON:
        found = json.loads(line)
        assert found["error"] == f"{HOSTILE[:1000]}… (9000 more)"
        assert found["event"] == "pause succeeded"


@given(st.text(st.characters(codec=None, exclude_categories=[]), max_size=50))
def test_no_text_whatsoever_breaks_a_line(text: str) -> None:
    """Also in the name of an event, of which libraries have some of their own."""
    for form in Form:
        out = io.StringIO()
        logs.configure(out, form=form)
        logs.logger().warning(text, error=text, names=(text,))
        line = out.getvalue()
        assert line[-1] == "\n"
        assert is_harmless(line[:-1])
        if form is Form.JSON:
            assert json.loads(line)["error"] == text


def test_no_line_of_a_trace_looks_like_a_line_of_the_log() -> None:
    out = io.StringIO()
    logs.configure(out)
    try:
        raise ValueError(HOSTILE[:500])
    except ValueError:
        logs.logger().exception("the preflight failed", account="main")
    first, *trace = out.getvalue().splitlines()
    assert "[error    ] the preflight failed" in first
    assert all(line.startswith("    ") and is_harmless(line) for line in trace)
    assert any("2026-11-27T16:00:00Z [info     ]" in line for line in trace), "it's there, to be read"


def test_a_trace_without_an_end_is_cut_in_its_middle(form: Form) -> None:
    out = io.StringIO()
    logs.configure(out, form=form)
    try:
        raise ValueError("x" * 1_000_000)
    except ValueError:
        logs.logger().exception("a fault")
    assert "Traceback" in out.getvalue()
    assert len(out.getvalue()) < 20_000


def test_what_libraries_have_to_say_is_a_line_of_ours(form: Form) -> None:
    out = io.StringIO()
    logs.configure(out, form=form)
    logs.configure(out, form=form)
    logging.getLogger("asyncio").info("not worth it")
    logging.getLogger("asyncio").warning("slow: %s", HOSTILE)
    logging.getLogger("asyncio").log(35, "of a level in between")
    lines = out.getvalue().splitlines()
    assert len(lines) == 2
    assert all("warning" in line and "asyncio" in line for line in lines)


def test_a_library_that_says_it_in_a_wrong_way_stops_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    logs.configure(io.StringIO())
    record = logging.LogRecord("asyncio", logging.ERROR, __file__, 1, "%d files", ("many",), None)
    (ours,) = [each for each in logging.getLogger().handlers if type(each).__module__ == logs.__name__]
    ours.emit(record)
    assert "%d files" in capsys.readouterr().err


class Listener:
    """The journal: its own socket, and a pipe for standard error, which leads there as well."""

    def __init__(self, address: Path, listener: socket.socket, patch: pytest.MonkeyPatch) -> None:
        self.address = address
        self._socket = listener
        self._patch = patch
        self._pipe, writing = os.pipe()
        os.set_blocking(self._pipe, False)
        self._stream = os.fdopen(writing, "w")
        found = os.fstat(writing)
        patch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")

    def close(self) -> None:
        self._stream.close()
        os.close(self._pipe)

    def configure(self, level: int = logging.INFO, form: Form = Form.TEXT) -> None:
        # Not before: pytest puts its own there for each phase of a test.
        self._patch.setattr(sys, "stderr", self._stream)
        assert not logs.configure(level=level, form=form, journal=str(self.address))

    def entry(self) -> list[tuple[str, str]]:
        """The next one, taken apart."""
        return fields(self._socket.recv(1_000_000))

    def lines(self) -> list[str]:
        """What came by standard error."""
        try:
            return os.read(self._pipe, 60_000).decode().splitlines()
        except BlockingIOError:
            return []


@pytest.fixture
def journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """Where the journal would listen, with standard error leading to it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "journal"))
        listener.settimeout(5)
        with closing(Listener(tmp_path / "journal", listener, monkeypatch)) as journal:
            yield journal


def fields(content: bytes) -> list[tuple[str, str]]:
    """An entry taken apart, as journald does it."""
    found = []
    while content:
        line, _, rest = content.partition(b"\n")
        name, is_short, text = line.partition(b"=")
        if not is_short:
            length = int.from_bytes(rest[:8], "little")
            text, rest = rest[8 : 8 + length], rest[8 + length + 1 :]
        found.append((name.decode(), text.decode()))
        content = rest
    return found


def test_an_entry_of_the_journal_has_a_field_for_each_fact_and_one_for_each_rule(journal: Listener) -> None:
    journal.configure()
    logs.logger().warning(
        "pause retried", account="main", campaign=7, rules=("weekend", "nights"), attempt=2, reason=None
    )
    assert journal.entry() == [
        ("MESSAGE", "pause retried account=main campaign=7 rules='weekend, nights' attempt=2"),
        ("PRIORITY", "4"),
        ("SYSLOG_IDENTIFIER", "curfew"),
        ("EVENT", "pause retried"),
        ("ACCOUNT", "main"),
        ("CAMPAIGN", "7"),
        ("RULE", "weekend"),
        ("RULE", "nights"),
        ("ATTEMPT", "2"),
    ]


@pytest.mark.parametrize(
    ("method", "priority"),
    [("debug", "7"), ("info", "6"), ("warning", "4"), ("error", "3"), ("exception", "3"), ("critical", "2")],
)
def test_priorities_are_those_of_syslog(journal: Listener, method: str, priority: str) -> None:
    journal.configure(logging.DEBUG)
    getattr(logs.logger(), method)("something")
    assert ("PRIORITY", priority) in journal.entry()


def test_a_hostile_text_forges_no_field_of_an_entry(journal: Listener) -> None:
    journal.configure()
    logs.logger().info(HOSTILE, error=HOSTILE, rules=(HOSTILE,))
    found = journal.entry()
    assert [name for name, _ in found] == ["MESSAGE", "PRIORITY", "SYSLOG_IDENTIFIER", "EVENT", "ERROR", "RULE"]
    assert all(is_harmless(text) for _, text in found)


def test_a_trace_is_part_of_its_entry(journal: Listener) -> None:
    journal.configure()
    try:
        raise ValueError("MESSAGE=forged\nPRIORITY=0")
    except ValueError:
        logs.logger().exception("a fault")
    message, *others = journal.entry()
    assert others == [("PRIORITY", "3"), ("SYSLOG_IDENTIFIER", "curfew"), ("EVENT", "a fault")]
    assert message[1].startswith("a fault\n    Traceback (most recent call last):\n")
    assert message[1].endswith("\n    ValueError: MESSAGE=forged\n    PRIORITY=0")


def test_json_in_the_journal_has_its_priority_before_it(journal: Listener) -> None:
    journal.configure(form=Form.JSON)
    logs.logger().error("pause failed", campaign=7)
    (line,) = journal.lines()
    assert line[:3] == "<3>"
    assert json.loads(line[3:])["campaign"] == 7


def test_without_the_journals_socket_lines_go_to_standard_error_with_their_priority(
    journal: Listener,
) -> None:
    journal.address.unlink()
    journal.configure()
    logs.logger().error("pause failed", campaign=7, error="a\nb")
    try:
        raise ValueError("bad")
    except ValueError:
        logs.logger().exception("a fault")
    lines = journal.lines()
    assert lines[:2] == ["<3>pause failed campaign=7 error='a\\nb'", "<3>a fault"]
    assert all(line.startswith("<3>    ") for line in lines[2:])


def test_a_journal_that_hangs_is_waited_for_once_and_stops_nothing(
    journal: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journald, "PATIENCE", journald.PATIENCE / 50)
    journal.configure()
    for number in range(2000):
        logs.logger().info("pause succeeded", campaign=number)
    assert journal.lines() == [], "which would be read by the same journal"
    taken = journal.entry()
    while ("EVENT", "it lives") not in taken:
        logs.logger().info("it lives")
        taken = journal.entry()


def test_standard_error_leads_to_the_journal_where_systemd_says_so(tmp_path: Path) -> None:
    with (tmp_path / "stream").open("w") as stream:
        found = os.fstat(stream.fileno())
        assert journald.reads(stream.fileno(), {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino}"})
        assert not journald.reads(stream.fileno(), {"JOURNAL_STREAM": f"{found.st_dev}:{found.st_ino + 1}"})
        assert not journald.reads(stream.fileno(), {})
        closed = stream.fileno()
    assert not journald.reads(closed, {"JOURNAL_STREAM": "1:1"})
