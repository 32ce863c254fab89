"""Hears when files change, in whatever way: written to, replaced, or reached by other symbolic links than before.

What it hears is only a reason to look; a folder that can't be watched (a network's, or one watch too many) is looked
at less often, and nothing is lost.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from watchfiles import awatch

from scheduler.logs import logger

# How often the library's thread looks at what the kernel has told it.
_STEP_MS: Final = 100
# As many as the kernel follows (path_resolution(7)).
_MOST_LINKS: Final = 40

_log = logger()


class Watch:
    """Calls `changed` whenever one of some files may have changed."""

    def __init__(self, changed: Callable[[], None]) -> None:
        self._changed = changed
        self._said: str | None = None

    @asynccontextmanager
    async def over(self, files: Iterable[Path]) -> AsyncIterator[None]:
        """Watch these files, from here on to the end."""
        steps = frozenset(step for file in files for step in steps_to(file))
        hearing = asyncio.create_task(self._hear(steps), name="watch")
        # Its first step sets the watches.
        await asyncio.sleep(0)
        try:
            yield
        finally:
            hearing.cancel()
            await asyncio.wait([hearing])

    async def _hear(self, steps: frozenset[Path]) -> None:
        names = {str(step) for step in steps}
        try:
            async for _ in awatch(
                *sorted({step.parent for step in steps}),
                watch_filter=lambda _, path: path in names,
                recursive=False,
                step=_STEP_MS,
                debounce=_STEP_MS,
                ignore_permission_denied=True,
            ):
                self._changed()
        except (OSError, RuntimeError, ValueError) as error:
            if str(error) != self._said:
                self._said = str(error)
                _log.warning("edits aren't heard of at once; the file is looked at every minute", error=self._said)


def steps_to(file: Path) -> list[Path]:
    """The entries of folders that lead to a file: it itself, and every symbolic link on the way, each in a true folder.

    Where something on the way is missing, it's the last one.
    """
    found: list[Path] = []
    place, names = Path("/"), list(reversed(file.absolute().parts[1:]))
    while names:
        step = place / names.pop()
        target = _target(step) if len(found) < _MOST_LINKS else None
        if step.name == "..":
            place = place.parent
        elif target is not None:
            found.append(step)
            place = Path("/") if target.is_absolute() else place
            names += reversed(target.parts[1:] if target.is_absolute() else target.parts)
        elif names and step.is_dir():
            place = step
        else:
            return [*found, step]
    return found


def _target(path: Path) -> Path | None:
    """Where a symbolic link leads; None where it's none."""
    try:
        return path.readlink()
    except (OSError, ValueError):
        return None
