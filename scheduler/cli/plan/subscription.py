"""The plan as an iCalendar file, for calendars to subscribe to: an event for each pause."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from rules.ics import PlannedEvent, write_ics
from rules.ruleset import Action
from scheduler.cli.plan.rows import Planned


def as_ics(planned: Iterable[Planned], stamp: datetime) -> bytes:
    """Each pause from its beginning to its end, and each hold; `stamp` (UTC) is when the plan was made.

    The same pause of the same campaigns has the same UID each time, so that a subscription changes it and adds none.
    """
    return write_ics(_events(planned), name="Curfew", stamp=stamp)


def _events(planned: Iterable[Planned]) -> Iterator[PlannedEvent]:
    for each in planned:
        subject, edge = each.subject, each.edge
        if edge.action is Action.PAUSE:
            yield PlannedEvent(
                uid=_uid(each),
                start=edge.at,
                end=edge.until,
                summary=f"{subject.text}: {'; '.join(edge.because)}",
                description=_description(each),
            )


def _uid(planned: Planned) -> str:
    subject, edge = planned.subject, planned.edge
    kind = "hold" if edge.is_hold else "pause"
    # How far back a span without a beginning was followed is another instant each year.
    at = "always" if planned.is_beginless else f"{edge.at.astimezone(UTC):%Y%m%dT%H%M%SZ}"
    whom = hashlib.sha256(f"{subject.account}\n{subject.text}".encode()).hexdigest()[:16]
    return f"{at}-{kind}-{whom}@curfew"


def _description(planned: Planned) -> str:
    subject, edge, is_left_paused, _ = planned
    end = "Given back at the end, if Curfew paused it."
    if edge.is_hold or is_left_paused:
        end = "Left paused until a person resumes it."
    elif edge.until is None:
        end = "No end is in sight."
    rules = "\n".join(edge.because)
    return f"Campaign {subject.text} of account {subject.account}\n{rules}\n{end}"
