"""How a daemon that dies right after its start, again and again, is kept from hammering the API. Pure."""

from datetime import timedelta
from typing import Final

# Of the starts before it, those count that are so recent.
RECENT: Final = timedelta(minutes=10)
# After a crash, or two, nothing waits: a pause may be due.
_FREE: Final = 2
_FIRST_WAIT: Final = timedelta(seconds=1)
# No more than the regular passes of a daemon that lives ask for.
LONGEST_WAIT: Final = timedelta(minutes=1)


def wait_after(crashes: int) -> timedelta:
    """How long a start makes no call, when so many daemons before it have ended without a word, one after the other."""
    return min(LONGEST_WAIT, _FIRST_WAIT * (1 << min(crashes - _FREE - 1, 16))) if crashes > _FREE else timedelta()
