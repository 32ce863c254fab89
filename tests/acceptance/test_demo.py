"""`make demo` runs this verb."""

from pathlib import Path

from tests.acceptance.processes import curfew


def test_the_demo_ends_well_and_shows_all_that_it_promises(tmp_path: Path) -> None:
    done = curfew("demo", cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    for outcome in ("succeeded", "retried", "skipped"):
        assert outcome in done.stdout
    assert "already paused" in done.stdout
    assert done.stdout.rstrip().endswith("the ledger has the same 10, in the same order.")
    assert list(tmp_path.iterdir()) == [], "it leaves nothing behind"
