"""What the journal has of the file of rules: which one is in force, and which one was refused since."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, and_, func, select

from scheduler.ledger.records import FILE_LOADED, FILE_REJECTED, Seen
from scheduler.ledger.tables import campaigns, custody, journal


@dataclass(frozen=True, slots=True, kw_only=True)
class FileInForce:
    """The file that was loaded last."""

    file: str
    sha256: str
    loaded_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class RejectedFile:
    """What stands in the place of the file in force, as it was refused last; `since` is when the first such one was.

    `problems` are the first of all that were found, each `LINE:COLUMN: PATH: message`.
    """

    file: str
    sha256: str | None
    since: datetime
    number: int
    problems: tuple[str, ...]


def file_in_force(connection: Connection) -> FileInForce | None:
    """The file that a daemon has loaded last; None on a ledger that none has used yet."""
    query = select(journal.c.at, journal.c.details).where(journal.c.event == FILE_LOADED)
    row = connection.execute(query.order_by(journal.c.id.desc()).limit(1)).first()
    return row and FileInForce(file=row.details["file"], sha256=row.details["sha256"], loaded_at=row.at)


def rejected_file(connection: Connection) -> RejectedFile | None:
    """What was refused since the file in force was loaded; None where nothing was."""
    loaded = select(func.coalesce(func.max(journal.c.id), 0)).where(journal.c.event == FILE_LOADED)
    since = and_(journal.c.event == FILE_REJECTED, journal.c.id > loaded.scalar_subquery())
    rows = connection.execute(select(journal.c.at, journal.c.details).where(since).order_by(journal.c.id)).all()
    if not rows:
        return None
    details: Mapping[str, Any] = rows[-1].details
    return RejectedFile(
        file=details["file"],
        sha256=details["sha256"],
        since=rows[0].at,
        number=details["number"],
        problems=tuple(details["problems"]),
    )


def held(connection: Connection) -> list[tuple[str, Seen]]:
    """The campaigns that we hold paused, each with its account, as far as any list has shown them."""
    is_same = and_(campaigns.c.account == custody.c.account, campaigns.c.campaign == custody.c.campaign)
    columns = (custody.c.account, custody.c.campaign, campaigns.c.name, campaigns.c.folder, campaigns.c.status)
    query = select(*columns).outerjoin_from(custody, campaigns, is_same).where(custody.c.left_at.is_(None))
    return [
        (row.account, Seen(campaign=row.campaign, name=row.name or "", folder=row.folder, status=row.status or ""))
        for row in connection.execute(query)
    ]
