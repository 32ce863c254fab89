"""What `curfew run` writes: to a person, to a program, and into the journal."""

import json
import os
import subprocess
import sys
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from scheduler import daemon
from tests.acceptance.command_line import FILE, Curfew
from tests.acceptance.processes import daemon_process, environment, sandbox_process, wait_until, window, write_rules

HOUR = timedelta(hours=1)


def objects(text: str) -> list[dict[str, Any]]:
    """JSON lines; whatever isn't one, fails."""
    return [json.loads(line) for line in text.splitlines()]


def test_every_line_is_an_object_from_the_start_to_the_end(tmp_path: Path) -> None:
    with sandbox_process(campaigns=1) as sandbox:
        sandbox.fault(status=500, call="pause", times=1)
        write_rules(tmp_path, sandbox.base_url, window(-HOUR, HOUR))
        with daemon_process(tmp_path, "--log-format", "json", "--log-level", "warning") as daemon:
            wait_until(lambda: set(sandbox.statuses().values()) == {"PAUSED"}, "it's paused")
            daemon.process.terminate()
            assert daemon.ended() == 0
            lines = objects(daemon.log.read_text())
    (line,) = [line for line in lines if line["event"] == "pause retried"]
    assert (line["level"], line["campaign"], line["attempt"], line["rules"]) == ("warning", 1000001, 1, ["quiet"])
    assert {each["level"] for each in lines} <= {"warning", "error"}


def test_a_wrong_file_is_an_object_for_each_mistake(curfew: Curfew, folder: Path) -> None:
    (folder / "curfew.yaml").write_text(FILE.replace("campaigns: all", "campagnes: all"))
    done = curfew("run", "--log-format", "json", cwd=folder)
    assert done.returncode == 2
    lines = objects(done.stderr)
    assert [(line["event"], line["level"], line["place"], line["path"]) for line in lines] == [
        ("wrong file", "error", "10:5", "rules[1].campaigns"),
        ("wrong file", "error", "11:5", "rules[1].campagnes"),
    ]


def test_a_ledger_that_cannot_be_opened_is_an_object(curfew: Curfew, folder: Path) -> None:
    done = curfew("run", "--log-format", "json", "--database", "sqlite:////nowhere/curfew.db", cwd=folder)
    assert done.returncode == 1
    (line,) = [line for line in objects(done.stderr) if line["event"] == "cannot go on"]
    assert "the folder /nowhere is missing" in line["error"]


@pytest.mark.parametrize("form", ["json", "text"])
def test_a_fault_of_the_program_is_shown_whole_in_either_form(
    curfew: Curfew, folder: Path, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    def broken(*_: object, **__: object) -> int:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(daemon, "run", broken)
    done = curfew("run", "--log-format", form, cwd=folder)
    assert done.returncode == 3
    if form == "json":
        (line,) = objects(done.stderr)
        assert (line["event"], line["level"]) == ("a fault of the program", "error")
        assert line["exception"].endswith("ZeroDivisionError: a bug")
    else:
        assert done.stderr.splitlines()[-1] == "ZeroDivisionError: a bug"


def test_in_the_journal_what_ends_it_has_a_priority(folder: Path) -> None:
    """Here the journal's own socket isn't there: lines with a priority before them do as well."""
    (folder / "curfew.yaml").write_text(FILE.replace("campaigns: all", "campagnes: all"))
    reading, writing = os.pipe()
    found = os.fstat(writing)
    stream = f"{found.st_dev}:{found.st_ino}"
    code = "import scheduler.journald as j; j.Journal.send = lambda *_: False; from scheduler.cli import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "run"],
        cwd=folder,
        env=environment(JOURNAL_STREAM=stream),
        stderr=writing,
        timeout=60,
        check=False,
    )
    os.close(writing)
    with open(reading, encoding="utf-8") as pipe:  # noqa: PTH123 -- a descriptor has no path
        lines = pipe.read().splitlines()
    assert done.returncode == 2
    assert [line.partition(" file=")[0] for line in lines] == ["<3>wrong file"] * 2


@pytest.mark.parametrize(("option", "value"), [("--log-format", "xml"), ("--log-level", "loud")])
def test_other_forms_and_levels_are_wrong_use(curfew: Curfew, folder: Path, option: str, value: str) -> None:
    done = curfew("run", option, value, cwd=folder)
    assert done.returncode == 2
    assert f"'{value}' is not one of" in done.stderr
