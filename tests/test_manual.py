"""The manual page is that of the help texts, and roff has nothing to say of it."""

import shutil
import subprocess
from pathlib import Path

import click
import pytest

from scheduler.cli import EXIT_CODES, VERBS, manual
from tests.readme import ROOT

PAGE = ROOT / "docs" / "curfew.1"


@pytest.fixture(scope="module")
def text() -> str:
    return manual.page()


def test_the_page_is_that_of_the_help_texts(text: str) -> None:
    assert PAGE.read_text(encoding="utf-8") == text, "write it again: make man"


def test_it_has_every_verb_exit_code_variable_and_file(text: str) -> None:
    plain = text.replace(r"\-", "-")
    for verb in VERBS:
        assert f'\n.SS "curfew {verb} ' in plain
    for verb in ("upgrade", "check", "backup", "restore"):
        assert f'\n.SS "curfew db {verb} ' in plain
    for code in EXIT_CODES:
        assert f"\n\\fB{code}\\fR\n" in text
    for name in ("CURFEW_CONFIG", "CURFEW_DATABASE", "CURFEW_AUTHOR", "CURFEW_LOG_LEVEL", "WOODPECKER_API_KEY"):
        assert f"\\fB{name}\\fR\n" in text
    assert r"\fB/etc/systemd/system/curfew.service\fR" in plain


def checked_by(*command: str) -> str:
    if shutil.which(command[0]) is None:
        pytest.skip(f"NOT CHECKED: there is no {command[0]} on this machine")
    done = subprocess.run([*command, str(PAGE)], capture_output=True, text=True, check=False)
    return done.stdout + done.stderr


def test_groff_has_nothing_to_say_of_it() -> None:
    assert checked_by("groff", "-man", "-ww", "-z", "-K", "utf8") == ""


def test_mandoc_has_nothing_to_say_of_it_but_that_it_has_no_date() -> None:
    """With one, it would be another page on each day."""
    lines = checked_by("mandoc", "-T", "lint", "-W", "warning").splitlines()
    assert [line for line in lines if "missing date" not in line] == []


def test_a_person_reads_what_the_help_says(tmp_path: Path) -> None:
    """What means something to roff comes out as it was written."""
    odd = r"""It's "odd" -- a\b `c` ~d ^e"""
    page = tmp_path / "odd.1"
    lines = manual.lines_of_help(click.Command("odd", help=f".first\n\n'second {odd}\n\n\b\n.third\n  {odd}"))
    page.write_text("\n".join([".TH ODD 1", ".SH DESCRIPTION", *lines]) + "\n")
    if shutil.which("groff") is None:
        pytest.skip("NOT CHECKED: there is no groff on this machine")
    command = ["groff", "-man", "-ww", "-T", "ascii", "-P-cbou", str(page)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    shown = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    assert shown[2:6] == [".first", f"'second {odd}", ".third", odd]
