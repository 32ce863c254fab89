"""`curfew status`: is it alive, what happens next, what's wrong since when.

facts     what the ledger and the file say
troubles  what isn't as it should be, and what a person does about it
text      for a person
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import click

from scheduler.cli import options, output
from scheduler.cli.status import facts, text
from scheduler.cli.status.facts import Facts
from scheduler.cli.status.troubles import Trouble, troubles
from scheduler.clock import utc_now
from scheduler.zonedata import use_newest

_NEXT_EDGES: Final = 5
_MOST_NAMED: Final = 3
_IS_WRONG: Final = 1


@click.command(name="status")
@options.config
@options.database
@click.option("--all", "is_all", is_flag=True, help="Name each campaign, however many there are.")
@click.option("--check", "is_check", is_flag=True, help="Exit with 1 where anything is wrong: for scripts, or Nagios.")
@options.output_format("text", "json")
def command(file: Path, database: str | None, is_all: bool, is_check: bool, form: str) -> int:
    """Show whether the daemon is alive, what's wrong since when and what to do, what happens next, and what it holds.

    The exit code is 0 also when the daemon isn't alive, or has refused the file as it is now: the answer was had. With
    --check it's 1 then.

    \b
    Examples:
      curfew status --config /etc/curfew/curfew.yaml
      curfew status --check >/dev/null || echo "see to it"
    """
    settings, url = options.ledger_of(file, database)
    found = facts.read(settings, url, utc_now())
    wrong = troubles(found, most_named=None if is_all or form == "json" else _MOST_NAMED)
    zone_data = str(use_newest())
    if form == "json":
        output.write_json([_answer(found, wrong, zone_data)])
    else:
        zone = settings.document.timezone if settings else ZoneInfo("UTC")
        text.show(found, wrong, zone, zone_data, is_all=is_all)
    return _IS_WRONG if is_check and wrong else 0


def _answer(found: Facts, wrong: Sequence[Trouble], zone_data: str) -> dict[str, Any]:
    return {
        "alive": found.is_alive,
        "last_tick_at": found.last_tick_at,
        "is_late": found.is_late,
        "wrong": [asdict(each) for each in wrong],
        "next_edges": None if found.ruleset is None else list(_next_edges(found)),
        "custody": found.held,
        "left_paused": found.left,
        "failing": found.failing,
        "zone_data": zone_data,
        "file": asdict(found.file) if found.file else None,
        "rejected_file": asdict(found.rejected) if found.rejected else None,
        "standing_by": found.standing_by,
        "daemon": asdict(found.daemon) if found.daemon else None,
    }


def _next_edges(found: Facts) -> Iterator[dict[str, Any]]:
    for subject, edge in islice(found.edges(), _NEXT_EDGES):
        yield {
            "at": edge.at,
            "action": str(edge.action),
            "account": subject.account,
            "campaign": "all" if subject.campaign is None else subject.campaign,
            "selector": subject.selector_text,
            "rules": list(edge.rules),
            "until": edge.until,
        }
