"""`curfew service`: the unit of this installation, printed or written; under a real systemd it's in `tests/systemd`."""

import os
import sys
from pathlib import Path

import pytest

from scheduler import unit
from tests.acceptance.command_line import FILE, Curfew, write_file

# Where the tests run from may itself be hidden from the service.
HERE = pytest.mark.usefixtures("seen")


@pytest.fixture
def seen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unit, "HIDDEN", (Path("/home/ada"),))


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Where units are written to."""
    folder = tmp_path / "units"
    folder.mkdir()
    return folder


def lines_with(text: str, key: str) -> list[str]:
    return [line for line in text.splitlines() if line.startswith(f"{key}=")]


def test_it_prints_how_this_installation_is_started_with_which_file(curfew: Curfew, tmp_path: Path) -> None:
    done = curfew("service", cwd=tmp_path)
    assert done.returncode == 0
    command = Path(sys.executable).parent / "curfew"
    assert lines_with(done.stdout, "ExecStart") == [f"ExecStart={command} run --config /etc/curfew/curfew.yaml"]
    assert lines_with(done.stdout, "LoadCredential") == ["LoadCredential=api-key:/etc/curfew/api-key"]


@HERE
def test_credentials_are_those_that_the_file_names(curfew: Curfew, tmp_path: Path) -> None:
    accounts = "{main: {credential: woodpecker}, acme: {credential: woodpecker, company_id: 7}, b: {credential: other}}"
    file = write_file(tmp_path, ["name: a, account: main, campaigns: [1], pause: {on: sat}"], accounts=accounts)
    done = curfew("service", "--config", "curfew.yaml", cwd=tmp_path)
    assert done.stderr == ""
    assert lines_with(done.stdout, "LoadCredential") == [
        f"LoadCredential=woodpecker:{tmp_path}/woodpecker",
        f"LoadCredential=other:{tmp_path}/other",
    ]
    assert lines_with(done.stdout, "ExecStart")[0].endswith(f" --config {file}")


@HERE
def test_a_file_that_is_wrong_is_said_and_the_unit_comes_all_the_same(curfew: Curfew, tmp_path: Path) -> None:
    (tmp_path / "curfew.yaml").write_text(FILE.replace("campaigns:", "campagnes:"))
    done = curfew("service", "--config", "curfew.yaml", cwd=tmp_path)
    assert done.returncode == 0
    assert "curfew: curfew.yaml isn't right yet; curfew check says why\n" in done.stderr
    assert lines_with(done.stdout, "LoadCredential") == [f"LoadCredential=api-key:{tmp_path}/api-key"]


@HERE
def test_a_ledger_where_the_service_may_not_write_is_said(curfew: Curfew, tmp_path: Path) -> None:
    write_file(tmp_path, ["name: a, campaigns: [1], pause: {on: sat}"], database="sqlite:////srv/curfew.db")
    done = curfew("service", "--config", "curfew.yaml", cwd=tmp_path)
    assert done.stderr == (
        "curfew: the service can't write the ledger /srv/curfew.db: only /var/lib/curfew is open to it\n"
    )
    assert done.returncode == 0


@HERE
@pytest.mark.parametrize("database", ["curfew.db", "sqlite:////var/lib/curfew/a.db", "sqlite:///${FOLDER}/a.db"])
def test_a_ledger_below_its_folder_or_one_that_nobody_knows_yet_is_no_problem(
    curfew: Curfew, tmp_path: Path, database: str
) -> None:
    where = {} if database == "curfew.db" else {"database": f"'{database}'"}
    write_file(tmp_path, ["name: a, campaigns: [1], pause: {on: sat}"], **where)
    assert curfew("service", "--config", "curfew.yaml", cwd=tmp_path).stderr == ""


@HERE
def test_a_path_that_a_unit_cannot_have_is_wrong_use(curfew: Curfew, tmp_path: Path) -> None:
    done = curfew("service", "--config", "my rules.yaml", cwd=tmp_path)
    assert done.returncode == 2
    said = f"curfew: letters that a unit file can't have in a path or a name: {tmp_path}/my rules.yaml\n"
    assert done.stderr.endswith(said)


@HERE
def test_it_is_written_whole_with_what_is_next_and_a_second_time_left_as_it_is(
    curfew: Curfew, folder: Path, target: Path
) -> None:
    write_file(folder, ["name: a, campaigns: [1], pause: {on: sat}"], accounts="{main: {credential: api-key}}")
    install = ("service", "--config", "curfew.yaml", "--install", "--into", str(target))
    done = curfew(*install, cwd=folder)
    assert done.returncode == 0, done.stderr
    path = target / "curfew.service"
    assert done.stdout.splitlines() == [
        f"wrote {path}",
        "",
        "next, as root:",
        f"  install -D -m 0600 /dev/stdin {folder}/api-key    # paste the key, then Enter and ctrl-D",
        "  systemctl daemon-reload",
        "  systemctl enable curfew",
        "  systemctl restart curfew",
    ]
    assert path.read_text() == curfew(*install[:3], cwd=folder).stdout
    assert path.stat().st_mode & 0o777 == 0o644
    (folder / "api-key").touch()
    again = curfew(*install, cwd=folder).stdout.splitlines()
    assert again[0] == f"{path} is as it should be"
    assert not any("api-key" in line for line in again)
    assert list(target.iterdir()) == [path]


@HERE
def test_without_a_file_yet_the_file_is_the_first_that_is_next(curfew: Curfew, tmp_path: Path, target: Path) -> None:
    done = curfew("service", "--install", "--into", str(target), cwd=tmp_path)
    assert "  curfew check --config /etc/curfew/curfew.yaml    # once the rules are there" in done.stdout


@HERE
def test_one_that_was_changed_is_shown_and_stays_unless_forced(curfew: Curfew, folder: Path, target: Path) -> None:
    install = ("service", "--config", "curfew.yaml", "--install", "--into", str(target))
    curfew(*install, cwd=folder)
    path = target / "curfew.service"
    changed = path.read_text().replace("WatchdogSec=60s", "WatchdogSec=90s")
    path.write_text(changed)
    done = curfew(*install, cwd=folder)
    assert done.returncode == 1
    assert "\n-WatchdogSec=90s\n+WatchdogSec=60s\n" in done.stderr
    assert f"curfew: {path} is there and differs; --force puts the unit of this version in its place" in done.stderr
    assert path.read_text() == changed
    assert curfew(*install, "--force", cwd=folder).returncode == 0
    assert "WatchdogSec=60s" in path.read_text()


def test_what_the_service_could_not_see_is_not_installed_unless_forced(
    curfew: Curfew, folder: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unit, "HIDDEN", (folder,))
    install = ("service", "--config", "curfew.yaml", "--install", "--into", str(target))
    done = curfew(*install, cwd=folder)
    assert done.returncode == 2
    said = f"homes and /tmp are hidden from the service, and with them {folder}/curfew.yaml"
    assert done.stderr == f"curfew: {said}; --force writes it all the same\n"
    assert list(target.iterdir()) == []
    forced = curfew(*install, "--force", cwd=folder)
    assert (forced.returncode, forced.stderr) == (0, f"curfew: {said}\n")


@HERE
def test_only_root_writes_where_systemd_looks(
    curfew: Curfew, tmp_path: Path, target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    done = curfew("service", "--install", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (2, "curfew: only root may write to /etc/systemd/system\n")
    # An image of a machine is anybody's.
    assert curfew("service", "--install", "--into", str(target), cwd=tmp_path).returncode == 0


@HERE
def test_a_folder_that_is_not_there_is_said(curfew: Curfew, tmp_path: Path) -> None:
    done = curfew("service", "--install", "--into", str(tmp_path / "nowhere"), cwd=tmp_path)
    assert done.returncode == 1
    assert done.stderr == f"curfew: {tmp_path}/nowhere/curfew.service: no such file or directory\n"
