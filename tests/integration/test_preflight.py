"""The preflight against the sandbox, over real sockets: what is asked, how much, and when; then the daemon's own."""

import asyncio
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from scheduler.client import Client
from scheduler.daemon import Daemon
from scheduler.ledger import work
from scheduler.ledger.database import Database
from scheduler.ledger.records import PREFLIGHT
from scheduler.ledger.tables import journal
from scheduler.preflight import CheckedAccount, Fault, FaultKind, Limits, check_account, check_accounts
from scheduler.preflight.start import at_start
from scheduler.sandbox import FIRST_COMPANY_ID, Sandbox, Variants
from scheduler.sandbox import Fault as Misbehaviour
from scheduler.settings import Settings, load
from tests.scheduler_fakes import (
    CAMPAIGN,
    FRIDAY,
    HOUR,
    KEY,
    Clock,
    account,
    at_work,
    captured_logs,
    lane_to,
    ledger_in,
    new_intent,
    posts,
    rules_of,
    until,
    weekend,
    writing_to,
)

SECOND, THIRD = CAMPAIGN + 1, CAMPAIGN + 2
QUICK = Limits(first_wait=timedelta(milliseconds=1))


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=3, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


async def checked(
    sandbox: Sandbox, campaigns: str = "all", limits: Limits = QUICK, *, rule: str | None = None, key: str = KEY
) -> CheckedAccount:
    """What the one account of a sandbox comes to, with a rule for some campaigns."""
    other = account(sandbox.base_url)
    accounts = [type(other)(name=other.name, base_url=other.base_url, api_key=key)]
    (found,) = await check_accounts(rules_of(weekend(campaigns)), accounts, limits, rule=rule)
    return found


def calls(sandbox: Sandbox) -> list[tuple[str | None, int | None]]:
    return [(entry.call, entry.campaign) for entry in sandbox.log]


def gets(sandbox: Sandbox) -> list[int | None]:
    return [entry.campaign for entry in sandbox.log if entry.call == "get"]


class TestWhatIsAsked:
    async def test_one_list_and_one_get_for_each_campaign_that_is_selected(self, sandbox: Sandbox) -> None:
        found = await checked(sandbox, f"[{CAMPAIGN}, {THIRD}]")
        assert calls(sandbox) == [("list", None), ("get", CAMPAIGN), ("get", THIRD)]
        assert [(each.id, each.rules, each.can_resume) for each in found.campaigns] == [
            (CAMPAIGN, ("weekend",), True),
            (SECOND, (), None),
            (THIRD, ("weekend",), True),
        ]
        assert (found.is_listed, found.asked, found.left_out, found.fault) == (True, 2, 0, None)

    async def test_nothing_is_changed(self, sandbox: Sandbox) -> None:
        await checked(sandbox)
        assert posts(sandbox) == []
        assert {each.status for each in sandbox.account().campaigns.values()} == {"RUNNING"}

    async def test_selectors_are_resolved_by_the_names_and_folders_of_the_list(self, sandbox: Sandbox) -> None:
        found = await checked(sandbox, "{folders: [americas], names: ['*3']}")
        assert [each.id for each in found.selected] == [SECOND, THIRD]

    async def test_asked_for_one_rule_only_what_it_selects_is_looked_at(self, sandbox: Sandbox) -> None:
        other = f"{{name: other, campaigns: [{SECOND}], pause: {{on: fri}}}}"
        rules = rules_of(weekend(f"[{CAMPAIGN}]"), other)
        (found,) = await check_accounts(rules, [account(sandbox.base_url)], QUICK, rule="other")
        assert gets(sandbox) == [SECOND]
        assert [each.rules for each in found.campaigns] == [("weekend",), ("other",), ()]

    async def test_an_account_without_campaigns_is_listed_and_empty(self) -> None:
        async with Sandbox(campaigns=0, api_key=KEY).serving() as empty:
            found = await checked(empty)
        assert found == CheckedAccount(account="main", is_listed=True)

    async def test_one_call_at_a_time_for_each_account_and_accounts_side_by_side(self) -> None:
        async with Sandbox(campaigns=3, accounts=3, latency=timedelta(milliseconds=20)).serving() as sandbox:
            companies = {name: FIRST_COMPANY_ID + number for number, name in enumerate(("acme", "other"))}
            accounts = [
                account(sandbox.base_url),
                *(account(sandbox.base_url, name=name, company_id=number) for name, number in companies.items()),
            ]
            rules = rules_of(
                *(
                    f"{{name: {each.name}, account: {each.name}, campaigns: all, pause: {{on: fri}}}}"
                    for each in accounts
                ),
                accounts="{main: {api_key: x}, acme: {api_key: x}, other: {api_key: x}}",
            )
            found = await check_accounts(rules, accounts, QUICK)
        assert [(each.account, each.asked) for each in found] == [("main", 3), ("acme", 3), ("other", 3)]
        assert {entry.in_flight for entry in sandbox.log} == {1}
        first_answer = min(entry.answered_at for entry in sandbox.log if entry.answered_at)
        assert [entry.account for entry in sandbox.log if entry.received_at < first_answer] == ["main", "9001", "9002"]


class TestWhatIsFound:
    async def test_a_get_that_answers_409_means_that_it_cannot_be_resumed(self, sandbox: Sandbox) -> None:
        sandbox.campaign(SECOND).unsupported = True
        found = await checked(sandbox)
        assert [each.can_resume for each in found.campaigns] == [True, False, True]
        assert found.campaigns[1].why_not == (
            "the API doesn't support IF conditions, scheduled starts and manual tasks "
            "(HTTP 409: Conflict: Campaign is not supported)"
        )
        assert found.fault is None

    async def test_one_that_is_listed_and_not_found_cannot_be_resumed(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="get", campaign=SECOND, status=404))
        refused = (await checked(sandbox)).campaigns[1]
        assert (refused.can_resume, refused.why_not) == (
            False,
            "the API refuses it (HTTP 404: CAMPAIGN_NOT_EXIST: Campaign not found)",
        )

    @pytest.mark.parametrize("follows", [True, False])
    async def test_whether_mail_follows_the_prospects_time_zone_is_told(self, sandbox: Sandbox, follows: bool) -> None:
        sandbox.campaign(CAMPAIGN).prospect_timezone = follows
        assert (await checked(sandbox)).campaigns[0].prospect_timezone is follows

    async def test_what_bounce_shield_stopped_is_not_resumed_unless_it_runs_again(self, sandbox: Sandbox) -> None:
        for number in (CAMPAIGN, SECOND):
            sandbox.campaign(number).bounce_shield_autopaused_at = "2026-11-27 15:00:00"
        sandbox.campaign(CAMPAIGN).status = "PAUSED"
        stopped, running, _ = (await checked(sandbox)).campaigns
        assert (stopped.can_resume, running.can_resume) == (False, True)
        assert stopped.why_not == "Bounce Shield stopped it (2026-11-27 15:00:00); a person must look at it first"
        assert stopped.bounce_shield_at == running.bounce_shield_at == "2026-11-27 15:00:00"

    async def test_the_status_of_the_look_counts_which_is_newer_than_the_list(self, sandbox: Sandbox) -> None:
        body = f'{{"id": {CAMPAIGN}, "status": "COMPLETED"}}'
        sandbox.add_fault(Misbehaviour(call="get", campaign=CAMPAIGN, status=200, body=body))
        first = (await checked(sandbox)).campaigns[0]
        assert (first.status, first.can_resume, first.prospect_timezone) == ("COMPLETED", True, None)

    async def test_one_that_gives_no_answer_is_not_known_and_the_others_are(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="get", campaign=CAMPAIGN, effect="drop_before"))
        found = await checked(sandbox)
        assert [each.can_resume for each in found.campaigns] == [None, True, True]
        assert "RemoteProtocolError" in (found.campaigns[0].why_not or "")
        assert (found.fault, found.left_out) == (None, 0)


class TestFaults:
    async def test_an_account_whose_key_is_refused_is_asked_once(self, sandbox: Sandbox) -> None:
        found = await checked(sandbox, key="another")
        assert calls(sandbox) == [("list", None)]
        assert found.fault == Fault(kind=FaultKind.KEY_REFUSED, error="HTTP 401: E_SESSION: Invalid api key")
        assert (found.is_listed, found.campaigns) == (False, ())

    async def test_where_a_look_at_a_campaign_refuses_the_key_no_other_is_asked(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="get", campaign=SECOND, status=403))
        found = await checked(sandbox)
        assert gets(sandbox) == [CAMPAIGN, SECOND]
        assert found.fault is not None
        assert found.fault.kind is FaultKind.KEY_REFUSED
        assert (found.asked, found.left_out, len(found.campaigns)) == (1, 2, 3)

    async def test_one_that_does_not_answer_is_unreachable_after_two_tries(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="list", effect="drop_before"))
        found = await checked(sandbox)
        assert calls(sandbox) == [("list", None)] * 2
        assert found.fault is not None
        assert found.fault.kind is FaultKind.UNREACHABLE

    async def test_a_list_that_fails_once_is_had_the_second_time(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="list", effect="unreadable", times=1))
        assert (await checked(sandbox)).fault is None

    async def test_after_three_campaigns_in_a_row_without_an_answer_no_other_is_asked(self) -> None:
        async with Sandbox(campaigns=9, api_key=KEY).serving() as sandbox:
            sandbox.add_fault(Misbehaviour(call="get", status=500, times=1))
            for number in range(CAMPAIGN + 2, CAMPAIGN + 9):
                sandbox.add_fault(Misbehaviour(call="get", campaign=number, status=500))
            found = await checked(sandbox)
        assert found.fault is not None
        assert found.fault.kind is FaultKind.UNREACHABLE
        assert (found.asked, found.left_out) == (5, 4)

    async def test_the_key_is_in_no_error(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="list", status=401, body=f'{{"title": "x", "detail": "{KEY}"}}'))
        found = await checked(sandbox)
        assert found.fault is not None
        assert found.fault.error == "HTTP 401: x: [key]"


class TestTooMany:
    @pytest.mark.parametrize(("call", "status"), [("list", 409), ("list", 429), ("get", 429)])
    async def test_a_call_that_was_one_too_many_is_made_again(self, sandbox: Sandbox, call: Any, status: int) -> None:
        """v1 says so with 409; a 409 of v2 is something else."""
        sandbox.add_fault(Misbehaviour(call=call, status=status, times=4))
        found = await checked(sandbox)
        assert [each.can_resume for each in found.campaigns] == [True, True, True]
        assert len(sandbox.log) == 4 + 4

    async def test_how_long_the_api_says_is_waited(self, sandbox: Sandbox) -> None:
        sandbox.variants = Variants(retry_after=timedelta(seconds=1))
        sandbox.add_fault(Misbehaviour(call="list", status=429, times=1))
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert (await checked(sandbox)).fault is None
        assert loop.time() - began >= 1

    async def test_what_is_too_long_to_wait_for_is_a_fault_at_once(self, sandbox: Sandbox) -> None:
        sandbox.variants = Variants(retry_after=timedelta(minutes=5))
        sandbox.add_fault(Misbehaviour(call="list", status=429))
        found = await checked(sandbox)
        assert len(sandbox.log) == 1
        assert found.fault is not None
        assert found.fault.kind is FaultKind.UNREACHABLE

    async def test_it_is_not_tried_for_ever(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="list", status=429))
        assert (await checked(sandbox)).fault is not None
        assert len(sandbox.log) == 6


class TestLimits:
    async def test_those_that_run_are_asked_first_and_the_rest_is_counted(self, sandbox: Sandbox) -> None:
        sandbox.campaign(CAMPAIGN).status = "DRAFT"
        found = await checked(sandbox, limits=Limits(campaigns=2))
        assert gets(sandbox) == [SECOND, THIRD]
        assert [each.can_resume for each in found.campaigns] == [None, True, True]
        assert (found.asked, found.left_out) == (2, 1)

    async def test_when_the_time_is_over_no_further_one_is_begun(self, sandbox: Sandbox) -> None:
        found = await checked(sandbox, limits=Limits(lasts=timedelta()))
        assert (gets(sandbox), found.asked, found.left_out) == ([], 0, 3)

    async def test_an_answer_is_not_waited_for_longer_than_the_limit(self, sandbox: Sandbox) -> None:
        sandbox.add_fault(Misbehaviour(call="get", campaign=CAMPAIGN, effect="delay", delay=timedelta(seconds=2)))
        limits = Limits(call=timedelta(milliseconds=200), first_wait=timedelta(milliseconds=1))
        found = await checked(sandbox, f"[{CAMPAIGN}]", limits)
        assert found.campaigns[0].why_not == "no answer within 0.2 s"


@asynccontextmanager
async def preflight_of(
    sandbox: Sandbox, folder: Path, rule: str, *, limits: Limits = QUICK
) -> AsyncIterator[tuple[Any, Any, asyncio.Task[None], Database]]:
    """A lane at work, and its preflight, which waits for the first pass: for `after` to be set."""
    database = ledger_in(folder)
    settings = settings_in(folder, sandbox.base_url, rule)
    after = asyncio.Event()
    async with writing_to(database) as writer, lane_to(sandbox, writer, Clock()) as lane, at_work(lane):
        ahead = at_start(settings, lane, writer, Clock(), after=after, at_once=asyncio.Semaphore(), limits=limits)
        task = asyncio.create_task(ahead)
        try:
            yield lane, after, task, database
        finally:
            task.cancel()
            await asyncio.wait([task])


def settings_in(folder: Path, base_url: str, rule: str) -> Settings:
    file = folder / "curfew.yaml"
    file.write_text(
        f"timezone: Europe/Warsaw\naccounts:\n  main: {{api_key: {KEY}, base_url: '{base_url}'}}\nrules:\n  - {rule}\n",
        encoding="utf-8",
    )
    return load(file, {})


async def record(database: Database, campaigns: range) -> list[Any]:
    with database.writing() as connection:
        return [work.record_intent(connection, new_intent(campaign), FRIDAY) for campaign in campaigns]


def journalled(database: Database) -> list[Any]:
    with database.reading() as connection:
        query = select(journal.c.account, journal.c.details).where(journal.c.event == PREFLIGHT)
        return list(connection.execute(query).all())


class TestAtTheDaemonsStart:
    async def test_nothing_is_asked_before_the_first_pass(self, sandbox: Sandbox, tmp_path: Path) -> None:
        async with preflight_of(sandbox, tmp_path, weekend()) as (_, after, task, _):
            await asyncio.sleep(0.05)
            assert calls(sandbox) == []
            after.set()
            await task
        assert calls(sandbox) == [("list", None), ("get", CAMPAIGN), ("get", SECOND), ("get", THIRD)]

    async def test_pauses_that_are_due_go_first(self, tmp_path: Path) -> None:
        async with (
            Sandbox(campaigns=20, api_key=KEY).serving() as sandbox,
            preflight_of(sandbox, tmp_path, weekend()) as (lane, after, task, database),
        ):
            lane.add(await record(database, range(CAMPAIGN, CAMPAIGN + 20)))
            after.set()
            await task
        assert [entry.call for entry in sandbox.log] == ["pause"] * 20 + ["list"] + ["get"] * 20
        assert {entry.in_flight for entry in sandbox.log} == {1}

    async def test_pauses_that_fall_due_meanwhile_wait_for_the_one_call_in_flight(self, tmp_path: Path) -> None:
        async with (
            Sandbox(campaigns=20, api_key=KEY, latency=timedelta(milliseconds=10)).serving() as sandbox,
            preflight_of(sandbox, tmp_path, weekend()) as (lane, after, task, database),
        ):
            intents = await record(database, range(CAMPAIGN, CAMPAIGN + 3))
            after.set()
            await until(lambda: has_gets(sandbox, 5), "it's under way")
            before = len(sandbox.log)
            lane.add(intents)
            await task
        made = [entry.call for entry in sandbox.log]
        first = made.index("pause")
        assert first <= before + 1
        assert made[first : first + 3] == ["pause"] * 3
        assert made.count("get") == 20
        assert {entry.in_flight for entry in sandbox.log} == {1}

    async def test_what_is_wrong_is_said_in_the_log_and_the_journal_with_its_place(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        sandbox.campaign(SECOND).unsupported = True
        with captured_logs() as logs:
            async with preflight_of(sandbox, tmp_path, weekend(f"[{CAMPAIGN}, {SECOND}, 77]")) as (*_, after, task, db):
                after.set()
                await task
        place = {"account": "main", "event": "preflight", "log_level": "warning"}
        unsupported, unknown, done = logs
        assert (unsupported["place"], unsupported["path"]) == ("5:42", "rules[0].campaigns[1]")
        assert "1000002 'Campaign 2' can't be resumed" in unsupported["why"]
        assert unknown == place | {
            "place": "5:51",
            "path": "rules[0].campaigns[2]",
            "why": "the account has no campaign 77",
        }
        facts = {"selected": 2, "asked": 2, "left_out": 0, "problems": 2}
        assert done == {"event": "preflight done", "log_level": "info", "account": "main", **facts}
        ((owner, details),) = journalled(db)
        assert (owner, {name: details[name] for name in facts}) == ("main", facts)
        assert details["said"][1] == "5:51: rules[0].campaigns[2]: warning: the account has no campaign 77"

    async def test_how_many_were_left_out_is_said(self, sandbox: Sandbox, tmp_path: Path) -> None:
        with captured_logs() as logs:
            async with preflight_of(sandbox, tmp_path, weekend(), limits=Limits(campaigns=1)) as (_, after, task, db):
                after.set()
                await task
        assert [line.get("why") for line in logs] == ["2 of 3 campaigns that are selected weren't asked about", None]
        assert logs[-1]["left_out"] == 2
        assert journalled(db)[0].details["left_out"] == 2

    async def test_an_account_that_rests_since_its_key_was_refused_is_not_asked(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        with captured_logs() as logs:
            async with preflight_of(sandbox, tmp_path, weekend()) as (lane, after, *_):
                lane.rest()
                after.set()
                await until(lambda: has_line(logs, "preflight done"), "it's told")
        assert calls(sandbox) == []
        assert (logs[0]["log_level"], logs[0]["path"]) == ("error", "accounts.main.api_key")
        assert "refused a moment ago" in logs[0]["why"]

    @pytest.mark.parametrize("fault", [{"status": 401}, {"status": 500}], ids=["refused", "out of order"])
    async def test_what_could_not_be_asked_is_asked_once_more_when_there_is_a_list_again(
        self, sandbox: Sandbox, tmp_path: Path, fault: dict[str, Any]
    ) -> None:
        sandbox.add_fault(Misbehaviour(**fault))
        sandbox.campaign(SECOND).unsupported = True
        with captured_logs() as logs:
            async with preflight_of(sandbox, tmp_path, weekend(f"[{SECOND}]")) as (lane, after, task, db):
                lane.confirmed()
                after.set()
                await until(lambda: has_line(logs, "preflight done"), "it's told")
                sandbox.clear_faults()
                assert not task.done()
                lane.confirmed()
                await task
                lane.confirmed()
        assert [line["log_level"] for line in logs] == ["error", "info", "warning", "info"]
        assert "1000002 'Campaign 2' can't be resumed" in logs[2]["why"]
        assert [details["asked"] for _, details in journalled(db)] == [0, 1]

    async def test_a_second_time_is_the_last(self, sandbox: Sandbox, tmp_path: Path) -> None:
        """A key that may list and not look would be said at every list."""
        sandbox.add_fault(Misbehaviour(call="get", status=403))
        async with preflight_of(sandbox, tmp_path, weekend()) as (lane, after, task, db):
            after.set()
            await until(lambda: has_gets(sandbox, 1), "it's under way")
            while not task.done():
                lane.confirmed()
                await asyncio.sleep(0.005)
        assert [details["asked"] for _, details in journalled(db)] == [0, 0]

    async def test_few_accounts_are_asked_at_once(self, sandbox: Sandbox, tmp_path: Path) -> None:
        at_once, after = asyncio.Semaphore(1), asyncio.Event()
        after.set()
        settings = settings_in(tmp_path, sandbox.base_url, weekend())
        async with (
            writing_to(ledger_in(tmp_path)) as writer,
            lane_to(sandbox, writer, Clock()) as lane,
            at_work(lane),
        ):
            async with at_once:
                task = asyncio.create_task(at_start(settings, lane, writer, Clock(), after=after, at_once=at_once))
                await asyncio.sleep(0.05)
                assert calls(sandbox) == []
            await task
        assert len(calls(sandbox)) == 4

    async def test_it_rests_first_where_it_is_told_to(self, sandbox: Sandbox, tmp_path: Path) -> None:
        after = asyncio.Event()
        after.set()
        settings = settings_in(tmp_path, sandbox.base_url, weekend())
        async with (
            writing_to(ledger_in(tmp_path)) as writer,
            lane_to(sandbox, writer, Clock()) as lane,
            at_work(lane),
        ):
            for rest, number in ((HOUR, 0), (timedelta(milliseconds=1), 4)):
                looking = at_start(settings, lane, writer, Clock(), after=after, at_once=asyncio.Semaphore(), rest=rest)
                task = asyncio.create_task(looking)
                await asyncio.wait([task], timeout=0.05 if rest == HOUR else 20)
                assert len(calls(sandbox)) == number
                task.cancel()

    async def test_a_fault_of_it_is_shown_and_ends_nothing(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def broken(*_: object) -> None:
            raise ZeroDivisionError

        monkeypatch.setattr("scheduler.preflight.start.problems_of", broken)
        with captured_logs() as logs:
            async with preflight_of(sandbox, tmp_path, weekend()) as (_, after, task, _):
                after.set()
                await task
        assert [(line["event"], line["log_level"]) for line in logs] == [("the preflight failed", "error")]


async def has_gets(sandbox: Sandbox, number: int) -> bool:
    return len(gets(sandbox)) >= number


class TestDaemon:
    @asynccontextmanager
    async def living(self, sandbox: Sandbox, folder: Path, rule: str, now: Callable[[], Any]) -> AsyncIterator[Any]:
        database = ledger_in(folder)
        life = asyncio.create_task(Daemon(settings_in(folder, sandbox.base_url, rule), database, now=now).live())
        try:
            yield life, database
        finally:
            life.cancel()
            await asyncio.wait([life])

    async def test_it_pauses_first_and_then_looks_ahead_and_goes_on_though_all_is_wrong(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        for campaign in sandbox.account().campaigns.values():
            campaign.prospect_timezone = True
        with captured_logs() as logs:
            async with self.living(sandbox, tmp_path, weekend(), Clock()) as (life, database):
                await until(lambda: has_line(logs, "preflight done"), "the preflight is done")
                assert not life.done()
                signal.raise_signal(signal.SIGTERM)
                assert await life == 0
        # Lists aside: passes ask for some of their own.
        assert [entry.call for entry in sandbox.log if entry.call != "list"] == ["pause"] * 3 + ["get"] * 3
        (warning,) = [line for line in logs if line["event"] == "preflight"]
        assert "each prospect's own time zone" in warning["why"]
        assert len(journalled(database)) == 1

    async def test_a_refused_key_is_said_at_its_place_and_the_account_is_not_asked_again_for_it(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        """Pauses by id wait for the key to work: the preflight doesn't wait with them."""
        sandbox.add_fault(Misbehaviour(status=401))
        with captured_logs() as logs:
            async with self.living(sandbox, tmp_path, weekend(f"[{CAMPAIGN}]"), Clock()) as (life, _):
                await until(lambda: has_line(logs, "preflight done"), "the preflight is done")
                assert not life.done()
        assert calls(sandbox) == [("list", None)]
        (error,) = [line for line in logs if line["event"] == "preflight"]
        assert (error["log_level"], error["path"]) == ("error", "accounts.main.api_key")

    async def test_a_signal_does_not_wait_for_it(self, sandbox: Sandbox, tmp_path: Path) -> None:
        sandbox.add_fault(Misbehaviour(call="get", effect="delay", delay=timedelta(seconds=4)))
        loop = asyncio.get_running_loop()
        with captured_logs():
            async with self.living(sandbox, tmp_path, weekend(), Clock(FRIDAY - HOUR)) as (life, database):
                await until(lambda: has_gets(sandbox, 1), "it's under way")
                began = loop.time()
                signal.raise_signal(signal.SIGTERM)
                assert await life == 0
        assert loop.time() - began < 3
        assert journalled(database) == []


async def has_line(logs: list[Any], event: str) -> bool:
    return any(line["event"] == event for line in logs)


async def test_a_turn_is_taken_for_each_call(sandbox: Sandbox) -> None:
    turns = 0
    async with Client(account(sandbox.base_url)) as client:

        @asynccontextmanager
        async def turn() -> AsyncIterator[Client]:
            nonlocal turns
            turns += 1
            yield client

        await check_account(rules_of(weekend()), "main", turn, QUICK)
    assert turns == len(sandbox.log) == 4
