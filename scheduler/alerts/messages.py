"""What a person reads: plain text, short, with what to do. Pure.

Titles have only our own words. What others wrote (names, errors) stands in lines of the body, each bounded; whatever
renders markup escapes it, since it's told that the text is plain (`scheduler/notify.py`).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from enum import StrEnum
from typing import Final

from scheduler.alerts.concerns import ABOUT, Kind, local
from scheduler.alerts.stock import Entry, by_kind
from scheduler.texts import inert, printable

# Of one kind; how many more there are is said.
MOST_SHOWN: Final = 3
LONGEST_LINE: Final = 240
# What a service doesn't take in one piece is for `scheduler/notify.py` to see to: escaping makes it longer.
LONGEST_BODY: Final = 2800
_TEST: Final = "This is a test of Curfew's alerts; nothing needs to be done. What you see is how an alert arrives."


class Level(StrEnum):
    """How a message is marked, where a service has colours or signs for it."""

    FAILURE = "failure"
    WARNING = "warning"
    SUCCESS = "success"
    INFO = "info"


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: a title of our own words, and the body as plain text."""

    title: str
    body: str
    level: Level


@dataclass(frozen=True, slots=True)
class Sender:
    """Who says it, for those who have several: the machine, the file of rules, and the zone of the times."""

    host: str
    file: str
    zone: tzinfo

    def message(self, title: str, parts: Sequence[str], level: Level) -> Message:
        """Paragraphs as a message, with who says it at the end."""
        text = _bounded("\n\n".join(parts))
        body = f"{text}\n\n--\nCurfew on {self.host}, {self.file}"
        return Message(f"Curfew: {title}", inert(body), level)


def alert(begun: Sequence[Entry], over: Sequence[Entry], sender: Sender) -> Message:
    """What has begun, and what is over, in one message."""
    begins, ends = list(by_kind(begun)), list(by_kind(over))
    first = _title(*begins[0]) if begins else f"over: {_title(*ends[0])}"
    more = len(begins) + len(ends) - 1
    title = f"{first} (and {more} more)" if more else first
    parts = [*(_begun(*each, sender.zone) for each in begins), *(_over(*each, sender.zone) for each in ends)]
    return sender.message(title, parts, _level(begins))


def test_message(sender: Sender) -> Message:
    """What `curfew alert --test` sends."""
    return sender.message("a test of its alerts", [_TEST], Level.INFO)


def together(messages: Sequence[Message]) -> Message:
    """Several messages that had to wait for one another as one."""
    if len(messages) == 1:
        return messages[0]
    head = f"{len(messages)} messages that couldn't be sent before, the newest first:"
    body = "\n\n".join([head, *(each.body for each in reversed(messages))])
    level = min((each.level for each in messages), key=list(Level).index)
    return Message(f"{messages[-1].title} (and what came before)", _bounded(body), level)


def _bounded(text: str) -> str:
    """Whole lines of it, as far as a service takes them."""
    if len(text) <= LONGEST_BODY:
        return text
    whole_lines, _, _ = text[:LONGEST_BODY].rpartition("\n")
    return f"{whole_lines}\n…\nThe rest is in `curfew alert` and `curfew status`."


def _level(begins: Sequence[tuple[Kind, Sequence[Entry]]]) -> Level:
    if not begins:
        return Level.SUCCESS
    return Level.WARNING if all(kind in _CAN_WAIT for kind, _ in begins) else Level.FAILURE


# Nobody is mailed, or kept waiting, by these.
_CAN_WAIT: Final = {Kind.PREFLIGHT, Kind.ALERTS_FAILING, Kind.TOOK_OVER, Kind.RESUME_FAILING, Kind.FILE_REJECTED}


def _title(kind: Kind, entries: Sequence[Entry]) -> str:
    about = ABOUT[kind]
    return about.one if len(entries) == 1 else about.many.format(len(entries))


def _begun(kind: Kind, entries: Sequence[Entry], zone: tzinfo) -> str:
    since = local(min(entry.began_at for entry in entries), zone)
    head = f"{_sentence(_title(kind, entries))} ({'at' if ABOUT[kind].is_moment else 'since'} {since}):"
    return "\n".join([head, *_lines(entries), f"What to do: {ABOUT[kind].advice}"])


def _over(kind: Kind, entries: Sequence[Entry], zone: tzinfo) -> str:
    began = local(min(entry.began_at for entry in entries), zone)
    ended = local(max(entry.over_at or entry.began_at for entry in entries), zone)
    head = f"Over: {_title(kind, entries)} (from {began} until {ended}): {ABOUT[kind].over}."
    return "\n".join([head, *_lines(entries)])


def _lines(entries: Sequence[Entry]) -> Iterator[str]:
    for entry in entries[:MOST_SHOWN]:
        yield line(entry.text)
    if len(entries) > MOST_SHOWN:
        yield f"- and {len(entries) - MOST_SHOWN} more"


def line(text: str) -> str:
    """One line of a list, cut where it's long."""
    shown = printable(text)
    return f"- {shown}" if len(shown) <= LONGEST_LINE else f"- {shown[:LONGEST_LINE]}…"


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]
