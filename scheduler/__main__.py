"""`python -m scheduler` is `curfew`."""

from scheduler.cli import main

main()
