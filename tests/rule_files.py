"""Rules as a user would write them, ready to be asked, and what they answer in words."""

from datetime import UTC, datetime
from textwrap import indent

from rules.document import read
from rules.entries import compile_rules
from rules.ruleset import Edge, Ruleset
from rules.source import parse

_HEAD = """
timezone: {zone}
accounts:
  main: {{api_key: x}}
calendars:
  poland: {{country: PL}}
  usa: {{country: US}}
  company: {{dates: [2026-12-24, 2026-12-28/2026-12-31]}}
rules:
"""


def ruleset(rules: str, zone: str = "Europe/Warsaw") -> Ruleset:
    """The rules of a file of one account, with some calendars."""
    return compile_rules(read(parse(f"{_HEAD.format(zone=zone)}{indent(rules, '  ')}\n".encode())))


def paused(pause: str, zone: str = "Europe/Warsaw") -> Ruleset:
    """One rule for all campaigns, of which only the entries of `pause` matter."""
    return ruleset(f"- {{name: a, campaigns: all, pause: {pause}}}", zone)


def utc(text: str) -> datetime:
    """An instant in UTC, as ISO 8601 without its zone."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def edges(of: Ruleset, start: str, end: str, campaign: int | None = 7) -> list[str]:
    """The edges of a campaign with `start <= at < end` (UTC), in words: `2026-06-05 15:00 pause`."""
    return [words(edge) for edge in of.timeline("main", campaign).edges(utc(start), utc(end))]


def words(edge: Edge) -> str:
    """An edge as `2026-06-05 15:00 pause`, to the minute."""
    return f"{edge.at:%Y-%m-%d %H:%M} {'hold' if edge.is_hold else edge.action.value}"
