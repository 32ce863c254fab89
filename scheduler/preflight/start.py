"""The preflight at the daemon's start: in the background, and only while the lane has nothing else to do."""

import asyncio
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final

from rules.source import Problem
from scheduler.lanes import Lane
from scheduler.ledger import work
from scheduler.ledger.database import Writer
from scheduler.ledger.records import PREFLIGHT
from scheduler.logs import logger
from scheduler.preflight.advice import problems_of
from scheduler.preflight.asking import CheckedAccount, Limits, check_account
from scheduler.settings import Settings

# A pause that falls due meanwhile waits for the call in flight, so that is short.
LIMITS: Final = Limits(campaigns=300, lasts=timedelta(hours=1), call=timedelta(seconds=5))
AT_ONCE: Final = 10
# A file that is wrong all over shall not bury the rest of the log; `curfew check --online` says it all.
_MOST_SAID: Final = 50

_log = logger()


async def at_start(
    settings: Settings,
    lane: Lane,
    writer: Writer,
    now: Callable[[], datetime],
    *,
    after: asyncio.Event,
    at_once: asyncio.Semaphore,
    rest: timedelta = timedelta(),
    limits: Limits = LIMITS,
) -> None:
    """Ask about the campaigns that are selected, once `after` is set; what's wrong is said in the log and the journal.

    `rest` is how long it waits before it begins.

    An account that refused the key, or couldn't be asked, is asked once more when it gives a list again. Whatever
    happens to it, the daemon goes on. Few accounts are asked `at_once`: those that pause need the processor.
    """
    await after.wait()
    await asyncio.sleep(rest.total_seconds())
    try:
        for _ in range(2):
            lane.is_listed.clear()
            async with at_once:
                checked = await check_account(settings.ruleset, lane.name, lane.spare_turn, limits)
            await _tell(settings, checked, writer, now)
            if checked.fault is None:
                return
            await lane.is_listed.wait()
    except Exception:  # noqa: BLE001 -- it only looks ahead; a fault of it is shown, and pauses go on
        _log.exception("the preflight failed", account=lane.name)


async def _tell(settings: Settings, checked: CheckedAccount, writer: Writer, now: Callable[[], datetime]) -> None:
    # In a thread: to find the nearest of thousands of names takes a while, in which a pause may be due.
    found = await asyncio.to_thread(problems_of, settings.source, settings.document, checked)
    facts, account = _facts(checked, found), checked.account
    details = {**facts, "said": [str(problem) for problem in found[:_MOST_SAID]]}
    await writer.do(lambda connection: work.note(connection, now(), PREFLIGHT, account=account, details=details))
    for problem in found[:_MOST_SAID]:
        write = _log.warning if problem.is_warning else _log.error
        write("preflight", account=account, place=str(problem.place), path=problem.path, why=problem.message)
    # A thousand accounts in which nothing is wrong are no news.
    say = _log.info if found or checked.left_out else _log.debug
    say("preflight done", account=account, **facts)


def _facts(checked: CheckedAccount, found: Sequence[Problem]) -> dict[str, Any]:
    return {
        "selected": len(checked.selected),
        "asked": checked.asked,
        "left_out": checked.left_out,
        "problems": len(found),
    }
