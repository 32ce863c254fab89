"""The unit of an installation, made of the one in `deploy/`."""

import stat
from pathlib import Path

import pytest

from scheduler import unit
from scheduler.unit import Installation, hidden, missing_credentials, systemd_version, unit_text
from tests.readme import ROOT

STANDARD = Installation(command="/opt/curfew/bin/curfew", file=Path("/etc/curfew/curfew.yaml"))


def changed(installation: Installation) -> list[str]:
    """The lines that the standard unit hasn't, without remarks."""
    before = (ROOT / "deploy/curfew.service").read_text(encoding="utf-8").splitlines()
    return [line for line in unit_text(installation).splitlines() if line not in before and not line.startswith("#")]


def test_the_unit_in_deploy_is_that_of_the_readmes_paths() -> None:
    assert unit_text(STANDARD) == (ROOT / "deploy/curfew.service").read_text(encoding="utf-8")


def test_in_a_wheel_it_is_found_inside_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packaged = tmp_path / "curfew.service"
    packaged.write_text("ExecStart=/opt/curfew/bin/curfew run\n")
    monkeypatch.setattr(unit, "_PACKAGED", packaged)
    installation = Installation(command="/srv/curfew", file=STANDARD.file)
    assert unit_text(installation) == "ExecStart=/srv/curfew run\n"


def test_other_paths_and_credentials_are_named_wherever_they_stand() -> None:
    installation = Installation(
        command="/srv/v/bin/python -m scheduler", file=Path("/etc/quiet/rules.yaml"), credentials=("main", "acme")
    )
    assert changed(installation) == [
        "ExecStart=/srv/v/bin/python -m scheduler run --config /etc/quiet/rules.yaml",
        "LoadCredential=main:/etc/quiet/main",
        "LoadCredential=acme:/etc/quiet/acme",
        "ConfigurationDirectory=quiet",
    ]
    assert "/etc/curfew" not in unit_text(installation)


def test_a_file_that_names_no_credential_loads_none() -> None:
    text = unit_text(Installation(command=STANDARD.command, file=STANDARD.file, credentials=()))
    assert "LoadCredential=" not in text.replace("# ", "")


@pytest.mark.parametrize("file", ["/srv/curfew/curfew.yaml", "/etc/company/curfew/curfew.yaml", "/etc/curfew.yaml"])
def test_a_folder_that_is_not_right_below_etc_is_none_of_systemds(file: str) -> None:
    text = unit_text(Installation(command=STANDARD.command, file=Path(file)))
    assert "ConfigurationDirectory=" not in text
    assert f"--config {file}\n" in text


@pytest.mark.parametrize(
    ("version", "backs_off"), [(None, False), (252, False), (253, False), (254, True), (257, True)]
)
def test_the_pause_before_a_restart_grows_where_systemd_knows_how(version: int | None, backs_off: bool) -> None:
    found = changed(Installation(command=STANDARD.command, file=STANDARD.file, systemd_version=version))
    assert found == (["RestartSteps=6", "RestartMaxDelaySec=5min"] if backs_off else [])


@pytest.mark.parametrize(
    "wrong",
    [
        Installation(command="/opt/my curfew%/bin/curfew", file=STANDARD.file),
        Installation(command=STANDARD.command, file=Path("/etc/my rules/curfew.yaml")),
        Installation(command=STANDARD.command, file=Path("/etc/x\nExecStartPre=/bin/evil/curfew.yaml")),
        Installation(command=STANDARD.command, file=STANDARD.file, credentials=("a:b",)),
    ],
)
def test_what_would_mean_something_else_in_a_unit_is_refused(wrong: Installation) -> None:
    with pytest.raises(ValueError, match="letters that a unit file can't have"):
        unit_text(wrong)


def test_what_the_unit_hides_is_found_also_behind_a_link(tmp_path: Path) -> None:
    link = tmp_path / "python"
    link.symlink_to("/root/.local/bin/python3")
    seen, home = Path("/usr/bin/env"), Path("/home/ada/curfew.yaml")
    assert list(hidden([seen, home])) == [home]
    assert list(hidden([link])) == [link]


def test_credentials_that_are_not_there_yet(tmp_path: Path) -> None:
    (tmp_path / "main").touch()
    installation = Installation(command="curfew", file=tmp_path / "curfew.yaml", credentials=("main", "acme"))
    assert missing_credentials(installation) == [tmp_path / "acme"]


@pytest.mark.parametrize(
    ("prints", "version"),
    [("systemd 257 (257.7-1)\n+PAM", 257), ("systemd 252 (252.38-1~deb12u1)", 252), ("sysvinit 3.06", None)],
)
def test_the_version_is_what_systemctl_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, prints: str, version: int | None
) -> None:
    command = tmp_path / "systemctl"
    command.write_text(f"#!/bin/sh\ncat <<'END'\n{prints}\nEND\n")
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    assert systemd_version() == version


def test_without_systemd_there_is_no_version(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert systemd_version() is None
