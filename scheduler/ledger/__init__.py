"""The durable record of what was due, what was tried, and what we owe.

records   the values that go in and come out
tables    the tables, as SQLAlchemy sees them; `migrations/` makes them
database  connections and their settings; the one thread that writes
work      what the daemon records, each a function of one connection
reports   what the verbs read: the audit log, the state of the daemon
lock      one daemon per ledger
location  where a ledger is
"""
