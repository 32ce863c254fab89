"""Two weeks at the end of a year, with all that happens to campaigns then: each ends as Curfew promises.

The sandbox's clock and the daemon's are one, and are moved from instant to instant: every edge, some minutes after it,
and every hour. In between, people and Woodpecker itself do what they do. All times are Warsaw's.
"""

import asyncio
import random
import signal
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final
from zoneinfo import ZoneInfo

import pytest
from freezegun import freeze_time
from sqlalchemy import select

from rules.overrides import Override, OverrideKind, overridden
from rules.ruleset import Ruleset
from scheduler.client import Client
from scheduler.daemon import Daemon
from scheduler.lanes import Lane
from scheduler.ledger import reports, work
from scheduler.ledger.database import Database, Writer
from scheduler.ledger.overrides import add_override, overrides_in_mind, overrides_stamp, revoke_override
from scheduler.ledger.tables import attempts, intents, journal
from scheduler.reconcile import Reconciler
from scheduler.sandbox import Campaign, Entry, Fault, Sandbox
from scheduler.settings import Settings, load
from tests.acceptance.command_line import Curfew
from tests.scheduler_fakes import HOUR, KEY, MINUTE, Clock, at_work, captured_logs, ledger_in, until, writing_to

WARSAW: Final = ZoneInfo("Europe/Warsaw")

FILE = """\
timezone: Europe/Warsaw
accounts:
  main: {{api_key: {key}, base_url: "{base_url}"}}
calendars:
  poland: {{country: PL}}
rules:
  - {{name: weekend, campaigns: all, pause: {{from: Fri 17:00, until: Mon 08:00}}}}
  - {{name: holidays, campaigns: all, pause: {{on: poland}}}}
  - {{name: nights, campaigns: {{folders: [EMEA]}}, pause: {{on: mon-fri, from: 18:00, until: 08:00}}}}
  - name: partners
    campaigns: {{folders: [Partners]}}
    resume: {{over: 30m}}
    pause: {{from: 2026-12-22 12:00, until: 2026-12-22 14:00}}
  - name: audit-day
    campaigns: [{enforced}]
    enforce: true
    pause: {{from: 2026-12-29 09:00, until: 2026-12-29 17:00}}
  - {{name: launch-stop, campaigns: [{held}], pause: {{at: 2026-12-29 12:00}}}}
  - name: relaunch
    campaigns: [{unresumed}]
    resume: false
    pause: {{from: 2026-12-30 16:00, until: 2026-12-30 18:00}}
  - {{name: party-stop, campaigns: [{held_inside}], pause: {{at: 2026-12-26 10:00}}}}
  - {{name: inventory, campaigns: [{skipped_late}], pause: {{from: 2026-12-30 10:00, until: 2026-12-30 14:00}}}}
  - {{name: fair, campaigns: [{extended}], pause: {{from: 2026-12-29 13:00, until: 2026-12-29 15:00}}}}
  - {{name: maintenance, campaigns: [{skipped}], pause: {{from: 2026-12-30 10:00, until: 2026-12-30 12:00}}}}
"""

FIRST: Final = 1000001
(
    PLAIN,
    NIGHTLY,
    BY_HAND,
    RESUMED,
    ENFORCED,
    REVIVED,
    SHIELDED,
    MOVED,
    REFUSED,
    HELD,
    UNRESUMED,
    ONE_OF_THREE,
    TWO_OF_THREE,
    THREE_OF_THREE,
    PAUSED_BY_OVERRIDE,
    RESUMED_BY_OVERRIDE,
    SKIPPED,
    EXTENDED,
    LOST,
    UNSEEN,
    REVOKED,
    SKIPPED_LATE,
    STOPPED,
    PAUSED_AGAIN,
    HELD_INSIDE,
    DELETED,
    NEW,
) = range(FIRST, FIRST + 27)


def instant(text: str) -> datetime:
    """A time of these two weeks, in Warsaw."""
    year = 2027 if text.startswith("01") else 2026
    return datetime.fromisoformat(f"{year}-{text}").replace(tzinfo=WARSAW).astimezone(UTC)


def wall(at: datetime) -> str:
    """The same, the other way round."""
    return f"{at.astimezone(WARSAW):%m-%d %H:%M}"


START: Final = "12-21 09:00"
# The daemon is down when the longest window ends.
DOWN: Final = "12-28 07:30"
UP: Final = "12-28 08:40"
END: Final = "01-04 12:00"

Act = Callable[[Sandbox], None]


def changes(campaign: int, **fields: str) -> Act:
    """A person or Woodpecker itself changes a campaign."""

    def act(sandbox: Sandbox) -> None:
        for name, value in fields.items():
            setattr(sandbox.campaign(campaign), name, value)

    return act


def appears(campaign: int, **fields: Any) -> Act:
    """Somebody makes a campaign."""

    def act(sandbox: Sandbox) -> None:
        sandbox.account().campaigns[campaign] = Campaign(id=campaign, name=f"Campaign {campaign}", **fields)

    return act


def breaks(**fault: Any) -> Act:
    """The API fails from now on."""
    return lambda sandbox: sandbox.add_fault(Fault(**fault))


def vanishes(campaign: int) -> Act:
    """Somebody deletes a campaign."""

    def act(sandbox: Sandbox) -> None:
        del sandbox.account().campaigns[campaign]

    return act


def recovers(sandbox: Sandbox) -> None:
    """The API works again, but for the campaign that it can't run."""
    sandbox.clear_faults()
    breaks(call="run", campaign=REFUSED, status=409)(sandbox)


CAST: Final = dict.fromkeys(range(FIRST, NEW), "Americas") | {
    NIGHTLY: "EMEA",
    MOVED: "EMEA",
    LOST: "EMEA",
    ONE_OF_THREE: "Partners",
    TWO_OF_THREE: "Partners",
    THREE_OF_THREE: "Partners",
}

EVENTS: Final[Sequence[tuple[str, Act]]] = (
    *(("12-21 09:00", appears(campaign, folder=folder)) for campaign, folder in CAST.items()),
    ("12-21 09:00", recovers),
    ("12-21 09:00", changes(BY_HAND, status="PAUSED")),
    ("12-21 09:00", changes(REVIVED, status="COMPLETED")),
    ("12-21 22:00", changes(MOVED, folder="Americas")),
    # The call does its work, and its answer is lost.
    ("12-22 18:00", breaks(effect="drop_after", call="pause", campaign=LOST, times=1)),
    ("12-22 20:00", appears(NEW, folder="EMEA")),
    # Six minutes of 500, to everything; one pause gets through, though that's said to nobody.
    ("12-24 00:00", breaks(effect="status_after", call="pause", campaign=UNSEEN, times=1)),
    ("12-24 00:00", breaks(status=500)),
    ("12-24 00:06", recovers),
    ("12-25 10:00", changes(RESUMED, status="RUNNING")),
    ("12-25 20:00", changes(REVIVED, status="RUNNING")),
    ("12-25 10:00", changes(PAUSED_AGAIN, status="RUNNING")),
    ("12-25 12:00", changes(PAUSED_AGAIN, status="PAUSED")),
    ("12-25 12:00", changes(STOPPED, status="STOPPED")),
    ("12-25 12:00", vanishes(DELETED)),
    ("12-26 09:00", changes(SHIELDED, bounce_shield_autopaused_at="2026-12-26 08:00:00")),
    ("12-29 11:00", changes(ENFORCED, status="RUNNING")),
    ("01-01 00:00", breaks(status=401)),
    ("01-01 00:18", recovers),
)


def override(kind: OverrideKind, start: str, end: str, **whom: Any) -> Override:
    return Override(
        id=0,
        kind=kind,
        account="main",
        starts_at=instant(start),
        ends_at=instant(end),
        author="ada",
        reason="wrong prices",
        **whom,
    )


# When all is paused while the API fails, and when resumes are spread: somebody looks every five minutes.
BUSY: Final = ("12-22 14:00", "12-24 00:00", "01-01 00:00")

OVERRIDES: Final[Sequence[tuple[str, Override]]] = (
    ("12-26 12:00", override(OverrideKind.RESUME, "12-26 12:00", "12-28 08:00", campaign=RESUMED_BY_OVERRIDE)),
    ("12-28 09:00", override(OverrideKind.EXTEND, "12-29 13:00", "12-29 18:00", rule="fair")),
    ("12-28 09:00", override(OverrideKind.SKIP, "12-30 10:00", "12-30 12:00", rule="maintenance")),
    ("12-29 10:00", override(OverrideKind.PAUSE, "12-29 10:00", "12-30 15:00", campaign=PAUSED_BY_OVERRIDE)),
    ("12-29 10:00", override(OverrideKind.PAUSE, "12-29 10:00", "12-31 12:00", campaign=REVOKED)),
    ("12-30 11:00", override(OverrideKind.SKIP, "12-30 10:00", "12-30 14:00", rule="inventory")),
)
# When one of these is taken back, by its number.
REVOCATIONS: Final[Sequence[tuple[str, int]]] = (("12-29 14:00", 5),)


def instants(ruleset: Ruleset, start: str, end: str) -> list[datetime]:
    """When somebody looks, from a start to before an end: every hour, at each edge and event, and soon after it."""
    first, last = instant(start), instant(end)
    moments = {edge.at for _, edge in ruleset.edges(instant(START), last)}
    moments |= {instant(when) for when, _ in (*EVENTS, *OVERRIDES, *REVOCATIONS)}
    after = {moment + n * MINUTE for moment in moments for n in (1, 6)}
    after |= {instant(busy) + n * MINUTE for busy in BUSY for n in range(0, 35, 5)}
    hours = {instant(START) + n * HOUR for n in range(15 * 24)}
    return sorted(moment for moment in moments | after | hours if first <= moment < last)


class Life:
    """One life of the daemon, as daemon.py composes it, but woken by the test alone."""

    def __init__(self, settings: Settings, lane: Lane, writer: Writer, clock: Clock) -> None:
        self._settings, self._lane, self._writer, self._clock = settings, lane, writer, clock
        self._reconciler = Reconciler(settings.ruleset, lane, writer, rules_since=clock())
        self._stamp = (0, 0)
        self._wake = asyncio.Event()
        self.ruleset = settings.ruleset
        lane.when_drained = self._wake.set

    async def look(self) -> None:
        """All that comes of a look at this instant."""
        await self._look_for_overrides()
        self._wake.set()
        while self._wake.is_set():
            self._wake.clear()
            await self._reconciler.run(self._clock())
            await until(self._is_settled, "the lane has done what it can")

    async def _look_for_overrides(self) -> None:
        stamp = await self._writer.do(overrides_stamp)
        if stamp != self._stamp:
            self._stamp, now = stamp, self._clock()
            found = await self._writer.do(lambda connection: overrides_in_mind(connection, now))
            self.ruleset = overridden(self._settings.ruleset, found, self._settings.document.timezone)
            self._reconciler.use(self.ruleset)

    async def _is_settled(self) -> bool:
        async with self._lane.turn():
            return self._lane.is_drained or self._lane.is_resting


@dataclass(frozen=True)
class Story:
    """What's left of the two weeks."""

    folder: Path
    ledger: Database
    campaigns: dict[int, Campaign]
    log: Sequence[Entry]
    loud: Sequence[tuple[datetime, int]]
    said: Sequence[Any]

    def read(self, query: Any) -> list[Any]:
        with self.ledger.reading() as connection:
            return list(connection.execute(query).all())


@dataclass
class Stage:
    """What the story is played on; `loud` is which campaigns ran after a look though they were to be quiet."""

    folder: Path
    clock: Clock
    sandbox: Sandbox
    settings: Settings
    ledger: Database
    writer: Writer
    loud: list[tuple[datetime, int]] = field(default_factory=list)

    async def live(self, start: str, end: str) -> None:
        """A daemon's life between two instants."""
        self.clock.now = instant(start)
        async with self._daemon() as life:
            for moment in instants(self.settings.ruleset, start, end):
                self.clock.now = moment
                await self._happen()
                await life.look()
                self.loud += [
                    (self.clock.now, each.id) for each in self._running() if is_quiet(life.ruleset, each, self.clock())
                ]

    @asynccontextmanager
    async def _daemon(self) -> AsyncIterator[Life]:
        (account,) = self.settings.accounts
        chance = random.Random(1)  # noqa: S311 -- it spreads retries, each time in the same way
        async with Client(account) as client:
            lane = Lane(account.name, client, self.writer, claimant="me", now=self.clock, chance=chance)
            lane.add(await self.writer.do(lambda connection: work.open_intents(connection, account.name)))
            async with at_work(lane):
                yield Life(self.settings, lane, self.writer, self.clock)

    async def live_as_a_whole(self, at: str) -> None:
        """The daemon itself, from its start at an instant until it has nothing to do there any more."""
        self.clock.now = instant(at)

        async def is_done() -> bool:
            run = await self.writer.do(reports.newest_run)
            has_looked = run is not None and run.last_tick_at == run.started_at == self.clock()
            is_open = intents.c.state.in_(("waiting", "calling"))
            left = await self.writer.do(lambda connection: connection.execute(select(intents).where(is_open)).all())
            return has_looked and not left

        life = asyncio.create_task(Daemon(self.settings, self.ledger, now=self.clock).live())
        await until(is_done, "it has done what is due")
        signal.raise_signal(signal.SIGTERM)
        assert await life == 0

    async def _happen(self) -> None:
        for when, act in EVENTS:
            if instant(when) == self.clock.now:
                act(self.sandbox)
        for when, made in OVERRIDES:
            if instant(when) == self.clock.now:
                await self.writer.do(partial(add_override, new=made, now=self.clock.now))
        for when, number in REVOCATIONS:
            if instant(when) == self.clock.now:
                await self.writer.do(partial(revoke_override, number=number, author="ada", now=self.clock.now))

    def _running(self) -> list[Campaign]:
        return [each for each in self.sandbox.account().campaigns.values() if each.status == "RUNNING"]


def is_quiet(ruleset: Ruleset, campaign: Campaign, now: datetime) -> bool:
    timeline = ruleset.timeline("main", campaign.id, name=campaign.name, folder=campaign.folder)
    return timeline.decide(now).is_quiet


async def tell(folder: Path) -> Stage:
    """Live through the two weeks."""
    clock = Clock(instant(START))
    async with Sandbox(campaigns=0, api_key=KEY, now=clock).serving() as sandbox:
        names = {name.lower(): campaign for campaign, name in NAMES.items()}
        file = folder / "curfew.yaml"
        file.write_text(FILE.format(key=KEY, base_url=sandbox.base_url, **names), encoding="utf-8")
        ledger = ledger_in(folder)
        async with writing_to(ledger) as writer:
            stage = Stage(folder, clock, sandbox, load(file, {}), ledger, writer)
            await stage.live(START, DOWN)
            await stage.live_as_a_whole(UP)
            await stage.live(UP, END)
            await stage.live_as_a_whole(END)
    return stage


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Story:
    with captured_logs() as logs:
        stage = asyncio.run(tell(tmp_path_factory.mktemp("two-weeks")))
    return Story(stage.folder, stage.ledger, stage.sandbox.account().campaigns, stage.sandbox.log, stage.loud, logs)


@pytest.fixture
def curfew(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Curfew:
    for name in ("CURFEW_CONFIG", "CURFEW_DATABASE", "STATE_DIRECTORY", "CREDENTIALS_DIRECTORY", "COLUMNS"):
        monkeypatch.delenv(name, raising=False)
    return Curfew(monkeypatch, capsys)


@dataclass(frozen=True, kw_only=True)
class Fate:
    """How a campaign ends, and why; all changes of it; and what the verbs say.

    `audit` are words of its lines there, `why` are words of what is said of one instant.
    """

    status: str
    because: str
    changes: Sequence[str]
    audit: Sequence[str] = ()
    at: str = "12-25 12:00"
    why: Sequence[str] = (": quiet", "holidays: Christmas Day", "until    Mon 2026-12-28 08:00")


def window(start: str, end: str) -> tuple[str, str]:
    return f"{start} pause succeeded", f"{end} resume succeeded"


CHRISTMAS: Final = window("12-24 00:00", "12-28 08:00")
NEW_YEAR: Final = window("01-01 00:00", "01-04 08:00")
# From the second night on; two of them go over into the days that are quiet for all.
NIGHTS: Final = (
    *window("12-22 18:00", "12-23 08:00"),
    *window("12-23 18:00", "12-28 08:00"),
    *window("12-28 18:00", "12-29 08:00"),
    *window("12-29 18:00", "12-30 08:00"),
    *window("12-30 18:00", "12-31 08:00"),
    *window("12-31 18:00", "01-04 08:00"),
)
FIRST_NIGHT: Final = window("12-21 18:00", "12-22 08:00")
# Only a hand may run it again: for all that follows, somebody has paused it.
NEW_YEAR_PAUSED: Final = ("01-01 00:00 pause skipped: already paused",)

FATES: Final = {
    PLAIN: Fate(
        status="RUNNING",
        because="what ran before runs again after it",
        changes=(*CHRISTMAS, *NEW_YEAR),
        audit=("retried UNKNOWN: Unknown error during pause campaign call", "holidays: Christmas Eve"),
    ),
    NIGHTLY: Fate(
        status="RUNNING",
        because="what ran before runs again after each night; holidays and weekend are one with the night before",
        changes=(*FIRST_NIGHT, *NIGHTS),
        audit=("nights: mon-fri 18:00 until 08:00", "holidays: New Year's Day"),
        at="12-31 20:00",
        why=(": quiet", "nights: mon-fri 18:00 until 08:00", "until    Mon 2027-01-04 08:00"),
    ),
    BY_HAND: Fate(
        status="PAUSED",
        because="a person paused it before, so it isn't ours to resume",
        changes=("12-24 00:00 pause skipped: already paused", *NEW_YEAR_PAUSED),
        audit=("pause skipped already paused",),
        why=(": quiet", "pause due Thu 2026-12-24 00:00:00+01:00: skipped: already paused"),
    ),
    RESUMED: Fate(
        status="RUNNING",
        because="a person resumed it at Christmas and it was left so; in the next window it's paused and given back",
        changes=(
            CHRISTMAS[0],
            "12-25 10:00 resume skipped: somebody resumed it inside the window; left running",
            *NEW_YEAR,
        ),
        audit=("resume skipped somebody resumed it inside the window; left running",),
        why=(": quiet", "resume due Fri 2026-12-25 10:00:00+01:00: skipped: somebody resumed it inside the window"),
    ),
    ENFORCED: Fate(
        status="RUNNING",
        because="what a person resumed on the audit day was paused again, and given back at its end",
        changes=(
            *CHRISTMAS,
            "12-29 09:00 pause succeeded",
            "12-29 11:00 pause succeeded",
            "12-29 17:00 resume succeeded",
            *NEW_YEAR,
        ),
        audit=("12-29 11:00 pause succeeded audit-day",),
        at="12-29 12:00",
        why=(": quiet", "audit-day: 2026-12-29 09:00 until 17:00"),
    ),
    REVIVED: Fate(
        status="RUNNING",
        because="it began to run at Christmas by itself, was paused then, and given back at the end",
        changes=(
            "12-24 00:00 pause skipped: not running (COMPLETED)",
            *window("12-25 20:00", "12-28 08:00"),
            *NEW_YEAR,
        ),
        audit=("pause skipped not running (COMPLETED)", "12-25 20:00 pause succeeded"),
    ),
    SHIELDED: Fate(
        status="PAUSED",
        because="Bounce Shield stopped it while it was quiet: a person must look first",
        changes=(
            CHRISTMAS[0],
            "12-28 08:00 resume skipped: Bounce Shield stopped it (2026-12-26 08:00:00); "
            "a person must look at it first",
            *NEW_YEAR_PAUSED,
        ),
        audit=("resume skipped Bounce Shield stopped it (2026-12-26 08:00:00); a person must look at it first",),
        why=(": quiet", "resume due Mon 2026-12-28 08:00:00+01:00: skipped: Bounce Shield stopped it"),
    ),
    MOVED: Fate(
        status="RUNNING",
        because="no rule kept it quiet any more when it had left the folder, so it was given back in the night",
        changes=(*window("12-21 18:00", "12-21 22:00"), *CHRISTMAS, *NEW_YEAR),
        audit=("12-21 22:00 resume succeeded no rule keeps it paused any more",),
        at="12-22 20:00",
        why=(": not quiet", "in folder Americas"),
    ),
    REFUSED: Fate(
        status="PAUSED",
        because="the API refused for good to run it, so it's left to a person, and isn't ours in the next window",
        changes=(CHRISTMAS[0], "12-28 08:00 resume failed", *NEW_YEAR_PAUSED),
        audit=("resume failed Conflict: Campaign is not supported",),
        why=(": quiet", "resume due Mon 2026-12-28 08:00:00+01:00: failed"),
    ),
    HELD: Fate(
        status="PAUSED",
        because="a hold pauses it, and leaves it so until a person resumes it",
        changes=(*CHRISTMAS, "12-29 12:00 pause succeeded", *NEW_YEAR_PAUSED),
        audit=("12-29 12:00 pause succeeded launch-stop: 2026-12-29 12:00",),
        at="12-29 12:00",
        why=(": not quiet", "pause due Tue 2026-12-29 12:00:00+01:00: succeeded"),
    ),
    UNRESUMED: Fate(
        status="PAUSED",
        because="its rule pauses and doesn't resume",
        changes=(*CHRISTMAS, "12-30 16:00 pause succeeded", *NEW_YEAR_PAUSED),
        audit=("12-30 16:00 pause succeeded relaunch: 2026-12-30 16:00 until 18:00",),
        at="12-30 17:00",
        why=(": quiet", "left paused for a person to resume (relaunch: 2026-12-30 16:00 until 18:00)"),
    ),
    **{
        campaign: Fate(
            status="RUNNING",
            because="one of three that were given back one after the other",
            changes=(*window("12-22 12:00", "12-22 14:00"), *CHRISTMAS, *NEW_YEAR),
            audit=("12-22 14:00 resume succeeded partners: 2026-12-22 12:00 until 14:00; resumes are spread over 30m",),
            at="12-22 13:00",
            why=(": quiet", "partners: 2026-12-22 12:00 until 14:00"),
        )
        for campaign in (ONE_OF_THREE, TWO_OF_THREE, THREE_OF_THREE)
    },
    PAUSED_BY_OVERRIDE: Fate(
        status="RUNNING",
        because="a person had it paused until Wednesday, and it was given back then",
        changes=(*CHRISTMAS, *window("12-29 10:00", "12-30 15:00"), *NEW_YEAR),
        audit=("12-29 10:00 pause succeeded override 4: ", "by ada (wrong prices)"),
        at="12-30 12:00",
        why=(": quiet", "override 4: pause campaign", "by ada (wrong prices)"),
    ),
    RESUMED_BY_OVERRIDE: Fate(
        status="RUNNING",
        because="a person had it given back inside the window, and it was left running to its end",
        changes=(CHRISTMAS[0], "12-26 12:00 resume succeeded", *NEW_YEAR),
        audit=(
            f"12-26 12:00 resume succeeded override 1: resume campaign {RESUMED_BY_OVERRIDE}, by ada (wrong prices)",
        ),
        at="12-26 13:00",
        why=(": not quiet", "resume due Sat 2026-12-26 12:00:00+01:00: succeeded (override 1: resume campaign"),
    ),
    SKIPPED: Fate(
        status="RUNNING",
        because="the maintenance was left out",
        changes=(*CHRISTMAS, *NEW_YEAR),
        at="12-30 11:00",
        why=(": not quiet", "until    Fri 2027-01-01 00:00"),
    ),
    EXTENDED: Fate(
        status="RUNNING",
        because="it was given back when the fair had ended, three hours later than the file says",
        changes=(*CHRISTMAS, *window("12-29 13:00", "12-29 18:00"), *NEW_YEAR),
        audit=("override 2: extend rule fair, by ada",),
        at="12-29 16:00",
        why=(": quiet", "override 2: extend rule fair, by ada", "until    Tue 2026-12-29 18:00"),
    ),
    LOST: Fate(
        status="RUNNING",
        because="the answer to a pause was lost, and a look told that it had worked: it's ours all the same",
        changes=(
            *FIRST_NIGHT,
            f"{NIGHTS[0]}: paused by an earlier attempt, whose answer was lost",
            *NIGHTS[1:],
        ),
        audit=("retried", "pause succeeded paused by an earlier attempt, whose answer was lost"),
        at="12-22 20:00",
        why=(": quiet", "nights: mon-fri 18:00 until 08:00"),
    ),
    UNSEEN: Fate(
        status="PAUSED",
        because="when it was paused nobody could tell whether it ran, so it's left to a person",
        changes=(
            "12-24 00:00 pause succeeded: paused by an earlier attempt, whose answer was lost",
            "12-24 00:06 resume skipped: nobody knows whether it ran before; left paused for a person to resume",
            *NEW_YEAR_PAUSED,
        ),
        audit=("resume skipped nobody knows whether it ran before; left paused for a person to resume",),
        why=(": quiet", "skipped: nobody knows whether it ran before; left paused for a person to resume"),
    ),
    REVOKED: Fate(
        status="RUNNING",
        because="a person had it paused until Thursday and took that back on Tuesday, so it was given back then",
        changes=(*CHRISTMAS, *window("12-29 10:00", "12-29 14:00"), *NEW_YEAR),
        audit=("12-29 10:00 pause succeeded override 5: ", "12-29 14:00 resume succeeded override 5: "),
        at="12-29 15:00",
        why=(": not quiet", "resume due Tue 2026-12-29 14:00:00+01:00: succeeded"),
    ),
    SKIPPED_LATE: Fate(
        status="RUNNING",
        because="the inventory was left out when it had begun, so what it had paused was given back",
        changes=(*CHRISTMAS, *window("12-30 10:00", "12-30 11:00"), *NEW_YEAR),
        audit=("12-30 11:00 resume succeeded override 6: skip rule inventory, by ada (wrong prices)",),
        at="12-30 12:00",
        why=(": not quiet", "resume due Wed 2026-12-30 11:00:00+01:00: succeeded (override 6: skip rule inventory"),
    ),
    STOPPED: Fate(
        status="STOPPED",
        because="a person stopped it while it was quiet, and it's not ours any more",
        changes=(
            CHRISTMAS[0],
            "12-25 12:00 resume skipped: not paused (STOPPED)",
            "01-01 00:00 pause skipped: not running (STOPPED)",
        ),
        audit=("resume skipped not paused (STOPPED)",),
        why=(": quiet", "resume due Fri 2026-12-25 12:00:00+01:00: skipped: not paused (STOPPED)"),
    ),
    PAUSED_AGAIN: Fate(
        status="PAUSED",
        because="a person resumed it at Christmas and paused it again: since then it's that person's pause, not ours",
        changes=(
            CHRISTMAS[0],
            "12-25 10:00 resume skipped: somebody resumed it inside the window; left running",
            *NEW_YEAR_PAUSED,
        ),
        audit=("resume skipped somebody resumed it inside the window; left running", "pause skipped already paused"),
        why=(": quiet", "resume due Fri 2026-12-25 10:00:00+01:00: skipped: somebody resumed it inside the window"),
    ),
    HELD_INSIDE: Fate(
        status="PAUSED",
        because="a hold falls into the window that it's paused for, so the window ends without a resume",
        changes=(CHRISTMAS[0], "12-26 10:00 pause skipped: already paused by Curfew", *NEW_YEAR_PAUSED),
        audit=("12-26 10:00 pause skipped already paused by Curfew",),
        why=(": quiet", "left paused for a person to resume (party-stop: 2026-12-26 10:00)"),
    ),
    DELETED: Fate(
        status="deleted",
        because="somebody deleted it",
        changes=(CHRISTMAS[0], "12-28 08:00 resume failed"),
        audit=("resume failed CAMPAIGN_NOT_EXIST: Campaign not found",),
        why=(": quiet", "resume due Mon 2026-12-28 08:00:00+01:00: failed"),
    ),
    NEW: Fate(
        status="RUNNING",
        because="it was new in the folder one night, paused as soon as it was seen, and given back in the morning",
        changes=NIGHTS,
        audit=("12-22 18:00 pause succeeded nights: mon-fri 18:00 until 08:00",),
        at="12-22 21:00",
        why=(": quiet", "nights: mon-fri 18:00 until 08:00"),
    ),
}

NAMES: Final = {number: name for name, number in globals().items() if isinstance(number, int) and number in FATES}
each_campaign = pytest.mark.parametrize("campaign", FATES, ids=lambda campaign: NAMES[campaign].lower())


class TestPromises:
    @each_campaign
    def test_a_campaign_is_in_the_state_that_was_promised(self, story: Story, campaign: int) -> None:
        fate = FATES[campaign]
        found = story.campaigns.get(campaign)
        assert (found.status if found else "deleted") == fate.status, fate.because

    @each_campaign
    def test_every_due_change_has_one_final_outcome(self, story: Story, campaign: int) -> None:
        rows = story.read(select(intents).where(intents.c.campaign == campaign).order_by(intents.c.due_at))
        found = [
            f"{wall(row.due_at)} {row.action} {row.state}{f': {row.reason}' if row.reason else ''}" for row in rows
        ]
        assert found == list(FATES[campaign].changes), FATES[campaign].because

    def test_nothing_is_under_way_any_more_and_only_the_last_attempt_of_a_change_has_ended_it(
        self, story: Story
    ) -> None:
        columns = (intents.c.state, intents.c.attempts, intents.c.decided_at, attempts.c.number, attempts.c.outcome)
        for row in story.read(select(*columns).join_from(attempts, intents)):
            has_ended_it = row.number == row.attempts and row.decided_at is None
            assert row.outcome == (row.state if has_ended_it else "retried")

    def test_what_is_to_be_quiet_is_quiet_but_while_the_api_fails_and_where_a_person_wants_it_otherwise(
        self, story: Story
    ) -> None:
        broken = [(instant("12-24 00:00"), instant("12-24 00:12")), (instant("01-01 00:00"), instant("01-01 00:25"))]
        loud = {each for at, each in story.loud if not any(start <= at < end for start, end in broken)}
        assert loud == {RESUMED, PAUSED_AGAIN}
        at_last = [wall(at) for at, campaign in story.loud if campaign == RESUMED and at < instant("12-31 00:00")]
        assert at_last[-1] == "12-28 07:00"

    def test_resumes_are_spread_over_the_half_hour(self, story: Story) -> None:
        joined = select(attempts.c.started_at).join_from(attempts, intents)
        rows = story.read(joined.where(intents.c.action == "resume", intents.c.due_at == instant("12-22 14:00")))
        began = [row.started_at for row in rows]
        assert len(set(began)) == 3
        assert all(instant("12-22 14:00") < at <= instant("12-22 14:30") for at in began)


class TestCalls:
    def test_none_is_sent_again_after_its_200(self, story: Story) -> None:
        calls = [entry for entry in posts_of(story) if entry.http_status == 200]
        assert [entry for entry in calls if entry.status_before == entry.status_after] == []
        answered = select(attempts.c.id).where(attempts.c.outcome == "succeeded", attempts.c.http_status == 200)
        assert len(calls) == len(story.read(answered))

    def test_there_is_never_more_than_one_in_flight(self, story: Story) -> None:
        assert {entry.in_flight for entry in story.log} == {1}

    def test_a_key_that_is_refused_is_tried_now_and_then(self, story: Story) -> None:
        refused = [wall(entry.received_at) for entry in story.log if entry.http_status == 401]
        assert refused == ["01-01 00:00", "01-01 00:05", "01-01 00:10", "01-01 00:15"]

    def test_a_daemon_that_starts_when_all_is_done_does_nothing(self, story: Story) -> None:
        assert [entry for entry in posts_of(story) if entry.received_at >= instant(END)] == []
        assert "list" in {entry.call for entry in story.log if entry.received_at == instant(END)}


def posts_of(story: Story) -> list[Entry]:
    return [entry for entry in story.log if entry.call in {"pause", "run", "stop"}]


@pytest.fixture(scope="class")
def afterwards() -> Iterator[None]:
    """The verbs are asked at the end, whenever the test runs: old overrides are forgotten."""
    with freeze_time(instant(END), ignore=["_pytest.timing"]):
        yield


@pytest.mark.usefixtures("afterwards")
class TestExplained:
    @each_campaign
    def test_audit_explains_it(self, story: Story, curfew: Curfew, campaign: int) -> None:
        lines = [
            f"{wall(datetime.fromisoformat(line['due_at']))} {line['action']} {line['outcome']}"
            f" {line['error'] or line['reason']}"
            for line in curfew.rows("audit", story.folder, "--campaign", str(campaign))
        ]
        missing = [words for words in FATES[campaign].audit if not any(words in line for line in lines)]
        assert missing == [], "\n".join(lines)

    @each_campaign
    def test_why_explains_it(self, story: Story, curfew: Curfew, campaign: int) -> None:
        fate = FATES[campaign]
        at = instant(fate.at).isoformat()
        text = "\n".join(curfew.lines("why", str(campaign), "--at", at, cwd=story.folder))
        assert [words for words in fate.why if words not in text] == [], text

    def test_status_shows_what_is_left_to_a_person_and_that_nothing_else_is_owed(
        self, story: Story, curfew: Curfew
    ) -> None:
        (answer,) = curfew.rows("status", story.folder)
        left = {each["campaign"]: each["because"] for each in answer["left_paused"]}
        assert left == {
            SHIELDED: "Bounce Shield stopped it (2026-12-26 08:00:00); a person must look at it first",
            REFUSED: "it can't be resumed; left paused for a person to resume",
            UNSEEN: "nobody knows whether it ran before; left paused for a person to resume",
        }
        assert (answer["custody"], answer["failing"]) == ([], [])

    def test_the_log_says_what_a_person_must_see_to(self, story: Story) -> None:
        loud = [line for line in story.said if line["log_level"] == "error"]
        assert [(line["event"], NAMES[line["campaign"]], line["error"]) for line in loud] == [
            ("resume failed", "REFUSED", "Conflict: Campaign is not supported"),
            ("resume failed", "DELETED", "CAMPAIGN_NOT_EXIST: Campaign not found"),
        ]

    def test_the_journal_has_what_people_did(self, story: Story) -> None:
        lines = [
            f"{wall(row.at)} {row.event}: {row.details.get('override') or NAMES[row.campaign]}"
            for row in story.read(select(journal).order_by(journal.c.id))
            if row.event.startswith(("custody", "override")) or row.event == "a person acted"
        ]
        assert lines == [
            "12-24 00:06 custody not taken: UNSEEN",
            "12-25 10:00 custody released: RESUMED",
            "12-25 10:00 custody released: PAUSED_AGAIN",
            "12-25 12:00 custody released: STOPPED",
            "12-26 10:00 custody released: HELD_INSIDE",
            f"12-26 12:00 override made: override 1: resume campaign {RESUMED_BY_OVERRIDE}, by ada (wrong prices)",
            "12-28 08:40 custody released: SHIELDED",
            "12-28 08:40 custody released: REFUSED",
            "12-28 08:40 custody released: DELETED",
            "12-28 09:00 override made: override 2: extend rule fair, by ada (wrong prices)",
            "12-28 09:00 override made: override 3: skip rule maintenance, by ada (wrong prices)",
            "12-28 09:00 a person acted: DELETED",
            f"12-29 10:00 override made: override 4: pause campaign {PAUSED_BY_OVERRIDE}, by ada (wrong prices)",
            f"12-29 10:00 override made: override 5: pause campaign {REVOKED}, by ada (wrong prices)",
            f"12-29 14:00 override revoked: override 5: pause campaign {REVOKED}, by ada (wrong prices)",
            "12-30 11:00 override made: override 6: skip rule inventory, by ada (wrong prices)",
        ]
