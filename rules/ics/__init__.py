"""iCalendar files (RFC 5545): the days and times of their events, and calendars to subscribe to.

text        text from outside, as it may be shown
components  a VEVENT as icalendar has it: its properties, name and span
lines       the lines of a file: unfolded, well nested, and tidied
rrule       an RRULE: what's refused of it, when it ends and how often it may recur
zones       the time zones of a file
checks      what's refused of an event
series      events that recur, and their exceptions
happenings  what events come to: whole days and timed events
year        the happenings of one year
file        a file's events, asked for their days and times
reading     from bytes to a file, or what's wrong with it
writing     from planned events to bytes

`icalendar` reads the text and `recurring_ical_events` repeats what recurs. Both are imported only when there is a
file: they cost a thirtieth of a second. Left to themselves they pass over much that's wrong, and an event that's lost
is a day on which mails go out; so all that bears on when an event takes place is checked here first, and refused where
it can't be obeyed.
"""

from rules.ics.file import IcsFile
from rules.ics.reading import LARGEST, read_ics
from rules.ics.text import printable
from rules.ics.writing import PlannedEvent, write_ics

__all__ = ["LARGEST", "IcsFile", "PlannedEvent", "printable", "read_ics", "write_ics"]
