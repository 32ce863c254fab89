"""Room for connections: the limit of the test's own process, put back afterwards."""

import resource
from collections.abc import Iterator

import pytest

from scheduler.files import allow_connections


def limits() -> tuple[int, int]:
    return resource.getrlimit(resource.RLIMIT_NOFILE)


@pytest.fixture(autouse=True)
def low() -> Iterator[int]:
    """A limit of 256, as far as the system lets it be raised again."""
    before = limits()
    resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
    yield before[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def test_it_is_raised_for_an_account_each_and_some_more() -> None:
    assert allow_connections(300)
    assert limits()[0] == 364


def test_what_is_enough_is_left_as_it_is() -> None:
    assert allow_connections(100)
    assert limits()[0] == 256


def test_where_the_system_does_not_let_it_is_said_and_all_that_can_be_had_is_taken(low: int) -> None:
    if low == resource.RLIM_INFINITY:
        pytest.skip("this system has no limit")
    assert not allow_connections(low)
    assert limits() == (low, low)
