"""The README from its first command to a service that runs, as root on a machine that has never seen Curfew.

And then what docs/operations.md says of upgrades, keys, and a move to another machine.
"""

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.acceptance.processes import KEY, SandboxProcess, sandbox_process, wait_until
from tests.readme import ROOT, block_with
from tests.systemd.box import Box, box, why_not

OPERATIONS = "docs/operations.md"

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


def install(machine: Box, words: str = "make wheel", page: str = "README.md") -> None:
    for command in block_with(words, page):
        if command == "make wheel":
            # Needs the index, as the others do, and make; it's the same wheel wherever it's built.
            subprocess.run(command.split(), cwd=ROOT, check=True, capture_output=True)
        else:
            in_the_shell(machine, "/opt/checkout", command)


def begin_and_look(machine: Box, sandbox: SandboxProcess) -> None:
    """A person answers the questions; only the address is another one."""
    first, export, *commands = block_with("curfew init")
    answers = ["Europe/Warsaw", "PL", KEY, "all", "y", "y", "Fri 17:00 until Mon 08:00", "n"]
    in_the_shell(machine, "/root", f"{first} --base-url {sandbox.base_url}", typed="\n".join([*answers, ""]))
    assert machine.sh("stat --format '%a %U' /etc/curfew/api-key").strip() == "600 root"
    in_the_shell(machine, "/root", "cat /etc/curfew/curfew.yaml")
    of_this_shell = dict(each.split("=") for each in export.split()[1:])
    for command in commands:
        in_the_shell(machine, "/root", until_ready(command), **of_this_shell)


def until_ready(command: str) -> str:
    """The daemon would run until it's told to end."""
    if not command.startswith("curfew run"):
        return command
    return f"{command} 2>run.log & until grep 'daemon started' run.log; do sleep 0.1; done; kill $!; wait $!"


def run_block(machine: Box, words: str, page: str = "README.md", typed: str = "") -> None:
    for command in block_with(words, page):
        in_the_shell(machine, "/root", command, typed=typed)


def runs(machine: Box) -> None:
    assert machine.property("ActiveState") == "active"
    wait_until(lambda: machine.property("StatusText").startswith("next: "), "it says what comes next")


def test_a_new_user_gets_a_service_that_runs_and_can_look_after_it(machine: Box, sandbox: SandboxProcess) -> None:
    install(machine)
    begin_and_look(machine, sandbox)
    run_block(machine, "curfew service --install")
    runs(machine)
    assert machine.sh("systemctl is-enabled curfew").strip() == "enabled"
    for command in block_with("curfew audit --config /etc/curfew/curfew.yaml"):
        if not command.startswith("sqlite3 ") or machine.run("which", "sqlite3").returncode == 0:
            in_the_shell(machine, "/root", command)
    assert "daemon started" in machine.journal_text()
    for_all_users(machine)
    install(machine, "curfew-before-upgrade.db", OPERATIONS)
    runs(machine)
    run_block(machine, "/dev/stdin /etc/curfew/api-key", OPERATIONS, typed=f"{KEY}-2\n")
    runs(machine)
    moves(machine)


def for_all_users(machine: Box) -> None:
    run_block(machine, "/etc/bash_completion.d", OPERATIONS)
    if machine.run("which", "man").returncode == 0:
        assert "curfew check" in machine.sh("man curfew | cat")
    assert "_curfew_completion" in machine.sh("bash --norc -c '. /etc/bash_completion.d/curfew; complete -p curfew'")


def moves(machine: Box) -> None:
    """The new machine is this one, which has lost what the old one had beside its files in /etc."""
    run_block(machine, "systemctl disable --now curfew", OPERATIONS)
    before = machine.property("InvocationID")
    machine.sh(
        "rm -r /var/lib/private/curfew /var/lib/curfew /etc/systemd/system/curfew.service; systemctl daemon-reload"
    )
    run_block(machine, "curfew db restore", OPERATIONS)
    runs(machine)
    assert machine.property("InvocationID") != before
    (restored,) = machine.query("SELECT count(*) FROM journal WHERE event = 'ledger restored'")
    assert restored == [1]
    modes = machine.sh("stat --format '%a' /var/lib/private/curfew /var/lib/private/curfew/curfew.db").split()
    assert modes == ["700", "600"]
    (started,) = machine.query("SELECT count(*) FROM daemons")
    assert started[0] >= 2, "it knows of the daemons on the old machine"
