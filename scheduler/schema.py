"""The ledger's migrations: shipped inside the wheel, applied by the daemon at start or by `curfew db upgrade`."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError

from scheduler.errors import LedgerError
from scheduler.ledger.database import Database, one_at_a_time
from scheduler.ledger.faults import NEWER

# In a wheel the scripts lie inside the package; in a checkout, where the migrations' author looks for them.
_PACKAGED = Path(__file__).parent / "_migrations"
_CHECKOUT = Path(__file__).parent.parent / "migrations"


def make(database: Database) -> None:
    """Make the tables of a ledger on a server that has none: it's there that is kept who may work on it.

    Raises:
        LedgerError: the ledger was made by a newer version, or can't be written.
    """
    if database.server is None:
        return
    with database.writing() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    if found is None or found not in _revisions():
        upgrade(database)


def upgrade(database: Database) -> tuple[str | None, str]:
    """Bring the ledger to the newest revision; gives the revision before (None: it was empty) and after.

    One that is there already isn't written, and need not be writable.

    Raises:
        LedgerError: the ledger was made by a newer version, or can't be written.
    """
    if database.revision() == head():
        return head(), head()
    config = configuration()
    with database.writing() as connection:
        one_at_a_time(connection)
        config.attributes["connection"] = connection
        before = MigrationContext.configure(connection).get_current_revision()
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise LedgerError(
                f"{database.name}: revision {before} is none that this version knows, whose newest is {head()}; {NEWER}"
            ) from error
    return before, head()


def _revisions() -> set[str]:
    return {script.revision for script in ScriptDirectory.from_config(configuration()).walk_revisions()}


def head() -> str:
    """The newest revision that this version has."""
    return ScriptDirectory.from_config(configuration()).get_current_head() or ""


def configuration() -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    location = _PACKAGED if _PACKAGED.is_dir() else _CHECKOUT
    config.set_main_option("script_location", str(location).replace("%", "%%"))
    return config
