"""The table of faults in docs/architecture.md: each row names a test, and that test is there."""

import re
from collections.abc import Iterator

import pytest

from tests.readme import ROOT

_TABLE = re.compile(r"^\| fault \|.*?\n\|[-|]+\|\n(.*?)\n\n", re.MULTILINE | re.DOTALL)
_FOLDERS = ("", "tests", "tests/integration", "tests/acceptance", "tests/unit")


def rows() -> Iterator[tuple[str, str]]:
    """The fault of each row, and what its last cell says."""
    (table,) = _TABLE.findall((ROOT / "docs/architecture.md").read_text())
    for row in table.splitlines():
        fault, _, shown = row.strip("| ").split(" | ")
        yield fault, shown


@pytest.mark.parametrize(("fault", "shown"), list(rows()), ids=lambda text: text[:30])
def test_the_tests_that_show_a_fault_are_there(fault: str, shown: str) -> None:
    files = ""
    for name in re.findall(r"`([^`]+)`", shown):
        path, _, inside = name.partition("::")
        if path.endswith(".py"):
            found = [ROOT / folder / path for folder in _FOLDERS if (ROOT / folder / path).is_file()]
            assert found, f"{fault}: {name}"
            files += found[0].read_text()
        else:
            inside = name
        # A test may be named by its beginning.
        end = "" if inside.endswith("...") else r"\b"
        is_said = inside.startswith(("Test", "test_"))
        assert not is_said or re.search(rf"(class|def) {inside.removesuffix('...')}{end}", files), f"{fault}: {name}"
    assert files or "the same" in shown, fault
