"""When is it quiet? The pure half of Curfew: no clock, no network, no database, no logging.

source     YAML 1.2 text as plain values, with the place of each
notation   the small notations inside a value: times, moments, days
document   the file as typed values
calendars  named calendars: public holidays and lists of dates
days       which local dates an entry means
localtime  wall time and zone to instants
windows    quiet windows and holds of one entry; union into spans
ruleset    what all rules together say of one campaign: decide, edges
"""
