"""`curfew sandbox`: a Woodpecker to play with."""

from datetime import timedelta

import click

from scheduler.errors import CurfewError, reason
from scheduler.sandbox import serve


@click.command(name="sandbox")
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8080,
    show_default=True,
    metavar="PORT",
    help="0 takes any free one.",
)
@click.option(
    "--campaigns", type=click.IntRange(0), default=5, show_default=True, metavar="N", help="How many in each account."
)
@click.option(
    "--accounts",
    type=click.IntRange(1),
    default=1,
    show_default=True,
    metavar="N",
    help="The first needs no company id.",
)
@click.option("--latency", type=click.IntRange(0), default=0, metavar="MS", help="How long each call takes.")
def command(port: int, campaigns: int, accounts: int, latency: int) -> None:
    """Play Woodpecker on this machine: the whole API that Curfew uses, with its limits, and faults on demand.

    It takes any key, and can be reached from this machine only. GET /sandbox/ tells how to change a campaign as a
    person would, how to make calls fail, and how to read what was asked of it.

    \b
    Example:
      curfew sandbox --port 8080 --campaigns 20
    """
    try:
        serve(
            port=port,
            campaigns=campaigns,
            accounts=accounts,
            latency=timedelta(milliseconds=latency),
            announce=click.echo,
        )
    except OSError as error:
        raise CurfewError(f"port {port}: {reason(error)}") from None
