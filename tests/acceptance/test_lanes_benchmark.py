"""The benchmark of the lanes runs from end to end, with every row; how fast it is, is for a quiet machine to say."""

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
ROWS = (
    "(a) one lane", "    bare httpx loop", "(b) lanes side by side", "    the sandbox", "(c) Curfew", "    the script",
    "    the script, patient", "(d) lateness", "(e) idle, 10 rules", "(e) idle, 100 rules",
)  # fmt: skip


def test_the_quick_run_has_every_row_and_nothing_is_lost() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.lanes", "--quick"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    rows = [line.removeprefix("| ").removesuffix(" |").split(" | ") for line in done.stdout.splitlines()]
    assert {len(row) for row in rows if not row[0].startswith("|--")} == {5}
    assert set(ROWS) <= {row[0] for row in rows}
    assert ["(c) Curfew", "20 pauses", "0 lost, 0 twice", "0 refused, at most 1 at once in an account", ""] in rows
