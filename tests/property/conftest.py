"""Profiles for hypothesis: `HYPOTHESIS_PROFILE=long` searches for minutes, the default repeats the same examples.

The number of examples that ran without a failure is said at the end.
"""

import os
import re
from collections.abc import Generator
from typing import Final

import pytest
from hypothesis import HealthCheck, settings

_SLOW_IS_FINE: Final = [HealthCheck.too_slow, HealthCheck.data_too_large]
settings.register_profile(
    "quick", max_examples=25, deadline=None, derandomize=True, suppress_health_check=_SLOW_IS_FINE
)
settings.register_profile("long", max_examples=1000, deadline=None, suppress_health_check=_SLOW_IS_FINE)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))

_PASSING: Final = re.compile(r"(\d+) passing")
_EXAMPLES: Final = "examples"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note how many examples a test ran, as hypothesis counts them for its statistics."""
    report = yield
    if report.when == "call":
        counted = sum(map(int, _PASSING.findall(getattr(item, "hypothesis_statistics", ""))))
        report.user_properties.append((_EXAMPLES, counted))
    return report


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say how many examples ran in all."""
    properties = [each for report in terminalreporter.getreports("passed") for each in report.user_properties]
    counted = sum(int(str(value)) for name, value in properties if name == _EXAMPLES)
    terminalreporter.write_line(f"{counted:,} examples")
