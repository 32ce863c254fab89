"""When is it quiet? The pure half of Curfew: no clock, no network, no database, no logging.

source     YAML 1.2 text as plain values, with the place of each
notation   the small notations inside a value: times, moments, durations, months
days       which local dates an entry means
cron       cron expressions
calendars  named calendars: public holidays, lists of dates, and what's made of them
ics        events of local iCalendar files, and plans as one
document   the file as typed values, with all its mistakes and its JSON Schema
localtime  wall time and zone to instants
windows    quiet windows and holds; union into spans
patterns   what one entry makes: windows, or holds, on each of its days
entries    from typed values to rules that can be asked
timeline   some rules taken together: decide, spans, edges
ruleset    all rules of a file: which are for a campaign
advice     what's legal, but surely not meant
"""
