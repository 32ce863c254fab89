"""What `systemd-analyze` says of the unit; it needs neither root nor a systemd that runs."""

import shutil
from pathlib import Path

import pytest

from tests.acceptance.processes import curfew
from tests.systemd.scores import OURS, analyze, score, table

pytestmark = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="THE UNIT ISN'T TESTED: no systemd-analyze"
)


def test_the_unit_is_hardly_exposed() -> None:
    assert score(OURS) <= 1.5


def test_there_is_nothing_to_say_against_it(tmp_path: Path) -> None:
    """With the paths of this installation: a command that isn't there would be something. `verify` exits 0 anyway."""
    unit = tmp_path / "curfew.service"
    unit.write_text(curfew("service", cwd=tmp_path).stdout)
    done = analyze("verify", str(unit))
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_table_has_ours_among_the_others(tmp_path: Path) -> None:
    other = tmp_path / "other.service"
    other.write_text("[Service]\nExecStart=/bin/true\n")
    first, second = table([other])
    assert first.startswith("curfew.service")
    assert first.endswith("<- ours")
    assert second.split()[0] == "other.service"
    assert float(second.split()[1]) > 9
