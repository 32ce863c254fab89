"""Connections to a ledger on a PostgreSQL server, with their settings."""

from typing import Any, Final

from sqlalchemy import URL, Engine, Pool, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import NullPool

from scheduler.errors import LedgerError
from scheduler.ledger.location import Server

_NO_DRIVER: Final = (
    "the driver for PostgreSQL isn't installed; install curfew with its extra `postgres`, or psycopg[binary] beside it"
)
# Of libpq, in seconds but where it says otherwise. What the URL says itself goes first.
_PARAMETERS: Final = {
    "application_name": "curfew",
    "connect_timeout": "5",
    # A server that has gone without a word (no power, no network) is noticed within some 10 s, not after hours.
    "keepalives_idle": "4",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    "tcp_user_timeout": "10000",  # milliseconds
}
_SETTINGS: Final = {
    # An acknowledged commit survives a power cut, whatever the server is used to.
    "synchronous_commit": "on",
    # Nothing is waited for long: neither another transaction nor a migration.
    "lock_timeout": "5s",
    # A machine that dies in a transaction mustn't hold its locks until the server notices by itself.
    "idle_in_transaction_session_timeout": "10s",
}


def server_engine(server: Server, *, pool: type[Pool] = NullPool, **options: Any) -> Engine:
    """An engine whose connections have the settings that a ledger needs.

    Raises:
        LedgerError: the driver is missing, or the URL makes no sense to it.
    """
    try:
        url = make_url(server.url).set(drivername="postgresql+psycopg")
        engine = create_engine(url, poolclass=pool, connect_args=_arguments(url), **options)
    except ModuleNotFoundError:
        raise LedgerError(f"{server}: {_NO_DRIVER}") from None
    except (ArgumentError, ValueError):
        raise LedgerError(f"{server}: not an address that can be connected to") from None

    @event.listens_for(engine, "connect")
    def configure(connection: Any, record: object) -> None:  # noqa: ARG001 -- SQLAlchemy's signature
        # Otherwise the driver would begin a transaction, with whose end the settings would be gone.
        connection.autocommit = True
        connection.execute("; ".join(f"SET {name} = '{value}'" for name, value in _SETTINGS.items()))
        connection.autocommit = False

    return engine


def _arguments(url: URL) -> dict[str, str]:
    return {name: value for name, value in _PARAMETERS.items() if name not in url.query}
