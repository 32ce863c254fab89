"""One box for all tests of the service; where none can be made, they are skipped, and `make test` says so."""

import os
from collections.abc import Iterator

import pytest

from tests.acceptance.processes import SandboxProcess, sandbox_process
from tests.systemd.box import Box, box_with_curfew, why_not


@pytest.fixture(scope="session")
def machine() -> Iterator[Box]:
    reason = why_not()
    if reason is not None:
        pytest.skip(f"THE SERVICE ISN'T TESTED under a real systemd: {reason}")
    with box_with_curfew(f"test-{os.getpid()}") as machine:
        yield machine


@pytest.fixture(scope="session")
def sandbox_of_all() -> Iterator[SandboxProcess]:
    with sandbox_process() as process:
        yield process


@pytest.fixture
def sandbox(sandbox_of_all: SandboxProcess, machine: Box) -> SandboxProcess:
    """Three running campaigns, outside of the box; the network is shared."""
    # A service that another test has left running would pause them.
    machine.systemctl("stop")
    sandbox_of_all.ask("POST", "reset")
    return sandbox_of_all
