"""The plan as rows, for programs: one for each edge and each whom it's for."""

from typing import Any, Final, NamedTuple
from zoneinfo import ZoneInfo

from rules.ruleset import Edge, Subject

COLUMNS: Final = ("at", "action", "account", "campaign", "rules", "because", "local", "until", "selector")


class Planned(NamedTuple):
    """An edge, and whom it's for; `is_left_paused`: it begins a span that ends without a resume.

    `is_beginless`: it's the pause of a span that began longer ago than anyone looks back.
    """

    subject: Subject
    edge: Edge
    is_left_paused: bool
    is_beginless: bool = False


def row(planned: Planned) -> dict[str, Any]:
    """One edge, as `--format json` has it."""
    subject, edge = planned.subject, planned.edge
    return {
        "at": edge.at,
        "action": str(edge.action),
        "account": subject.account,
        "campaign": "all" if subject.campaign is None else subject.campaign,
        "rules": list(edge.rules),
        "because": "; ".join(edge.because),
        "local": edge.at.astimezone(ZoneInfo(edge.zone)).isoformat(),
        "until": edge.until,
        "selector": subject.selector_text,
    }
