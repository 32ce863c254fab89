"""The README from its first command to a service that runs, as root on a machine that has never seen Curfew."""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.processes import KEY, SandboxProcess, sandbox_process, wait_until
from tests.readme import ROOT, block_with, blocks
from tests.systemd.box import Box, box, why_not

# It installs the wheel that another test builds, too.
pytestmark = [
    pytest.mark.xdist_group("wheel"),
    pytest.mark.skipif("CURFEW_SYSTEMD" not in os.environ, reason="`make systemd` installs Curfew as a new user does"),
]


@pytest.fixture
def machine() -> Iterator[Box]:
    reason = why_not()
    if reason is not None:
        pytest.skip(f"THE README ISN'T TRIED OUT under a real systemd: {reason}")
    with box(f"readme-{os.getpid()}", checkout=ROOT) as machine:
        yield machine


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with sandbox_process() as process:
        yield process


def in_the_shell(machine: Box, folder: str, command: str, typed: str = "", **more: str) -> str:
    """Run a line as its reader types it; where packages come from is this machine's business."""
    own = {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "UV_"))}
    words = [f"{name}={value}" for name, value in {**own, **more}.items()]
    done = machine.run("env", *words, "/bin/sh", "-ec", f"cd {folder}; {command}", typed=typed)
    print(f"# {command}\n{done.stdout}{done.stderr}")
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


def on_the_sandbox(text: str, sandbox: SandboxProcess) -> str:
    """A file of the README's; only the address is another one."""
    for key in ('api_key: "${WOODPECKER_API_KEY}"', "credential: api-key"):
        text = text.replace(f"{{{key}}}", f"{{{key}, base_url: '{sandbox.base_url}'}}")
    assert sandbox.base_url in text
    return text


def install(machine: Box) -> None:
    for command in block_with("make wheel"):
        if command == "make wheel":
            # Needs the index, as the others do, and make; it's the same wheel wherever it's built.
            subprocess.run(command.split(), cwd=ROOT, check=True, capture_output=True)
        else:
            in_the_shell(machine, "/opt/checkout", command)


def look_before_it_runs(machine: Box, sandbox: SandboxProcess) -> None:
    machine.write("/root/curfew.yaml", on_the_sandbox(blocks("yaml")[0], sandbox))
    for command in block_with("curfew check --config"):
        if command.startswith("export "):
            continue
        in_the_shell(machine, "/root", until_ready(command), WOODPECKER_API_KEY=KEY)


def until_ready(command: str) -> str:
    """The daemon would run until it's told to end."""
    if not command.startswith("curfew run"):
        return command
    return f"{command} 2>run.log & until grep 'daemon started' run.log; do sleep 0.1; done; kill $!; wait $!"


def start_the_service(machine: Box, sandbox: SandboxProcess) -> None:
    machine.write("/root/curfew.yaml", on_the_sandbox(blocks("yaml")[1], sandbox))
    for command in block_with("install -d /etc/curfew"):
        in_the_shell(machine, "/root", command, typed=f"{KEY}\n")


def test_a_new_user_gets_a_service_that_runs(machine: Box, sandbox: SandboxProcess) -> None:
    install(machine)
    look_before_it_runs(machine, sandbox)
    start_the_service(machine, sandbox)
    assert machine.property("ActiveState") == "active"
    assert machine.sh("systemctl is-enabled curfew").strip() == "enabled"
    wait_until(lambda: "next: weekend " in machine.property("StatusText"), "it says what comes next")
    for command in block_with("curfew audit --config /etc/curfew/curfew.yaml"):
        if not command.startswith("sqlite3 ") or machine.run("which", "sqlite3").returncode == 0:
            in_the_shell(machine, "/root", command)
    assert "daemon started" in machine.journal_text()
