"""Curfew as it is, but for a fault that can be asked for: at SIGUSR1, the thread of its event loop hangs."""

import signal
import time

from scheduler.cli import main


def hang(*_: object) -> None:
    """What no pause and no sign of life comes out of."""
    while True:
        time.sleep(60)


signal.signal(signal.SIGUSR1, hang)
main()
