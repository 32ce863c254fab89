"""What a daemon tells of itself over HTTP, asked as Prometheus asks, while all is well and while it isn't."""

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families

from rules.calendars import data_version
from rules.document import Endpoint
from scheduler import __version__, clockwatch, exposition, observing, reload
from scheduler.daemon import Daemon
from scheduler.exposition import Exposition
from scheduler.ledger import substitute
from scheduler.ledger.database import Database
from scheduler.pulse import Pulse
from scheduler.sandbox import Fault, Sandbox
from scheduler.settings import Settings, load
from scheduler.watchdog import LONGEST_SILENCE
from tests.disk_faults import Gone, at_fault
from tests.lives import Clocks
from tests.scheduler_fakes import DAY, FRIDAY, HOUR, KEY, MONDAY, Clock, captured_logs, ledger_in, until, weekend

ANY = "127.0.0.1:0"


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look much more often than every few seconds."""
    for name in ("LOOK_AGAIN", "SETTLED"):
        monkeypatch.setattr(reload, name, timedelta(milliseconds=20))
    monkeypatch.setattr(exposition, "PERIOD", timedelta(milliseconds=10))
    monkeypatch.setattr(observing, "COUNT", timedelta(milliseconds=20))
    monkeypatch.setattr(clockwatch, "LOOK", timedelta(milliseconds=20))


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=3, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


def settings_in(folder: Path, base_url: str, metrics: str | None = ANY, *more: str) -> Settings:
    file = folder / "curfew.yaml"
    served = [f"metrics: {{listen: '{metrics}'}}"] if metrics else []
    accounts = f"accounts: {{main: {{api_key: {KEY}, base_url: '{base_url}'}}}}"
    rules = f"rules: [{', '.join([weekend(), *more])}]"
    file.write_text("\n".join(["timezone: Europe/Warsaw", accounts, *served, rules, ""]))
    return load(file, {})


@dataclass
class Running:
    """A daemon that lives meanwhile, and is served."""

    exposition: Exposition
    ledger: Database
    clock: Clock
    folder: Path
    base_url: str
    life: asyncio.Future[int]

    def write(self, metrics: str | None) -> None:
        """The file from now on."""
        settings_in(self.folder, self.base_url, metrics)

    async def ask(self, path: str) -> tuple[int, str]:
        return await asyncio.to_thread(asked, self.exposition, path)

    async def metrics(self) -> dict[str, dict[tuple[str, ...], float]]:
        """Each sample by its name and the values of its labels."""
        status, text = await self.ask("/metrics")
        assert status == 200
        return samples(text)

    async def value(self, name: str, *labels: str) -> float | None:
        return (await self.metrics()).get(name, {}).get(labels)

    async def wrong(self) -> list[str]:
        """What `/healthz` says is wrong; its status agrees."""
        status, text = await self.ask("/healthz")
        found = json.loads(text)
        assert (status == 200) is found["healthy"] is (found["wrong"] == [])
        return list(found["wrong"])


def asked(of: Exposition, path: str) -> tuple[int, str]:
    assert of.endpoint is not None
    connection = HTTPConnection(of.endpoint.host, of.endpoint.port, timeout=10)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
    finally:
        connection.close()


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


@asynccontextmanager
async def living(
    sandbox: Sandbox, folder: Path, metrics: str | None = ANY, *more: str, at: datetime = FRIDAY
) -> AsyncIterator[Running]:
    """A daemon, at first at FRIDAY, where the weekend begins."""
    ledger, clock = ledger_in(folder), Clock(at)
    settings = settings_in(folder, sandbox.base_url, metrics, *more)
    served = Exposition(settings)
    daemon = Daemon(settings, ledger, {}, now=clock, clocks=Clocks(clock), exposition=served)
    async with served.serving():
        life = asyncio.create_task(daemon.live())
        try:
            yield Running(served, ledger, clock, folder, sandbox.base_url, life)
        finally:
            life.cancel()
            await asyncio.wait([life])
        assert life.cancelled(), life.exception()


@pytest.fixture
async def daemon(sandbox: Sandbox, tmp_path: Path) -> AsyncIterator[Running]:
    async with living(sandbox, tmp_path) as daemon:
        await until(lambda: is_served(daemon), "it's served")
        yield daemon


async def is_served(daemon: Running) -> bool:
    return daemon.exposition.endpoint is not None


async def has(daemon: Running, name: str, *labels: str, value: float) -> None:
    """Wait until a metric has this value."""

    async def it_has() -> bool:
        return await daemon.value(name, *labels) == value

    await until(it_has, f"{name}{labels} is {value}")


async def has_ticked(daemon: Running, at: datetime = FRIDAY) -> None:
    """Wait until the account was passed over."""
    await until(lambda: is_served(daemon), "it's served")
    await has(daemon, "curfew_last_tick_timestamp_seconds", value=at.timestamp())


async def says(daemon: Running, *words: str) -> None:
    """Wait until what's wrong begins with these words, one by one; none means that nothing is."""

    async def it_does() -> bool:
        wrong = await daemon.wrong()
        return len(wrong) == len(words) and all(map(str.startswith, wrong, words))

    await until(it_does, f"{words or 'nothing'} is wrong")


class TestMetrics:
    async def test_what_was_done_is_counted_and_what_is_so_is_measured(self, daemon: Running) -> None:
        await has(daemon, "curfew_custody", "main", value=3)
        await has_ticked(daemon)
        found = await daemon.metrics()
        ended = {labels: value for labels, value in found["curfew_attempts_total"].items() if value}
        assert ended == {("main", "pause", "succeeded"): 3}
        assert found["curfew_attempts_total"]["main", "resume", "failed"] == 0
        ones = ("at_work", "healthy", "ledger_writable", "file_valid", "rules")
        noughts = ("dry_run", "hanging_loops", "interrupted_calls_total")
        assert [found[f"curfew_{name}"][()] for name in (*ones, *noughts)] == [1] * 5 + [0] * 3
        per_account = ("lane_depth", "key_refused", "left_paused")
        assert [found[f"curfew_{name}"] for name in per_account] == [{("main",): 0}] * 3
        assert found["curfew_failing_changes"] == {("main", "pause"): 0, ("main", "resume"): 0}
        assert found["curfew_missed_windows_total"] == {("weekend",): 0}
        assert found["curfew_lateness_seconds_count"] == {("pause",): 3, ("resume",): 0}
        assert found["curfew_lateness_seconds_sum"]["pause",] == 0
        assert found["curfew_call_duration_seconds_count"]["pause", "ok"] == 3
        assert found["curfew_call_duration_seconds_bucket"]["pause", "+Inf", "ok"] == 3
        (info,) = found["curfew_info"]
        assert sorted(info)[:2] == sorted((__version__, data_version()))
        assert found["process_resident_memory_bytes"][()] > 1e6

    async def test_failures_are_counted_by_account_and_the_key_that_is_refused_is_told(
        self, daemon: Running, sandbox: Sandbox
    ) -> None:
        await has(daemon, "curfew_custody", "main", value=3)
        sandbox.add_fault(Fault(call="get", status=401))
        daemon.clock.now = MONDAY
        await has(daemon, "curfew_key_refused", "main", value=1)
        await has(daemon, "curfew_failing_changes", "main", "resume", value=1)
        found = await daemon.metrics()
        assert found["curfew_call_duration_seconds_count"]["campaign", "key_refused"] >= 1
        assert found["curfew_lane_depth"]["main",] == 3
        # That's no fault of the daemon's.
        await says(daemon)

    async def test_what_passed_while_nobody_could_act_is_counted_by_its_rule(
        self, sandbox: Sandbox, tmp_path: Path
    ) -> None:
        saturdays = "{name: saturdays, campaigns: all, pause: {on: sat}}"
        async with living(sandbox, tmp_path, ANY, saturdays, at=FRIDAY - DAY) as daemon:
            await has_ticked(daemon, FRIDAY - DAY)
            daemon.clock.now = MONDAY + DAY
            await has(daemon, "curfew_missed_windows_total", "weekend", value=1)
            found = await daemon.metrics()
            assert found["curfew_missed_windows_total"] == {("weekend",): 1, ("saturdays",): 1}

    async def test_a_file_that_is_rejected_is_told_until_it_is_right(self, daemon: Running) -> None:
        await has(daemon, "curfew_file_valid", value=1)
        loaded = await daemon.value("curfew_file_loaded_timestamp_seconds")
        right = (daemon.folder / "curfew.yaml").read_text()
        (daemon.folder / "curfew.yaml").write_text("nonsense")
        await has(daemon, "curfew_file_valid", value=0)
        daemon.clock.move(HOUR)
        (daemon.folder / "curfew.yaml").write_text(f"{right}# another one\n")
        await has(daemon, "curfew_file_valid", value=1)
        assert await daemon.value("curfew_file_loaded_timestamp_seconds") == (loaded or 0) + HOUR.total_seconds()
        await says(daemon)

    async def test_openmetrics_is_spoken_to_who_asks_for_it(self, daemon: Running) -> None:
        answer = daemon.exposition.answer("/metrics", "application/openmetrics-text; version=1.0.0")
        assert answer.content_type.startswith("application/openmetrics-text")
        assert answer.content.endswith(b"# EOF\n")

    async def test_the_root_says_where_to_look(self, daemon: Running) -> None:
        assert (await daemon.ask("/"))[0] == 200
        assert (await daemon.ask("/favicon.ico"))[0] == 404


class TestHealth:
    async def test_200_while_all_is_well(self, daemon: Running) -> None:
        await has_ticked(daemon)
        status, text = await daemon.ask("/healthz")
        assert (status, json.loads(text)) == (
            200,
            {"healthy": True, "wrong": [], "standing_by": False, "last_tick_at": "2026-11-27T16:00:00Z"},
        )

    async def test_503_while_the_ledger_cannot_be_written(
        self, daemon: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(substitute, "FIRST_GAP", 0.01)
        await has(daemon, "curfew_custody", "main", value=3)
        with at_fault(Gone(daemon.ledger)):
            await says(daemon, "degraded: the ledger can't be written (")
            await has(daemon, "curfew_ledger_writable", value=0)
            await has(daemon, "curfew_healthy", value=0)
            assert await daemon.value("curfew_custody", "main") == 3
        await says(daemon)

    async def test_503_while_no_account_is_passed_over(self, daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        await has_ticked(daemon)
        monkeypatch.setattr(observing, "LATE", timedelta(milliseconds=50))
        await says(daemon, "no tick for 0 s: an account wasn't passed over")

    async def test_503_while_a_loop_makes_no_progress(self, daemon: Running) -> None:
        await has(daemon, "curfew_custody", "main", value=3)
        seconds = [0.0]
        hanging = pulses_of(daemon).add(Pulse("lane of a test", lambda: seconds[0]))
        hanging.beat()
        seconds[0] = LONGEST_SILENCE.total_seconds() + 1
        await says(daemon, "hangs: lane of a test")
        await has(daemon, "curfew_hanging_loops", value=1)
        hanging.rest()
        await says(daemon)

    async def test_503_while_the_ledger_does_not_answer(self, daemon: Running, monkeypatch: pytest.MonkeyPatch) -> None:
        goes_on = threading.Event()
        monkeypatch.setattr(observing, "_LONGEST_ANSWER", timedelta(milliseconds=50))
        monkeypatch.setattr(observing, "counts", lambda *_: goes_on.wait(20))
        try:
            await says(daemon, "the ledger hasn't answered for 0 s")
        finally:
            goes_on.set()

    async def test_503_while_the_event_loop_stands_still(
        self, daemon: Running, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Which only another thread can tell."""
        found: list[tuple[int, str]] = []
        monkeypatch.setattr(exposition, "STILL", timedelta(milliseconds=50))
        is_told = threading.Event()

        def ask() -> None:
            while not found or found[-1][0] == 200:
                found.append(asked(daemon.exposition, "/healthz"))
            is_told.set()

        asker = threading.Thread(target=ask)
        asker.start()
        assert is_told.wait(20), "the loop stands still meanwhile"
        asker.join()
        assert json.loads(found[-1][1])["wrong"] == ["the event loop hangs: no sign of it for 0 s"]
        monkeypatch.setattr(exposition, "STILL", timedelta(seconds=30))
        await says(daemon)


def pulses_of(daemon: Running) -> Any:
    """The pulses of a daemon: nobody else can make a loop of it hang for five minutes."""
    subject: Any = daemon.exposition._subject
    return subject._in_force.accounts.pulses


class TestAddress:
    async def test_without_metrics_in_the_file_nobody_listens_and_nobody_looks(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(observing.AtWork, "look", lambda _: pytest.fail("it looks"))
        monkeypatch.setattr(observing, "counts", lambda *_: pytest.fail("it counts"))
        async with living(sandbox, tmp_path, None) as daemon:
            await until(lambda: are_paused(sandbox), "it works")
            await asyncio.sleep(0.05)
            assert daemon.exposition.endpoint is None

    async def test_an_edit_moves_it_ends_it_and_begins_it(self, daemon: Running, logs: list[Any]) -> None:
        first = daemon.exposition.endpoint
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        daemon.write(f"127.0.0.1:{port}")
        await until(lambda: listens(daemon, port), "it's at the other address")
        assert (await daemon.ask("/healthz"))[0] == 200
        daemon.write(None)
        await until(lambda: listens(daemon, None), "nobody listens any more")
        daemon.write(ANY)
        await until(lambda: is_served(daemon), "it's served again")
        said = [(line["event"], line["address"]) for line in logs if line["event"].startswith("metrics ")]
        assert said == [
            ("metrics are served", f"http://{first}/metrics"),
            ("metrics are served no more", f"http://{first}/metrics"),
            ("metrics are served", f"http://127.0.0.1:{port}/metrics"),
            ("metrics are served no more", f"http://127.0.0.1:{port}/metrics"),
            ("metrics are served", f"http://{daemon.exposition.endpoint}/metrics"),
        ]

    async def test_a_port_that_is_taken_keeps_nobody_from_pausing_and_is_had_once_it_is_free(
        self, sandbox: Sandbox, tmp_path: Path, logs: list[Any]
    ) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            async with living(sandbox, tmp_path, f"127.0.0.1:{port}") as daemon:
                await until(lambda: are_paused(sandbox), "it works")
                await asyncio.sleep(0.05)
                said = [line for line in logs if line["event"] == "metrics aren't served"]
                assert [(line["log_level"], line["address"], line["error"]) for line in said] == [
                    ("warning", f"http://127.0.0.1:{port}/metrics", "address already in use")
                ]
                taken.close()
                await until(lambda: is_served(daemon), "it's served")
                assert (await daemon.ask("/healthz"))[0] == 200

    async def test_a_fault_of_it_is_shown_and_ends_nothing_else(
        self, sandbox: Sandbox, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
    ) -> None:
        def fault(_: object) -> None:
            raise ZeroDivisionError("a bug")

        monkeypatch.setattr(observing.AtWork, "look", fault)
        async with living(sandbox, tmp_path) as daemon:
            await until(lambda: are_paused(sandbox), "it works")
            await until(lambda: has_said(logs, "metrics are out of date from here on"), "it's said")
            monkeypatch.setattr(exposition, "STILL", timedelta())
            assert (await daemon.ask("/healthz"))[0] == 503


class TestStandingBy:
    """Before the daemon's turn, and after it."""

    async def test_who_stands_by_is_well_unless_nobody_can_tell_whose_turn_it_is(self, tmp_path: Path) -> None:
        served = Exposition(settings_in(tmp_path, "http://127.0.0.1:1/rest"))
        faults: list[str] = []
        served.fault = lambda: faults[0] if faults else None
        nobody: asyncio.Future[int] = asyncio.Future()
        running = Running(served, Database("sqlite:///x.db"), Clock(), tmp_path, "", nobody)
        async with served.serving():
            await until(lambda: is_served(running), "it's served")
            status, text = await running.ask("/healthz")
            assert (status, json.loads(text)["standing_by"]) == (200, True)
            found = await running.metrics()
            assert (found["curfew_at_work"][()], found["curfew_healthy"][()]) == (0, 1)
            assert "curfew_lane_depth" not in found
            faults.append("the server is away")
            await says(running, "the server is away")

    async def test_the_daemon_takes_its_place_and_leaves_it(self, daemon: Running) -> None:
        await has(daemon, "curfew_at_work", value=1)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        daemon.write(f"127.0.0.1:{port}")
        await until(lambda: listens(daemon, port), "it's at another address")
        daemon.life.cancel()
        await has(daemon, "curfew_at_work", value=0)
        assert await listens(daemon, port), "it stays where the last file has it"


async def listens(daemon: Running, port: int | None) -> bool:
    endpoint = daemon.exposition.endpoint
    return (endpoint and endpoint.port) == port


async def are_paused(sandbox: Sandbox) -> bool:
    return all(campaign.status == "PAUSED" for campaign in sandbox.account().campaigns.values())


async def has_said(logs: list[Any], event: str) -> bool:
    return any(line["event"] == event for line in logs)


def test_an_endpoint_is_written_as_it_is_read() -> None:
    assert str(Endpoint("::1", 1)) == "[::1]:1"
    assert str(Endpoint("127.0.0.1", 9464)) == "127.0.0.1:9464"
