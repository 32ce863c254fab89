"""How things stand, for a person: a verdict, what's wrong and what to do about it, what comes next, what is held."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import groupby, islice
from typing import Any, Final

from rich.text import Text

from rules.ruleset import Edge, Subject
from scheduler.cli import output
from scheduler.cli.status.facts import LOOK_AHEAD_DAYS, Facts
from scheduler.cli.status.troubles import Trouble
from scheduler.texts import printable

_MOST_EDGES: Final = 5
# So many campaigns, or groups of them, are shown without being asked for all.
_MOST_HELD: Final = 10
_MOST_DETAILS: Final = 5
_MOST_NAMED: Final = 3
_DIGEST_SHOWN: Final = 12
# Where the terminal is narrower, it breaks the lines itself.
_LEAST_WIDTH: Final = 30
# What stands before the verdict, where the terminal has the letters, and where it hasn't; and its colour.
_WELL: Final = ("●", "*", "bold green")
_WRONG: Final = ("▲", "!", "bold yellow")
_DEAD: Final = ("✗", "x", "bold red")
_ARROW: Final = ("→", "->")


def show(facts: Facts, wrong: Sequence[Trouble], zone: tzinfo, zone_data: str, *, is_all: bool) -> None:
    """Print it."""
    page = _Page(facts, zone, is_all=is_all)
    page.verdict(wrong)
    page.head()
    page.wrong(wrong)
    page.next()
    page.held()
    page.line(f"\ntime zone data {zone_data}", style="dim")


class _Page:
    def __init__(self, facts: Facts, zone: tzinfo, *, is_all: bool) -> None:
        self._facts = facts
        self._zone = zone
        self._is_all = is_all
        self._printer = output.console()

    def line(self, text: str, *, style: str = "", indent: int = 0, lead: str = "") -> None:
        """Print a text, folded under its own beginning; `lead` stands before it."""
        start = " " * indent + lead
        width = max(self._printer.width - len(start), _LEAST_WIDTH)
        for part in Text(text).wrap(self._printer, width, overflow="fold"):
            self._printer.print(Text.assemble(start, (part.plain.rstrip(), style)), soft_wrap=True)
            start = " " * len(start)

    def verdict(self, wrong: Sequence[Trouble]) -> None:
        facts = self._facts
        pretends = " (a dry run: nothing is paused)" if facts.daemon and facts.daemon.dry_run else ""
        if not facts.is_alive:
            mark, text = _DEAD, self._death(wrong[0].since)
        elif wrong:
            number = len(wrong)
            mark, text = _WRONG, f"alive, {number} {'thing needs' if number == 1 else 'things need'} you{pretends}"
        else:
            mark, text = _WELL, f"alive, all well{pretends}"
        self.line(f"{output.mark(*mark[:2])} {text}", style=mark[2])

    def _death(self, since: datetime | None) -> str:
        if since is None or self._facts.daemon is None:
            return "not running, and never was"
        # When it ended nobody knows, where it didn't say so.
        is_known = self._facts.daemon.stopped_at is not None
        return f"not running {'since' if is_known else 'any more; last sign'} {self._at(since)}"

    def head(self) -> None:
        facts = self._facts
        if daemon := facts.daemon:
            where = f" on {daemon.host}" if facts.is_shared else ""
            tick = f"last tick {self._at(daemon.last_tick_at)}" if daemon.last_tick_at else "no tick yet"
            self._note(f"process {daemon.pid}{where}, version {daemon.version}, {tick}")
        if facts.standing_by:
            others = ", ".join(f"process {each['pid']} on {each['host']}" for each in facts.standing_by)
            self._note(f"standing by: {others}")
        if facts.file:
            digest = facts.file.sha256[:_DIGEST_SHOWN]
            self._note(f"file {facts.file.file}, loaded {self._at(facts.file.loaded_at)} (sha256 {digest})")
            settings = facts.settings
            if settings and not facts.rejected and settings.digest != facts.file.sha256:
                self._note("the file is another one by now, not loaded yet")

    def _note(self, text: str) -> None:
        self.line(printable(text), indent=2)

    def wrong(self, wrong: Sequence[Trouble]) -> None:
        if not wrong:
            return
        self._title("what's wrong")
        style = (_WRONG if self._facts.is_alive else _DEAD)[2].removeprefix("bold ")
        for each in wrong:
            # The verdict has said it.
            is_said = not self._facts.is_alive and each is wrong[0]
            since = f" since {self._at(each.since)}" if each.since and not is_said else ""
            remark = f"; {each.remark}" if each.remark else ""
            self.line(printable(f"{each.what}{since}{remark}"), style=style, indent=2)
            shown = each.details if self._is_all else each.details[:_MOST_DETAILS]
            for detail in shown:
                self.line(printable(detail), indent=4)
            if len(shown) < len(each.details):
                self.line(f"and {len(each.details) - len(shown):,} more: curfew status --all", indent=4)
            self.line(each.to_do, indent=4, lead=f"{output.mark(*_ARROW)} ")

    def next(self) -> None:
        found = list(islice(_moments(self._facts.edges()), _MOST_EDGES))
        self._title(f"next, in {_length(found[0][0].at - self._facts.now)}" if found else "next")
        if self._facts.ruleset is None:
            self.line("not known here while the file is wrong; the daemon goes by the rules that it has", indent=2)
        elif found:
            output.print_table(("when", "action", "campaign", "rules"), [self._edge(*each) for each in found])
        else:
            self.line(f"nothing in the next {sum(LOOK_AHEAD_DAYS)} days", indent=2)

    def _edge(self, edge: Edge, subjects: Sequence[Subject]) -> output.Row:
        names = [each.text for each in subjects]
        shown = ", ".join(names) if len(names) <= _MOST_NAMED else output.counted(len(names), "campaign")
        cells = (output.clock(edge.at, self._zone), edge.action, shown, ", ".join(edge.rules))
        return output.Row(cells, output.day(edge.at, self._zone))

    def held(self) -> None:
        held = self._facts.held
        self._title(f"held paused, to be resumed{f': {len(held):,}' if held else ''}")
        if not held:
            self.line("nothing", indent=2)
            return
        if self._is_all or len(held) <= _MOST_HELD:
            groups = [[each] for each in sorted(held, key=_ends)]
        else:
            groups = [list(group) for _, group in groupby(sorted(held, key=_ends), key=_ends)]
        shown = groups if self._is_all else groups[:_MOST_HELD]
        output.print_table(("until", "campaign", "because"), [self._held(group) for group in shown])
        if len(shown) < len(groups):
            rest = sum(map(len, groups[len(shown) :]))
            self.line(f"and {output.counted(rest, 'campaign')} more: curfew status --all")

    def _held(self, group: Sequence[Mapping[str, Any]]) -> output.Row:
        first = group[0]
        until = output.moment(first["until"], self._zone) or "no end in sight"
        is_due = first["until"] is not None and first["until"] <= self._facts.now
        what = output.campaign(first) if len(group) == 1 else output.counted(len(group), "campaign")
        return output.Row((f"due {until}" if is_due else until, what, first["because"]))

    def _title(self, text: str) -> None:
        self.line(f"\n{text}", style="bold")

    def _at(self, instant: datetime) -> str:
        """`Fri 2026-11-27 17:00+01:00, 2 h ago`."""
        there = instant.astimezone(self._zone)
        return f"{there:%a} {there.isoformat(sep=' ', timespec='minutes')}, {_length(self._facts.now - instant)} ago"


def _moments(edges: Iterable[tuple[Subject, Edge]]) -> Iterator[tuple[Edge, list[Subject]]]:
    """Edges that are the same for several subjects, taken together."""
    for _, group in groupby(edges, key=lambda each: each[1].at):
        by_edge: dict[tuple[Any, ...], tuple[Edge, list[Subject]]] = {}
        for subject, edge in group:
            by_edge.setdefault((edge.action, edge.rules, edge.until), (edge, []))[1].append(subject)
        yield from by_edge.values()


def _ends(held: Mapping[str, Any]) -> tuple[bool, str, str]:
    """The order of what is held, the first end first; what is alike belongs together."""
    until: datetime | None = held["until"]
    return until is None, output.utc(until) if until else "", held["because"]


def _length(span: timedelta) -> str:
    """In the unit that says it in two figures."""
    seconds = max(0, round(span.total_seconds()))
    for unit, length in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds < 100 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds // 86400} days"
