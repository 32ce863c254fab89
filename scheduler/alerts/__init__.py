"""Alerts: what needs a person, once when it begins and once when it's over.

concerns   what needs a person now, as far as the ledger and the daemon know: pure
stock      which of it is new, lasts, is over, and is to be told: pure
messages   what a person reads: pure
digest     the summary of a day or a week: pure
courier    messages on their way, each target for itself
watch      the daemon's look at all that, again and again
"""
