"""The wheel, alone: installed from the lock file into an environment of its own, and run from another folder."""

import os
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from scheduler.ledger.tables import REVISION
from tests.acceptance.processes import environment, sandbox_process, wait_until, window, write_rules
from tests.readme import ROOT, block_with

# One worker builds and installs, once.
pytestmark = pytest.mark.xdist_group("wheel")


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `curfew` command in an environment of its own, made by the README's commands; only the folders are others.

    The wheel of an older version is there already, as after an upgrade.
    """
    root = tmp_path_factory.mktemp("root")
    (root / "usr/local/bin").mkdir(parents=True)
    (ROOT / "dist").mkdir(exist_ok=True)
    (ROOT / "dist/curfew-0.0.1-py3-none-any.whl").touch()
    for command in block_with("make wheel"):
        line = command.replace("/opt/", f"{root}/opt/").replace("/usr/local/", f"{root}/usr/local/")
        line = line.replace("python3", sys.executable)
        subprocess.run(["/bin/sh", "-ec", line], cwd=ROOT, check=True, capture_output=True)
    return root / "usr/local/bin/curfew"


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Path]:
    before = Path.cwd()
    os.chdir(tmp_path)
    yield tmp_path
    os.chdir(before)


@pytest.mark.usefixtures("installed")
def test_the_wheel_has_the_packages_and_the_migrations_and_nothing_else() -> None:
    (wheel,) = (ROOT / "dist").glob("curfew-*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {top for top in tops if not top.endswith((".dist-info", ".data"))} == {"rules", "scheduler"}
    data = [name.partition(".data/")[2] for name in names if ".data/" in name]
    assert data == ["data/share/man/man1/curfew.1"]
    assert "scheduler/_migrations/versions/0001_ledger.py" in names
    assert "scheduler/_migrations/env.py" in names
    assert "rules/py.typed" in names


def test_the_installed_command_makes_its_ledger_and_pauses(installed: Path, elsewhere: Path) -> None:
    def curfew(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [str(installed), *arguments]
        return subprocess.run(command, env=environment(), capture_output=True, text=True, check=False, timeout=60)

    assert curfew("--version").stdout.startswith("curfew 0.")
    prefix = installed.resolve().parent.parent
    assert (prefix / "share/man/man1/curfew.1").read_bytes() == (ROOT / "docs/curfew.1").read_bytes()
    with sandbox_process(campaigns=1) as sandbox:
        write_rules(elsewhere, sandbox.base_url, window(-timedelta(hours=1), timedelta(hours=1)))
        assert curfew("check").returncode == 0
        upgraded = curfew("db", "upgrade")
        assert upgraded.stdout.strip().endswith(f"from nothing to {REVISION}"), upgraded.stderr
        with subprocess.Popen([str(installed), "run"], env=environment(), stderr=subprocess.DEVNULL) as daemon:
            try:
                wait_until(lambda: set(sandbox.statuses().values()) == {"PAUSED"}, "the campaign is paused")
            finally:
                daemon.terminate()
            assert daemon.wait(15) == 0
    assert "succeeded" in curfew("audit").stdout


@pytest.mark.parametrize(
    "lock", ["requirements.lock", "requirements-postgres.lock", "requirements-dev.lock", ".ci/postgresql.lock"]
)
def test_a_lock_file_has_hashes_and_no_addresses(lock: str) -> None:
    text = (ROOT / lock).read_text(encoding="utf-8")
    assert "://" not in text
    assert "--index-url" not in text
    pinned = [line for line in text.splitlines() if "==" in line]
    assert pinned
    assert all(line.endswith("\\") for line in pinned), "each version is followed by its hashes"


def test_the_lock_has_every_dependency() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    locked = {line.partition("==")[0] for line in (ROOT / "requirements.lock").read_text().splitlines() if "==" in line}
    wanted = {requirement.partition(">")[0].partition("<")[0] for requirement in project["dependencies"]}
    assert wanted <= locked
