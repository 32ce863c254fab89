"""Which file the daemon goes by, and which one it has refused since, for `curfew status`."""

from collections.abc import Iterator
from dataclasses import asdict
from zoneinfo import ZoneInfo

from scheduler.cli import output
from scheduler.ledger.files import FileInForce, RejectedFile
from scheduler.settings import Settings
from scheduler.texts import printable

_DIGEST_SHOWN = 12
_MOST_SHOWN = 5


def row(found: FileInForce | RejectedFile | None) -> dict[str, object] | None:
    """A file, for JSON."""
    return None if found is None else asdict(found)


def lines(
    in_force: FileInForce | None, rejected: RejectedFile | None, settings: Settings | None, zone: ZoneInfo
) -> Iterator[str]:
    """What a person is told of the two; `settings` are those of the file as it is now, None where it's wrong."""
    if in_force is None:
        return
    loaded = output.local(in_force.loaded_at, zone)
    yield f"file {printable(in_force.file)} (sha256 {in_force.sha256[:_DIGEST_SHOWN]}), loaded {loaded}"
    if rejected is not None:
        yield f"rejected since {output.local(rejected.since, zone)}; the rules loaded before stay in force:"
        yield from (f"  {printable(problem)}" for problem in rejected.problems[:_MOST_SHOWN])
        if rejected.number > _MOST_SHOWN:
            yield f"  and {rejected.number - _MOST_SHOWN} more: curfew check"
    elif settings is None:
        yield "the file is wrong by now: curfew check"
    elif settings.digest != in_force.sha256:
        yield "the file is another one by now, not loaded yet"
