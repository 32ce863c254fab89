"""How many files and connections this process may have open at once."""

import resource
from typing import Final

# The ledger with its companions, the log, the event loop, zone data, and some air.
_RESERVE: Final = 64


def allow_connections(number: int) -> bool:
    """Make room for so many connections, one for each account; False where the system doesn't let us.

    A process begins with 1,024 in most places, and may raise that itself. Without room, not only connections fail:
    the ledger can't be opened either.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = number + _RESERVE
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return True
    most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    return most == wanted
