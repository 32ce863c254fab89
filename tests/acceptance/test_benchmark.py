"""`make benchmark` gives the table that the README shows; what it measures is for a quiet machine, not for a test."""

import subprocess
import sys

from tests.readme import ROOT


def test_every_row_of_the_table_is_measured() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.rules", "--rules", "8"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    head, rule, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in done.stdout.splitlines())
    assert (head, rule) == (["what", "of what", "cost", "ratio"], ["---"] * 4)
    assert [row[0] for row in rows] == [
        "(a) edges of a year",
        "CronTrigger",
        "rrule and zoneinfo",
        "(b) a decision",
        "50 CronTriggers",
        "(c) a file",
        "CSafeLoader",
        "(d) memory",
        "",
        "CSafeLoader",
        "",
    ]
    assert all(len(row) == 4 and row[1] and row[2] for row in rows)
    assert rows[5][1].startswith("8 rules, ")


def test_the_makefile_runs_it_as_it_is() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    target = makefile.partition("\nbenchmark: ")[2].partition("\n\n")[0]
    assert "-m benchmarks.rules" in target
