"""A person's exceptions, as they are kept: each a function of one connection."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Final

from sqlalchemy import Connection, func, insert, select, update

from rules.overrides import Override, OverrideKind
from scheduler.ledger.tables import overrides
from scheduler.ledger.work import note

# One that has ended still says why campaigns were paused that are given back after it.
_KEPT_IN_MIND: Final = timedelta(days=35)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """An override with what became of it; instants are UTC."""

    override: Override
    made_at: datetime
    revoked_at: datetime | None
    revoked_by: str | None


def add_override(connection: Connection, new: Override, now: datetime) -> Override:
    """Record an exception, with a line in the journal; gives it with its number."""
    row = {name: getattr(new, name) for name in Override.__dataclass_fields__ if name != "id"}
    added = connection.execute(insert(overrides).values(**row | {"made_at": now})).inserted_primary_key or (0,)
    made = Override(**row, id=int(added[0]))
    details = {"override": str(made), "from": _text(made.starts_at), "until": _text(made.ends_at)}
    note(connection, now, "override made", account=made.account, campaign=made.campaign, details=details)
    return made


def revoke_override(connection: Connection, number: int, author: str, now: datetime) -> Override | None:
    """Take an exception back, with a line in the journal; None where there's none in force with that number."""
    chosen = (overrides.c.id == number, overrides.c.revoked_at.is_(None), overrides.c.ends_at > now)
    if connection.execute(update(overrides).where(*chosen).values(revoked_at=now, revoked_by=author)).rowcount != 1:
        return None
    (found,) = _recorded(connection, overrides.c.id == number)
    override = found.override
    details = {"override": str(override), "by": author}
    note(connection, now, "override revoked", account=override.account, campaign=override.campaign, details=details)
    return override


def overrides_in_mind(connection: Connection, now: datetime) -> list[Override]:
    """The exceptions that bear on what is wanted now, also for some time after their end.

    One that was taken back has ended there: what it kept quiet is given back as of then.
    """
    found = _recorded(connection, overrides.c.ends_at > now - _KEPT_IN_MIND)
    return [override for each in found if (override := _in_force(each))]


def _in_force(recorded: Recorded) -> Override | None:
    """As far as it was in force; None where it never was, or (a skipped window) as if it hadn't been."""
    override, revoked_at = recorded.override, recorded.revoked_at
    if revoked_at is None:
        return override
    if override.kind is OverrideKind.SKIP or revoked_at <= override.starts_at:
        return None
    return replace(override, ends_at=min(override.ends_at, revoked_at))


def recent_overrides(connection: Connection, since: datetime) -> list[Recorded]:
    """All exceptions that end later than an instant, also those taken back, oldest first."""
    return _recorded(connection, overrides.c.ends_at > since)


def overrides_stamp(connection: Connection) -> tuple[int, int]:
    """What's another one when an exception was made or taken back.

    They are counted: on a server, one with a smaller number can come to be seen after one with a larger one.
    """
    made, revoked = connection.execute(
        select(func.count(), func.count(overrides.c.revoked_at)).select_from(overrides)
    ).one()
    return made, revoked


def _recorded(connection: Connection, *conditions: Any) -> list[Recorded]:
    rows = connection.execute(select(overrides).where(*conditions).order_by(overrides.c.id)).mappings()
    return [
        Recorded(
            override=Override(
                **{name: row[name] for name in Override.__dataclass_fields__ if name != "kind"},
                kind=OverrideKind(row["kind"]),
            ),
            made_at=row["made_at"],
            revoked_at=row["revoked_at"],
            revoked_by=row["revoked_by"],
        )
        for row in rows
    ]


def _text(instant: datetime) -> str:
    return instant.isoformat().replace("+00:00", "Z")
