"""Run by Alembic for each command; the connection is handed in by `scheduler.schema`, and nothing else is known."""

from alembic import context

from scheduler.ledger.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    # SQLite can alter little in place: a table is made anew and copied.
    render_as_batch=True,
    # SQLite's DDL is transactional once the driver doesn't commit by itself: a migration is whole or not at all.
    transactional_ddl=True,
)

with context.begin_transaction():
    context.run_migrations()
