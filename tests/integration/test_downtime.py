"""Lives of the daemon with stretches of time between them: what is made up for, and what is recorded as missed.

The daemon is whole, but for the process; its clock stands still until it's moved. A life ends like a process that is
killed: nothing is said, and nothing more is recorded. The weekend is from FRIDAY to MONDAY.
"""

import asyncio
import shutil
import signal
import zoneinfo
from collections.abc import AsyncIterator, Iterator, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import tzdata
from freezegun import freeze_time
from sqlalchemy import select

from rules.overrides import Override, OverrideKind
from scheduler import accounts, clockwatch, daemon, reload, zonewatch
from scheduler.daemon import Daemon
from scheduler.downtime import Downtime
from scheduler.ledger import reports, work
from scheduler.ledger.overrides import add_override, revoke_override
from scheduler.ledger.tables import attempts, custody, intents
from scheduler.restarts import wait_after
from scheduler.sandbox import FIRST_COMPANY_ID, Campaign, Fault, Sandbox
from scheduler.settings import load
from tests.acceptance.command_line import Curfew
from tests.lives import Clocks, Lives
from tests.scheduler_fakes import (
    CAMPAIGN,
    DAY,
    FRIDAY,
    HOUR,
    KEY,
    MINUTE,
    MONDAY,
    captured_logs,
    ledger_in,
    new_intent,
    posts,
    rules_of,
    until,
    weekend,
    writing_to,
)

SECOND_ONE = CAMPAIGN + 1
PACKAGE = Path(tzdata.__file__).parent / "zoneinfo"
WEEK = timedelta(days=7)
SECOND = timedelta(seconds=1)
BEFORE = FRIDAY - 2 * HOUR
NIGHTS = "{name: nights, campaigns: all, pause: {on: mon-thu, from: '22:00', until: '06:00'}}"
HOLD = "{name: stop, campaigns: all, catch_up: 2h, pause: {at: Fri 17:00}}"
NEVER = "{name: never, campaigns: [7], pause: {from: 2020-01-01 10:00, until: 2020-01-01 11:00}}"


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture
async def lives(tmp_path: Path) -> AsyncIterator[Lives]:
    async with Sandbox(campaigns=2, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        lives = Lives(tmp_path, sandbox, ledger_in(tmp_path))
        lives.write(weekend())
        yield lives


def errors(logs: Sequence[Any]) -> list[Any]:
    return [line for line in logs if line["log_level"] == "error"]


class TestMissed:
    async def test_a_window_that_came_and_went_is_one_line_for_each_campaign_and_one_error(
        self, lives: Lives, logs: list[Any]
    ) -> None:
        await lives.live(BEFORE)
        await lives.live(MONDAY + HOUR)
        for campaign in (CAMPAIGN, SECOND_ONE):
            assert lives.changes(campaign) == [("weekend", "pause", FRIDAY, "missed")]
        reason = "1 window passed while no daemon ran, from 2026-11-27 16:00Z until 2026-11-30 07:00Z"
        assert lives.reasons() == [reason]
        assert posts(lives.sandbox) == []
        facts = {
            "why": "they passed while no daemon ran",
            "windows": 1,
            "holds": 0,
            "campaigns": 2,
            "rules": "weekend",
            "since": "2026-11-27T14:00:00Z",
            "until": "2026-11-30T08:00:00Z",
        }
        assert errors(logs) == [{"event": "windows were missed", "log_level": "error", **facts}]
        assert lives.journalled("windows missed") == [facts]

    async def test_so_is_one_of_an_account_whose_look_was_cut_off_after_another_had_looked(
        self, tmp_path: Path
    ) -> None:
        async with Sandbox(campaigns=1, accounts=2, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
            lives = Lives(tmp_path, sandbox, ledger_in(tmp_path))
            key = f"api_key: {KEY}, base_url: '{sandbox.base_url}'"
            rules = [
                weekend().replace("weekend", name).replace("{", f"{{account: {name}, ", 1) for name in ("main", "acme")
            ]
            accounts = f"{{main: {{{key}}}, acme: {{{key}, company_id: {FIRST_COMPANY_ID}}}}}"
            lives.write(*rules, accounts=accounts)
            await lives.live(BEFORE)
            delay = Fault(effect="delay", call="list", account=str(FIRST_COMPANY_ID), delay=MINUTE)
            sandbox.add_fault(delay)
            async with lives.living(MONDAY - SECOND):
                await until(lambda: are(lives, "PAUSED"), "the one is paused")
                lives.clock.now = MONDAY + 2 * SECOND
                await until(lambda: are(lives, "RUNNING"), "it's given back")
            sandbox.clear_faults()
            await lives.live(MONDAY + HOUR)
        columns = (intents.c.account, intents.c.action, intents.c.state)
        rows = [tuple(row) for row in lives.read(select(*columns).order_by(intents.c.id))]
        assert rows == [("main", "pause", "succeeded"), ("main", "resume", "succeeded"), ("acme", "pause", "missed")]

    async def test_so_is_one_that_ended_before_the_last_look_at_the_clock_and_since_the_last_pass(
        self, lives: Lives
    ) -> None:
        """The machine is suspended while a pass waits for its list, and the daemon dies right after."""
        async with writing_to(lives.ledger) as writer:
            number = await writer.do(
                lambda connection: work.register_daemon(
                    connection, host="here", pid=1, version="1", dry_run=False, now=BEFORE
                )
            )
            looks = [(BEFORE, None), (MONDAY - SECOND, "main"), (MONDAY + SECOND, None), (MONDAY + HOUR, None)]
            downtime = Downtime(writer, iter([at for at, _ in looks]).__next__, number, dry_run=False)
            downtime.use(rules_of(weekend(f"[{CAMPAIGN}]")), {})
            for at, account in looks:
                assert await downtime.look(account) == at
        assert lives.changes() == [("weekend", "pause", FRIDAY, "missed")]

    async def test_it_is_shown_by_audit_and_why(
        self, lives: Lives, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        for name in ("CURFEW_CONFIG", "CURFEW_DATABASE", "STATE_DIRECTORY", "COLUMNS"):
            monkeypatch.delenv(name, raising=False)
        await lives.live(BEFORE)
        await lives.live(MONDAY + HOUR)
        curfew = Curfew(monkeypatch, capsys)
        with freeze_time(MONDAY + HOUR, ignore=["_pytest.timing"]):
            lines = curfew.rows("audit", lives.folder, "--outcome", "missed", "--rule", "weekend")
            said = "\n".join(curfew.lines("why", str(CAMPAIGN), cwd=lives.folder))
        assert [(line["campaign"], line["outcome"], line["attempt"]) for line in lines] == [
            (CAMPAIGN, "missed", None),
            (SECOND_ONE, "missed", None),
        ]
        assert "pause due Fri 2026-11-27 17:00:00+01:00: missed: 1 window passed while no daemon ran" in said

    async def test_however_many_there_were_each_rule_has_one_line(self, lives: Lives, logs: list[Any]) -> None:
        lives.write(weekend(), NIGHTS)
        await lives.live(BEFORE)
        await lives.live(MONDAY + 2 * WEEK + HOUR)
        assert lives.changes() == [
            ("weekend", "pause", FRIDAY, "missed"),
            ("nights", "pause", MONDAY + 14 * HOUR, "missed"),
        ]
        assert [reason.partition(" passed")[0] for reason in lives.reasons()] == ["3 windows", "8 windows"]
        (said,) = errors(logs)
        assert (said["windows"], said["campaigns"], said["rules"]) == (11, 2, "nights, weekend")

    async def test_no_start_writes_it_again(self, lives: Lives, logs: list[Any]) -> None:
        await lives.live(BEFORE)
        for minute in range(3):
            await lives.live(MONDAY + HOUR + minute * MINUTE)
        assert len(lives.changes()) == 1
        assert len(errors(logs)) == 1

    async def test_nor_one_after_a_start_that_died_before_its_first_pass(self, lives: Lives, logs: list[Any]) -> None:
        await lives.live(BEFORE)
        await lives.die_in_the_first_pass(MONDAY + HOUR)
        await lives.live(MONDAY + WEEK + HOUR)
        assert lives.changes() == [
            ("weekend", "pause", FRIDAY, "missed"),
            ("weekend", "pause", FRIDAY + WEEK, "missed"),
        ]
        assert [line["windows"] for line in errors(logs)] == [1, 1]

    async def test_a_start_that_died_inside_a_window_before_its_first_pass_hides_nothing(self, lives: Lives) -> None:
        await lives.live(BEFORE)
        await lives.die_in_the_first_pass(FRIDAY + HOUR)
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == [("weekend", "pause", FRIDAY, "missed")]

    async def test_what_was_planned_and_never_called_is_missed_too_and_said_once(
        self, lives: Lives, logs: list[Any]
    ) -> None:
        """The daemon died among hundreds of pauses."""
        await lives.live(BEFORE)
        with lives.ledger.writing() as connection:
            for campaign in (CAMPAIGN, SECOND_ONE):
                work.record_intent(connection, new_intent(campaign), FRIDAY)
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == [("weekend", "pause", FRIDAY, "missed")]
        assert lives.reasons() == ["no call could be made before 2026-11-30 07:00Z"]
        (said,) = errors(logs)
        assert (said["windows"], said["campaigns"]) == (1, 2)
        assert posts(lives.sandbox) == []

    async def test_a_window_that_still_lasts_is_made_up_for_and_those_before_it_are_missed(self, lives: Lives) -> None:
        await lives.live(BEFORE)
        await lives.live(FRIDAY + WEEK + HOUR)
        assert lives.changes() == [
            ("weekend", "pause", FRIDAY, "missed"),
            ("weekend", "pause", FRIDAY + WEEK, "succeeded"),
        ]
        await lives.live(MONDAY + WEEK)
        assert lives.statuses() == ["RUNNING", "RUNNING"]

    async def test_it_is_not_looked_back_further_than_exceptions_are_known(self, lives: Lives) -> None:
        await lives.live(BEFORE)
        await lives.live(MONDAY + 10 * WEEK + HOUR)
        ((_, _, due_at, _),) = lives.changes()
        assert due_at == FRIDAY + 6 * WEEK
        assert lives.reasons()[0].startswith("5 windows passed")


class TestBetweenTwoPasses:
    """A window ends after somebody has looked, and before the pass that would have acted on it."""

    async def test_the_end_of_a_window_while_the_daemon_starts_is_no_way_to_lose_it(
        self, lives: Lives, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        await lives.live(BEFORE)
        monkeypatch.setattr(daemon, "wait_after", lambda _: timedelta(milliseconds=200))
        clocks = Clocks(lives.clock)
        async with lives.living(MONDAY - 2 * SECOND, clocks=clocks):
            await until(lambda: has_said(logs, "the last starts ended without a word"), "it has looked, and waits")
            clocks.go_by(4 * SECOND)
            await until(lives.has_settled, "it has passed")
        for campaign in (CAMPAIGN, SECOND_ONE):
            assert lives.changes(campaign) == [("weekend", "pause", FRIDAY, "missed")]
        assert [line["why"] for line in errors(logs)] == ["they passed while the daemon could do nothing"]

    async def test_nor_is_one_of_seconds_while_the_daemon_lives(
        self, lives: Lives, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(accounts, "TICK", timedelta(milliseconds=20))
        lives.write("{name: short, campaigns: all, pause: {from: Fri 17:00:00, until: Fri 17:00:04}}")
        clocks = Clocks(lives.clock)
        async with lives.living(FRIDAY - 2 * SECOND, clocks=clocks):
            await until(lives.has_settled, "it has passed before it")
            clocks.go_by(8 * SECOND)
            await until(lives.has_settled, "it has passed after it")
        assert lives.changes() == [("short", "pause", FRIDAY, "missed")]
        assert len(errors(logs)) == 1

    async def test_what_was_acted_on_is_not_missed(
        self, lives: Lives, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(accounts, "TICK", timedelta(milliseconds=20))
        clocks = Clocks(lives.clock)

        async def is_given_back() -> bool:
            return lives.statuses() == ["RUNNING", "RUNNING"] and await lives.has_settled()

        async with lives.living(FRIDAY, clocks=clocks):
            await until(lives.has_settled, "it has paused")
            clocks.go_by(MONDAY - FRIDAY)
            await until(is_given_back, "it has given back")
        assert [each[1::2] for each in lives.changes()] == [("pause", "succeeded"), ("resume", "succeeded")]
        assert errors(logs) == []


class TestNothingMissed:
    async def test_by_the_first_start_on_a_new_ledger(self, lives: Lives, logs: list[Any]) -> None:
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == []
        assert errors(logs) == []

    async def test_after_a_dry_run_alone(self, lives: Lives) -> None:
        await lives.live(BEFORE, dry_run=True)
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == []

    async def test_by_a_dry_run_itself_nor_hidden_by_it(self, lives: Lives, logs: list[Any]) -> None:
        await lives.live(BEFORE)
        await lives.live(MONDAY + HOUR, dry_run=True)
        assert lives.changes() == []
        assert errors(logs) == []
        await lives.live(MONDAY + 2 * HOUR)
        assert lives.changes() == [("weekend", "pause", FRIDAY, "missed")]

    async def test_what_a_dry_run_has_simulated_is_missed_all_the_same(self, lives: Lives) -> None:
        await lives.live(BEFORE)
        await lives.live(FRIDAY, dry_run=True)
        assert lives.changes() == [("weekend", "pause", FRIDAY, "simulated")]
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == [("weekend", "pause", FRIDAY, "missed")]

    async def test_by_a_rule_that_is_new_or_was_changed_since(self, lives: Lives) -> None:
        lives.write(NEVER, NIGHTS)
        await lives.live(BEFORE)
        lives.write(weekend(), NIGHTS.replace("'06:00'", "'07:00'"))
        await lives.live(MONDAY + WEEK)
        assert lives.changes() == []
        await lives.live(MONDAY + 2 * WEEK)
        assert [(rule, due_at) for rule, _, due_at, _ in lives.changes()] == [
            ("nights", MONDAY + WEEK + 14 * HOUR),
            ("weekend", FRIDAY + 2 * WEEK),
        ]

    async def test_by_a_rule_that_a_dry_run_had_first(self, lives: Lives) -> None:
        lives.write(NEVER)
        await lives.live(BEFORE)
        lives.write(weekend())
        await lives.live(BEFORE, dry_run=True)
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == []

    async def test_where_a_person_wanted_it_so(self, lives: Lives) -> None:
        await lives.live(BEFORE)
        skip = Override(
            id=0,
            kind=OverrideKind.SKIP,
            account="main",
            rule="weekend",
            starts_at=BEFORE,
            ends_at=MONDAY,
            author="ada",
        )
        with lives.ledger.writing() as connection:
            add_override(connection, skip, BEFORE)
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == []


class TestLeftAlone:
    async def test_what_was_held_paused_all_the_time_is_skipped(self, lives: Lives, logs: list[Any]) -> None:
        lives.write(weekend(), NIGHTS)
        await lives.live(FRIDAY)
        logs.clear()
        await lives.live(FRIDAY + WEEK - HOUR)
        assert lives.changes() == [
            ("weekend", "pause", FRIDAY, "succeeded"),
            ("nights", "pause", MONDAY + 14 * HOUR, "skipped"),
            ("nights", "resume", FRIDAY + WEEK - 11 * HOUR, "succeeded"),
        ]
        words = "already paused by Curfew when it was seen last; 4 windows passed while no daemon ran"
        assert words in lives.reasons()[1]
        assert errors(logs) == []

    @pytest.mark.parametrize("status", ["PAUSED", "COMPLETED"])
    async def test_what_did_not_run_is_skipped(self, lives: Lives, logs: list[Any], status: Any) -> None:
        lives.sandbox.campaign(CAMPAIGN).status = status
        await lives.live(BEFORE)
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == [("weekend", "pause", FRIDAY, "skipped")]
        assert lives.changes(SECOND_ONE) == [("weekend", "pause", FRIDAY, "missed")]
        (said,) = errors(logs)
        assert said["campaigns"] == 1


class TestSelectors:
    async def test_they_go_by_the_list_that_was_had_last(self, lives: Lives) -> None:
        lives.write(weekend("{folders: EMEA}"))
        await lives.live(BEFORE)
        lives.sandbox.campaign(CAMPAIGN).folder = "Americas"
        lives.sandbox.campaign(SECOND_ONE).folder = "EMEA"
        lives.sandbox.account().campaigns[7] = Campaign(id=7, name="New", folder="EMEA")
        await lives.live(MONDAY + HOUR)
        assert lives.changes() == [("weekend", "pause", FRIDAY, "missed")]
        assert (lives.changes(SECOND_ONE), lives.changes(7)) == ([], [])

    async def test_what_a_rule_names_needs_no_list(self, lives: Lives) -> None:
        lives.write(weekend("[7]"))
        lives.sandbox.add_fault(Fault(call="list"))
        await lives.live(BEFORE)
        await lives.live(MONDAY + HOUR)
        assert lives.changes(7) == [("weekend", "pause", FRIDAY, "missed")]
        assert lives.changes() == []


class TestHolds:
    @pytest.mark.parametrize(("late", "state"), [(2 * HOUR - MINUTE, "succeeded"), (2 * HOUR, "missed")])
    async def test_one_within_its_time_is_acted_on_and_a_later_one_is_missed(
        self, lives: Lives, late: timedelta, state: str
    ) -> None:
        lives.write(HOLD)
        await lives.live(BEFORE)
        await lives.live(FRIDAY + late)
        assert lives.changes() == [("stop", "pause", FRIDAY, state)]

    async def test_a_window_that_passed_after_it_does_not_hide_it(self, lives: Lives) -> None:
        evening = "{name: evening, campaigns: all, pause: {from: Fri 17:30, until: Fri 18:00}}"
        lives.write(HOLD, evening)
        await lives.live(BEFORE)
        await lives.live(FRIDAY + 90 * MINUTE)
        assert lives.changes() == [
            ("stop", "pause", FRIDAY, "succeeded"),
            ("evening", "pause", FRIDAY + 30 * MINUTE, "missed"),
        ]


class TestLateResume:
    async def test_it_is_made_within_a_day(self, lives: Lives) -> None:
        await lives.live(FRIDAY)
        await lives.live(MONDAY + DAY - MINUTE)
        assert lives.statuses() == ["RUNNING", "RUNNING"]

    async def test_later_it_is_left_to_a_person_who_is_told(self, lives: Lives, logs: list[Any]) -> None:
        await lives.live(FRIDAY)
        await lives.live(MONDAY + DAY)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        assert [(line["event"], line["campaign"]) for line in errors(logs)] == [
            ("resume missed", CAMPAIGN),
            ("resume missed", SECOND_ONE),
        ]
        with lives.ledger.reading() as connection:
            assert [each["campaign"] for each in reports.left_campaigns(connection)] == [CAMPAIGN, SECOND_ONE]

    async def test_not_while_another_window_holds_it(self, lives: Lives) -> None:
        lives.write(weekend(), NIGHTS)
        await lives.live(FRIDAY)
        await lives.live(MONDAY + 15 * HOUR)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        assert len(lives.read(select(custody))) == 2

    async def test_nor_where_the_window_was_made_longer_while_it_waited_to_be_tried_again(self, lives: Lives) -> None:
        """What an earlier life has left isn't tried before it's known what the rules say by now."""
        await lives.live(FRIDAY)
        lives.sandbox.add_fault(Fault(effect="status", call="run", status=503))
        await lives.live(MONDAY)
        lives.sandbox.clear_faults()
        before = len(posts(lives.sandbox))
        lives.write(weekend().replace("Mon 08:00", "Tue 08:00"))
        await lives.live(MONDAY + HOUR)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        assert len(posts(lives.sandbox)) == before
        assert lives.reasons()[-1] == "a quiet window has begun"
        assert len(lives.read(select(custody))) == 2

    async def test_what_ran_by_a_resume_without_an_answer_is_paused_again_where_the_window_was_made_longer(
        self, lives: Lives
    ) -> None:
        """It isn't taken for what a person has resumed."""
        await lives.live(FRIDAY)
        lives.sandbox.add_fault(Fault(effect="drop_after", call="run"))
        await lives.live(MONDAY)
        assert lives.statuses() == ["RUNNING", "RUNNING"]
        lives.sandbox.clear_faults()
        lives.write(weekend().replace("Mon 08:00", "Tue 08:00"))
        await lives.live(MONDAY + HOUR)
        assert lives.statuses() == ["PAUSED", "PAUSED"]

    async def test_what_did_not_run_by_it_and_a_person_resumed_later_is_left_running(self, lives: Lives) -> None:
        await lives.live(FRIDAY)
        lives.sandbox.add_fault(Fault(effect="drop_before", call="run"))
        await lives.live(MONDAY)
        lives.sandbox.clear_faults()
        lives.write(weekend().replace("Mon 08:00", "Tue 08:00"))
        await lives.live(MONDAY + HOUR)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        lives.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await lives.live(MONDAY + 2 * HOUR)
        assert lives.statuses() == ["RUNNING", "PAUSED"]

    async def test_nor_is_a_pause_tried_again_whose_window_was_cut_off_meanwhile(self, lives: Lives) -> None:
        lives.sandbox.add_fault(Fault(effect="status", call="pause", status=503))
        await lives.live(FRIDAY)
        lives.sandbox.clear_faults()
        before = len(posts(lives.sandbox))
        lives.write(weekend().replace("Mon 08:00", "Fri 18:00"))
        await lives.live(FRIDAY + 2 * HOUR)
        assert lives.statuses() == ["RUNNING", "RUNNING"]
        assert len(posts(lives.sandbox)) == before

    async def test_one_that_could_not_be_made_before_the_next_window_is_made_after_that(self, lives: Lives) -> None:
        """The first one is still open when the next daemon looks, and nothing is left to wake it later."""
        lives.write(weekend(), "{name: more, campaigns: all, pause: {from: Mon 09:00, until: Mon 10:00}}")
        await lives.live(FRIDAY)
        lives.sandbox.add_fault(Fault(effect="status", call="run", status=503))
        await lives.live(MONDAY)
        lives.sandbox.clear_faults()
        async with lives.living(MONDAY + 3 * HOUR):
            await until(lambda: are(lives, "RUNNING", "RUNNING"), "both are given back")

    async def test_what_a_pause_without_an_answer_has_stopped_is_given_back_as_soon_as_that_is_over(
        self, lives: Lives
    ) -> None:
        lives.sandbox.add_fault(Fault(effect="drop_after", call="pause"))
        await lives.live(FRIDAY)
        lives.sandbox.clear_faults()
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        async with lives.living(MONDAY + MINUTE):
            await until(lambda: are(lives, "RUNNING", "RUNNING"), "both are given back")

    async def test_a_rule_that_was_shortened_meanwhile_gives_back_at_once_what_it_kept_for_days(
        self, lives: Lives
    ) -> None:
        await lives.live(FRIDAY)
        lives.write(weekend().replace("Mon 08:00", "Fri 18:00"))
        await lives.live(FRIDAY + 2 * DAY)
        assert lives.statuses() == ["RUNNING", "RUNNING"]

    @pytest.mark.parametrize(
        "other", [NIGHTS, "{name: evening, campaigns: all, pause: {from: Fri 17:00, until: Fri 23:00}}"]
    )
    async def test_nor_does_a_window_of_another_rule_make_it_late_that_ended_long_ago(
        self, lives: Lives, other: str
    ) -> None:
        lives.write(weekend(), other)
        await lives.live(FRIDAY)
        lives.write(other)
        await lives.live(FRIDAY + 2 * DAY)
        assert lives.statuses() == ["RUNNING", "RUNNING"]

    async def test_an_exception_that_was_taken_back_while_no_daemon_ran_was_due_then(self, lives: Lives) -> None:
        """The rules of the file are as they were, so that it's known since when nothing keeps it."""
        extend = Override(
            id=0,
            kind=OverrideKind.EXTEND,
            account="main",
            rule="weekend",
            starts_at=FRIDAY,
            ends_at=MONDAY + WEEK,
            author="ada",
        )
        with lives.ledger.writing() as connection:
            number = add_override(connection, extend, BEFORE).id
        await lives.live(FRIDAY)
        with lives.ledger.writing() as connection:
            revoke_override(connection, number, "ada", MONDAY + HOUR)
        await lives.live(MONDAY + 2 * DAY)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        assert [state for _, action, _, state in lives.changes() if action == "resume"] == ["missed"]

    async def test_a_hold_that_was_too_late_when_it_was_added_keeps_nothing(self, lives: Lives) -> None:
        await lives.live(FRIDAY)
        lives.write(weekend(), HOLD.replace("Fri 17:00", "Sat 12:00"))
        await lives.live(FRIDAY + 2 * DAY)
        await lives.live(MONDAY)
        assert lives.statuses() == ["RUNNING", "RUNNING"]


class TestCrashLoop:
    """Daemons that die right after their start, each started again at once."""

    async def die(self, lives: Lives, times: int) -> None:
        for number in range(1, times + 1):
            async with lives.living(BEFORE + number * SECOND):
                await until(lambda number=number: is_journalled(lives, "file loaded", number), "it has started")  # type: ignore[misc]

    @pytest.mark.parametrize("times", [0, 1, 2])
    async def test_after_a_crash_or_two_a_start_calls_at_once(self, lives: Lives, logs: list[Any], times: int) -> None:
        await self.die(lives, times)
        await lives.live(FRIDAY)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        assert [line for line in logs if line["event"].startswith("the last starts")] == []

    async def test_after_more_it_makes_no_call_for_a_while_and_then_works(
        self, lives: Lives, logs: list[Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[int] = []

        def wait(crashes: int) -> timedelta:
            asked.append(crashes)
            return timedelta(milliseconds=100) if wait_after(crashes) else timedelta()

        await self.die(lives, 3)
        monkeypatch.setattr(daemon, "wait_after", wait)
        before = len(lives.sandbox.log)
        async with lives.living(BEFORE + MINUTE):
            await until(lambda: has_said(logs, "the last starts ended without a word"), "it says that it waits")
            assert len(lives.sandbox.log) == before
            await until(lives.has_settled, "it has looked")
        assert asked == [3]
        assert len(lives.sandbox.log) > before

    async def test_a_signal_ends_the_wait(self, lives: Lives, logs: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(daemon, "wait_after", lambda _: timedelta(hours=1))
        life = asyncio.create_task(Daemon(load(lives.folder / "curfew.yaml", {}), lives.ledger).live())
        await until(lambda: has_said(logs, "the last starts ended without a word"), "it says that it waits")
        signal.raise_signal(signal.SIGTERM)
        async with asyncio.timeout(20):
            assert await life == 0
        assert lives.sandbox.log == []

    async def test_after_a_crash_the_preflight_waits(self, lives: Lives) -> None:
        await self.die(lives, 1)
        before = len(lives.sandbox.log)
        await lives.live(BEFORE + MINUTE)
        assert [entry.call for entry in lives.sandbox.log[before:]] == ["list"]
        assert lives.journalled("preflight") == []

    async def test_a_call_in_which_it_dies_again_and_again_waits_and_the_others_go_on(self, lives: Lives) -> None:
        with lives.ledger.writing() as connection:
            intent = work.record_intent(connection, new_intent(), FRIDAY)
            assert intent is not None
            work.start_attempt(connection, intent, "the first", FRIDAY)
            work.interrupt_attempts(connection, FRIDAY)
            work.start_attempt(connection, intent, "the second", FRIDAY)
        await lives.live(FRIDAY)
        assert lives.statuses() == ["RUNNING", "PAUSED"]
        await lives.live(FRIDAY + 2 * SECOND)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        outcomes = select(attempts.c.outcome).where(attempts.c.intent_id == intent.id).order_by(attempts.c.number)
        assert [row.outcome for row in lives.read(outcomes)] == ["interrupted", "interrupted", "succeeded"]


async def has_said(logs: Sequence[Any], words: str) -> bool:
    return any(words in line["event"] for line in logs)


@pytest.fixture
def quick_look(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clockwatch, "LOOK", timedelta(milliseconds=5))


@pytest.mark.usefixtures("quick_look")
class TestClock:
    """A daemon that lives, and clocks that do what they like."""

    async def test_one_that_was_set_forward_into_a_window_is_told_and_acted_on_at_once(
        self, lives: Lives, logs: list[Any]
    ) -> None:
        clocks = Clocks(lives.clock)
        async with lives.living(BEFORE, clocks=clocks):
            await until(lives.has_settled, "it has looked")
            lives.clock.now = FRIDAY + HOUR
            await until(lambda: are(lives, "PAUSED", "PAUSED"), "both are paused")
            await until(lambda: is_journalled(lives, "clock jumped"), "it's in the journal")
        facts = {"by_seconds": 3 * 3600.0, "direction": "forward"}
        assert {"event": "clock jumped", "log_level": "warning", **facts} in logs
        assert lives.journalled("clock jumped") == [facts]

    async def test_one_that_was_set_right_after_the_start_is_told_too(self, lives: Lives) -> None:
        """The first list is had before anything else, and takes a while."""
        lives.sandbox.add_fault(Fault(effect="delay", call="list", delay=timedelta(milliseconds=200), times=1))
        async with lives.living(BEFORE):
            await until(lambda: has_calls(lives), "it asks for the list")
            lives.clock.now = FRIDAY
            await until(lambda: are(lives, "PAUSED", "PAUSED"), "both are paused")
            await until(lambda: is_journalled(lives, "clock jumped"), "it's in the journal")

    async def test_one_that_was_put_back_acts_on_no_edge_again(self, lives: Lives) -> None:
        clocks = Clocks(lives.clock)
        async with lives.living(FRIDAY, clocks=clocks):
            await until(lives.has_settled, "both are paused")
            lives.clock.now = FRIDAY - HOUR
            await until(lambda: is_journalled(lives, "clock jumped"), "it's in the journal")
            await until(lives.has_settled, "it has looked")
            assert lives.statuses() == ["PAUSED", "PAUSED"]
            clocks.go_by(HOUR)
            await until(lives.has_settled, "it has looked")
        assert lives.journalled("clock jumped") == [{"by_seconds": 3600.0, "direction": "back"}]
        assert lives.changes() == [("weekend", "pause", FRIDAY, "succeeded")]
        assert len(posts(lives.sandbox)) == 2

    @pytest.mark.parametrize("lives_on", [True, False])
    async def test_a_safety_stop_counts_also_where_a_clock_that_was_ahead_has_paused(
        self, lives: Lives, *, lives_on: bool
    ) -> None:
        """By that clock it came before the pause, as one that had been there already when the campaign ran again."""
        async with lives.living(FRIDAY):
            await until(lives.has_settled, "both are paused")
            if lives_on:
                lives.clock.now = FRIDAY - 2 * HOUR
                await until(lambda: is_journalled(lives, "clock jumped"), "it's in the journal")
        async with lives.living(FRIDAY - 2 * HOUR):
            await until(lives.has_settled, "it has looked")
            lives.sandbox.campaign(CAMPAIGN).bounce_shield_autopaused_at = f"{FRIDAY - HOUR:%Y-%m-%d %H:%M:%S}"
            lives.clock.now = MONDAY
            await until(lives.has_settled, "what is owed is given back")
        assert lives.statuses() == ["PAUSED", "RUNNING"]

    async def test_a_window_that_a_wrong_clock_jumped_over_is_missed_and_acted_on_when_it_comes(
        self, lives: Lives, logs: list[Any]
    ) -> None:
        async with lives.living(BEFORE):
            await until(lives.has_settled, "it has looked")
            lives.clock.now = MONDAY + HOUR
            await until(lambda: is_journalled(lives, "windows missed"), "it's missed")
            await until(lives.has_settled, "it has looked")
            assert lives.changes() == [("weekend", "pause", FRIDAY, "missed")]
            assert "1 window passed while the daemon could do nothing" in lives.reasons()[0]
            lives.clock.now = FRIDAY
            await until(lambda: are(lives, "PAUSED", "PAUSED"), "both are paused")
            await until(lives.has_settled, "that's on record")
            assert lives.changes() == [("weekend", "pause", FRIDAY, "succeeded")]
            lives.clock.now = MONDAY + HOUR
            await until(lambda: are(lives, "RUNNING", "RUNNING"), "both are given back")
        assert [line["event"] for line in errors(logs)] == ["windows were missed"]

    async def test_a_hold_that_a_wrong_clock_jumped_over_is_acted_on_when_it_comes(self, lives: Lives) -> None:
        lives.write(HOLD)
        async with lives.living(BEFORE):
            await until(lives.has_settled, "it has looked")
            lives.clock.now = FRIDAY + DAY
            await until(lambda: is_journalled(lives, "windows missed"), "it's missed")
            lives.clock.now = FRIDAY + MINUTE
            await until(lambda: are(lives, "PAUSED", "PAUSED"), "both are paused")
        assert lives.changes() == [("stop", "pause", FRIDAY, "succeeded")]

    async def test_a_machine_that_was_suspended_makes_up_for_it_as_a_start_does(self, lives: Lives) -> None:
        clocks = Clocks(lives.clock)
        async with lives.living(BEFORE, clocks=clocks):
            await until(lives.has_settled, "it has looked")
            clocks.suspend(WEEK + 3 * HOUR)
            await until(lambda: are(lives, "PAUSED", "PAUSED"), "both are paused")
            await until(lives.has_settled, "that's on record")
        assert lives.changes() == [
            ("weekend", "pause", FRIDAY, "missed"),
            ("weekend", "pause", FRIDAY + WEEK, "succeeded"),
        ]
        seconds = (WEEK + 3 * HOUR).total_seconds()
        assert lives.journalled("machine was suspended") == [{"by_seconds": seconds}]
        assert lives.journalled("clock jumped") == []

    async def test_what_a_person_resumes_in_a_window_that_came_once_more_is_left_running(self, lives: Lives) -> None:
        for at in (FRIDAY, MONDAY + MINUTE, FRIDAY + DAY, FRIDAY + DAY + HOUR):
            await lives.live(at)
        assert lives.statuses() == ["PAUSED", "PAUSED"]
        lives.sandbox.campaign(CAMPAIGN).status = "RUNNING"
        await lives.live(FRIDAY + DAY + 2 * HOUR)
        assert lives.statuses() == ["RUNNING", "PAUSED"]
        assert "somebody resumed it inside the window; left running" in lives.reasons()

    async def test_a_start_before_the_last_tick_says_that_the_clock_was_put_back(
        self, lives: Lives, logs: list[Any]
    ) -> None:
        await lives.live(FRIDAY)
        await lives.live(FRIDAY - DAY)
        facts = {"by_seconds": DAY.total_seconds(), "direction": "back"}
        assert {"event": "clock jumped", "log_level": "warning", **facts} in logs
        await lives.live(FRIDAY - DAY + HOUR)
        assert lives.journalled("clock jumped") == [facts]
        assert lives.statuses() == ["PAUSED", "PAUSED"]


async def has_calls(lives: Lives) -> bool:
    return bool(lives.sandbox.log)


async def are(lives: Lives, *statuses: str) -> bool:
    return lives.statuses() == list(statuses)


async def is_journalled(lives: Lives, event: str, times: int = 1) -> bool:
    return len(lives.journalled(event)) >= times


@pytest.fixture
def zones(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A database of the system's, newer than the package's, in which Warsaw is as it is."""
    monkeypatch.setattr(zonewatch, "LOOK", timedelta(milliseconds=5))
    folder, before = tmp_path / "zoneinfo", zoneinfo.TZPATH
    shutil.copytree(PACKAGE / "Europe", folder / "Europe")
    (folder / "tzdata.zi").write_text("# version 2999a\n")
    zoneinfo.reset_tzpath([str(folder)])
    zoneinfo.ZoneInfo.clear_cache()
    yield folder
    zoneinfo.reset_tzpath(before)
    zoneinfo.ZoneInfo.clear_cache()


def upgrade(zones: Path, version: str = "2999b") -> None:
    """Warsaw's clocks are Tokyo's from now on: the weekend began hours ago."""
    shutil.copy(PACKAGE / "Asia" / "Tokyo", zones / "new")
    (zones / "new").replace(zones / "Europe" / "Warsaw")
    (zones / "tzdata.zi").write_text(f"# version {version}\n")


class TestZoneData:
    async def test_other_data_on_the_disk_is_told_and_the_rules_go_by_it_at_once(
        self, lives: Lives, zones: Path, logs: list[Any]
    ) -> None:
        async with lives.living(BEFORE):
            await until(lives.has_settled, "it has looked")
            assert lives.statuses() == ["RUNNING", "RUNNING"]
            upgrade(zones)
            await until(lambda: are(lives, "PAUSED", "PAUSED"), "both are paused")
            await until(lives.has_settled, "that's on record")
        facts = {"from": f"2999a ({zones})", "to": f"2999b ({zones})"}
        assert {"event": "time zone data changed", "log_level": "warning", **facts} in logs
        assert lives.journalled("time zone data changed") == [facts]
        assert lives.changes() == [("weekend", "pause", FRIDAY - 8 * HOUR, "succeeded")]

    async def test_data_that_comes_while_the_file_is_wrong_counts_when_it_is_right_again(
        self, lives: Lives, zones: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(reload, "SETTLED", timedelta(milliseconds=10))
        content = (lives.folder / "curfew.yaml").read_text()
        async with lives.living(BEFORE):
            await until(lives.has_settled, "it has looked")
            lives.write("nonsense")
            await until(lambda: is_journalled(lives, "file rejected"), "the file is rejected")
            # The version is the same: only the data of a zone is another one.
            upgrade(zones, version="2999a")
            await until(lambda: is_journalled(lives, "time zone data changed"), "it's heard of")
            assert lives.statuses() == ["RUNNING", "RUNNING"]
            (lives.folder / "curfew.yaml").write_text(content)
            await until(lambda: are(lives, "PAUSED", "PAUSED"), "both are paused")
        assert len(lives.journalled("file rejected")) == 1
