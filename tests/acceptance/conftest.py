"""The command line, and a folder with a file of rules."""

from pathlib import Path

import pytest

from tests.acceptance.command_line import FILE, Curfew


@pytest.fixture
def curfew(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Curfew:
    """The command line, without what the developer's own environment says to it."""
    own = ("CURFEW_CONFIG", "CURFEW_DATABASE", "CURFEW_AUTHOR", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "COLUMNS")
    for name in own:
        monkeypatch.delenv(name, raising=False)
    return Curfew(monkeypatch, capsys)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where `curfew.yaml` is, and the ledger would be."""
    (tmp_path / "curfew.yaml").write_text(FILE)
    return tmp_path
