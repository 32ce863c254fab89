"""The sandbox over a real socket: every call, error, variant, fault and limit, and the real process."""

import asyncio
import json
import os
import resource
import signal
import socket
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any, get_args

import httpx
import pytest

from scheduler.sandbox import EFFECTS, STATUSES, Call, Campaign, Fault, Sandbox, Status, Variants, serve
from scheduler.sandbox.variants import ErrorBody

NOW = datetime(2026, 11, 27, 16, 0, tzinfo=UTC)
# Without it every client loads the certificates of the world, which takes longer than most tests here.
NO_TLS = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
KEY = {"x-api-key": "swordfish"}
ID = 1000001
PATHS: dict[Call, tuple[str, str]] = {
    "me": ("GET", "/v1/me"),
    "list": ("GET", "/v1/campaign_list"),
    "get": ("GET", f"/v2/campaigns/{ID}"),
    "pause": ("POST", f"/v2/campaigns/{ID}/pause"),
    "run": ("POST", f"/v2/campaigns/{ID}/run"),
    "stop": ("POST", f"/v2/campaigns/{ID}/stop"),
}
PAUSE, RUN, GET = PATHS["pause"][1], PATHS["run"][1], PATHS["get"][1]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=4, patience=timedelta(seconds=0.5), now=lambda: NOW).serving() as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox.base_url, headers=KEY, verify=NO_TLS, trust_env=False) as client:
        yield client


@pytest.fixture
async def control(sandbox: Sandbox) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=sandbox.control_url, verify=NO_TLS, trust_env=False) as client:
        yield client


async def call(client: httpx.AsyncClient, name: Call) -> httpx.Response:
    return await client.request(*PATHS[name])


async def busy(sandbox: Sandbox, client: httpx.AsyncClient, seconds: float) -> asyncio.Task[httpx.Response]:
    """A request that holds the account's turn for a while."""
    sandbox.add_fault(Fault(effect="delay", call="stop", times=1, delay=timedelta(seconds=seconds)))
    task = asyncio.create_task(client.post("/v2/campaigns/1000004/stop"))
    while not any(entry.handling for entry in sandbox.log):
        await asyncio.sleep(0.001)
    return task


class TestCalls:
    async def test_me_answers_who_the_key_belongs_to(self, client: httpx.AsyncClient) -> None:
        answer = await call(client, "me")
        assert (answer.status_code, answer.json()["company"]) == (200, "main")

    async def test_list_gives_the_documented_fields(self, client: httpx.AsyncClient) -> None:
        rows = (await call(client, "list")).json()
        assert [row["id"] for row in rows] == [ID, ID + 1, ID + 2, ID + 3]
        assert set(rows[0]) == {"id", "name", "status", "folder_name", "folder_id", "from_email", "error"}
        assert (rows[0]["name"], rows[0]["status"]) == ("Campaign 1", "RUNNING")

    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ("status=PAUSED", [ID + 1]),
            ("status=PAUSED,DRAFT", [ID + 1, ID + 2]),
            (f"id={ID},{ID + 2}", [ID, ID + 2]),
            (f"id={ID},{ID + 1}&status=RUNNING", [ID]),
            ("status=&id=", [ID, ID + 1, ID + 2, ID + 3]),
        ],
    )
    async def test_list_filters_by_status_and_id(
        self, sandbox: Sandbox, client: httpx.AsyncClient, query: str, found: list[int]
    ) -> None:
        sandbox.campaign(ID + 1).status, sandbox.campaign(ID + 2).status = "PAUSED", "DRAFT"
        answer = await client.get(f"/v1/campaign_list?{query}")
        assert [row["id"] for row in answer.json()] == found

    @pytest.mark.parametrize("query", ["status=STOPPED", "id=7", "id=x"])
    async def test_list_answers_204_without_a_body_when_nothing_matches(
        self, client: httpx.AsyncClient, query: str
    ) -> None:
        answer = await client.get(f"/v1/campaign_list?{query}")
        assert (answer.status_code, answer.content) == (204, b"")

    async def test_get_gives_the_documented_fields(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        campaign = sandbox.campaign(ID)
        campaign.prospect_timezone, campaign.bounce_shield_autopaused_at = True, "2026-11-27T15:00:00Z"
        detail = (await call(client, "get")).json()
        assert (detail["id"], detail["name"], detail["status"]) == (ID, "Campaign 1", "RUNNING")
        assert detail["settings"] == {"timezone": "Europe/Warsaw", "prospect_timezone": True}
        assert detail["bounce_shield_autopaused_at"] == "2026-11-27T15:00:00Z"
        assert detail["steps"]

    @pytest.mark.parametrize(
        ("name", "before", "after"),
        [
            ("pause", "RUNNING", "PAUSED"),
            ("run", "PAUSED", "RUNNING"),
            ("run", "DRAFT", "RUNNING"),
            ("stop", "RUNNING", "STOPPED"),
        ],
    )
    async def test_commands_answer_200_without_a_body_and_set_the_status(
        self, sandbox: Sandbox, client: httpx.AsyncClient, name: Call, before: Status, after: Status
    ) -> None:
        sandbox.campaign(ID).status = before
        answer = await call(client, name)
        assert (answer.status_code, answer.content) == (200, b"")
        assert sandbox.campaign(ID).status == after
        assert sandbox.campaign(ID + 1).status == "RUNNING"

    async def test_running_a_bounce_shielded_campaign_clears_no_mark(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        campaign = sandbox.campaign(ID)
        campaign.status, campaign.bounce_shield_autopaused_at = "PAUSED", "2026-11-27T15:00:00Z"
        await call(client, "run")
        assert (campaign.status, campaign.bounce_shield_autopaused_at) == ("RUNNING", "2026-11-27T15:00:00Z")


class TestErrors:
    @pytest.mark.parametrize("headers", [{}, {"x-api-key": ""}, {"x-api-key": "wrong"}])
    async def test_a_missing_empty_or_wrong_key_is_refused_in_the_shape_of_each_version(
        self, headers: dict[str, str]
    ) -> None:
        async with (
            Sandbox(api_key="swordfish", now=lambda: NOW).serving() as sandbox,
            httpx.AsyncClient(base_url=sandbox.base_url, headers=headers, verify=NO_TLS, trust_env=False) as stranger,
        ):
            v1, v2 = await call(stranger, "list"), await call(stranger, "pause")
            assert sandbox.campaign(ID).status == "RUNNING"
            assert (await stranger.get(GET, headers=KEY)).status_code == 200
        assert (v1.status_code, v2.status_code) == (401, 401)
        assert v1.json() == {"status": {"status": "ERROR", "code": "E_SESSION", "msg": "Invalid api key"}}
        assert v2.json() == {
            "title": "Unauthorized",
            "status": 401,
            "detail": "Invalid api key",
            "timestamp": "2026-11-27 16:00:00",
        }

    async def test_an_unknown_campaign_is_v2s_404(self, client: httpx.AsyncClient) -> None:
        answer = await client.post("/v2/campaigns/7/pause")
        assert answer.status_code == 404
        assert answer.json() == {"code": "CAMPAIGN_NOT_EXIST", "message": "Campaign not found", "details": None}

    @pytest.mark.parametrize("written", ["abc", "-1", "1.0", "\u0661", "9" * 30])
    async def test_an_id_that_is_no_number_is_v2s_400(self, client: httpx.AsyncClient, written: str) -> None:
        answer = await client.get(f"/v2/campaigns/{written}")
        assert answer.status_code == 400
        assert answer.json()["detail"] == "Value of campaign_id is incorrect."

    @pytest.mark.parametrize("name", PATHS)
    async def test_a_wrong_method_is_405_and_says_the_right_one(self, client: httpx.AsyncClient, name: Call) -> None:
        method, path = PATHS[name]
        answer = await client.request("DELETE", path)
        assert (answer.status_code, answer.headers["Allow"]) == (405, method)

    @pytest.mark.parametrize("path", ["/v1/nothing", "/v2/campaigns/", f"/v2/campaigns/{ID}/explode", "/v3/x"])
    async def test_an_unknown_path_is_404_and_blames_no_campaign(self, client: httpx.AsyncClient, path: str) -> None:
        answer = await client.get(path)
        assert answer.status_code == 404
        assert "CAMPAIGN_NOT_EXIST" not in answer.text

    async def test_outside_the_two_prefixes_there_is_nothing(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        answer = await client.get(sandbox.base_url.replace("/rest", "/restless"))
        assert (answer.status_code, len(sandbox.log)) == (404, 0)


class TestAccounts:
    async def test_each_company_has_campaigns_of_its_own(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        await client.post(PAUSE, headers={"x-company-id": "98765"})
        assert sandbox.campaign(ID).status == "RUNNING"
        assert sandbox.campaign(ID, account="98765").status == "PAUSED"
        assert [entry.account for entry in sandbox.log] == ["98765"]

    async def test_the_first_campaigns_can_be_fewer_than_all_running(self) -> None:
        sandbox = Sandbox(campaigns=7, running=2)
        statuses = [campaign.status for campaign in sandbox.account().campaigns.values()]
        assert statuses == ["RUNNING", "RUNNING", "PAUSED", "COMPLETED", "DRAFT", "STOPPED", "EDITED"]


class TestLimits:
    async def test_six_wait_and_the_eighth_is_refused(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        first = await busy(sandbox, client, 0.1)
        answers = await asyncio.gather(*(call(client, "pause") for _ in range(7)))
        assert sorted(answer.status_code for answer in answers) == [200] * 6 + [429]
        assert (await first).status_code == 200
        assert max(entry.handling for entry in sandbox.log) == 1
        assert max(entry.in_flight for entry in sandbox.log) == 8
        (refused,) = (entry for entry in sandbox.log if entry.http_status == 429)
        assert (refused.handling, refused.acted) == (0, False)

    async def test_one_at_a_time_whatever_comes_at_once(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.latency = timedelta(milliseconds=2)
        for _ in range(5):
            await asyncio.gather(*(call(client, name) for name in PATHS))
        assert {entry.handling for entry in sandbox.log} == {1}
        assert len(sandbox.log) == 30

    async def test_who_waited_too_long_is_refused_by_either_version(self) -> None:
        async with (
            Sandbox(patience=timedelta(milliseconds=20)).serving() as sandbox,
            httpx.AsyncClient(base_url=sandbox.base_url, headers=KEY, verify=NO_TLS, trust_env=False) as client,
        ):
            first = await busy(sandbox, client, 0.2)
            v1, v2 = await asyncio.gather(call(client, "list"), call(client, "pause"))
            await first
            assert (v1.status_code, v2.status_code) == (409, 429)
            assert v1.json()["status"]["code"] == "E_TOO_MANY_REQUESTS"
            assert "retry-after" not in [*v1.headers, *v2.headers]
            assert all(entry.queued_ms >= 19 for entry in sandbox.log[1:])
            assert (await call(client, "pause")).status_code == 200

    async def test_the_limit_is_the_accounts_not_the_keys(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        first = await busy(sandbox, client, 0.1)
        await client.get(GET, headers={"x-company-id": "98765"})
        assert not first.done()
        await client.get(GET, headers={"x-api-key": "another"})
        assert first.done()

    async def test_a_wrong_key_takes_nobodys_turn(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        first = await busy(sandbox, client, 0.1)
        assert (await client.get(GET, headers={"x-api-key": ""})).status_code == 401
        assert not first.done()
        await first

    async def test_latency_is_taken_by_every_call(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.latency = timedelta(milliseconds=30)
        started = asyncio.get_running_loop().time()
        await call(client, "me")
        await call(client, "pause")
        assert asyncio.get_running_loop().time() - started >= 0.059


class TestVariants:
    @pytest.mark.parametrize("status", ["PAUSED", "COMPLETED", "DRAFT", "STOPPED", "EDITED"])
    @pytest.mark.parametrize("reply", [200, 400, 409])
    async def test_pause_on_an_idle_campaign(
        self, sandbox: Sandbox, client: httpx.AsyncClient, control: httpx.AsyncClient, status: Status, reply: int
    ) -> None:
        sandbox.campaign(ID).status = status
        await control.patch("variants", json={f"pause_on_{status.lower()}": reply})
        answer = await call(client, "pause")
        assert answer.status_code == reply
        assert sandbox.campaign(ID).status == ("PAUSED" if reply == 200 else status)
        assert sandbox.log[0].acted == (reply == 200)

    async def test_pause_on_an_idle_campaign_may_change_nothing(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        sandbox.variants = Variants(pause_on_completed=200, idle_pause_changes=False)
        sandbox.campaign(ID).status = "COMPLETED"
        assert (await call(client, "pause")).status_code == 200
        assert sandbox.campaign(ID).status == "COMPLETED"
        sandbox.campaign(ID).status = "RUNNING"
        await call(client, "pause")
        assert sandbox.campaign(ID).status == "PAUSED"

    @pytest.mark.parametrize("reply", [200, 400, 409])
    async def test_run_on_a_running_campaign(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient, reply: int
    ) -> None:
        await control.patch("variants", json={"run_on_running": reply})
        assert (await call(client, "run")).status_code == reply

    @pytest.mark.parametrize(("reply", "after"), [(200, "PAUSED"), (409, "RUNNING")])
    async def test_an_unsupported_campaign_may_be_paused_and_never_run(
        self, sandbox: Sandbox, client: httpx.AsyncClient, control: httpx.AsyncClient, reply: int, after: Status
    ) -> None:
        await control.patch("variants", json={"pause_on_unsupported": reply})
        sandbox.campaign(ID).unsupported = True
        assert (await call(client, "pause")).status_code == reply
        assert sandbox.campaign(ID).status == after
        assert [(await call(client, name)).status_code for name in ("run", "get")] == [409, 409]
        assert ID in [row["id"] for row in (await call(client, "list")).json()]

    @pytest.mark.parametrize("shape", get_args(ErrorBody))
    async def test_the_body_of_403_and_409_comes_in_every_shape(
        self, sandbox: Sandbox, client: httpx.AsyncClient, control: httpx.AsyncClient, shape: ErrorBody
    ) -> None:
        await control.patch("variants", json={"forbidden_body": shape, "conflict_body": shape})
        sandbox.campaign(ID).unsupported = True
        conflict = await call(client, "run")
        sandbox.add_fault(Fault(call="run", status=403))
        forbidden = await call(client, "run")
        assert (conflict.status_code, forbidden.status_code) == (409, 403)
        assert shape_of(conflict) == shape_of(forbidden) == shape
        assert "E_TOO_MANY_REQUESTS" not in conflict.text

    async def test_what_a_403_says_can_be_set(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.variants = Variants(forbidden_detail="Upgrade your plan")
        sandbox.add_fault(Fault(status=403))
        assert (await call(client, "pause")).json()["detail"] == "Upgrade your plan"
        v1 = (await call(client, "list")).json()["status"]
        assert (v1["code"], v1["msg"]) == ("E_NO_PERMISSION", "Upgrade your plan")

    @pytest.mark.parametrize(("form", "written"), [("seconds", "7"), ("date", "Fri, 27 Nov 2026 16:00:07 GMT")])
    async def test_retry_after_comes_with_every_too_many_requests(
        self, sandbox: Sandbox, client: httpx.AsyncClient, control: httpx.AsyncClient, form: str, written: str
    ) -> None:
        await control.patch("variants", json={"retry_after_seconds": 7, "retry_after_form": form})
        refusals: list[tuple[int, Call]] = [(429, "pause"), (409, "list"), (503, "run")]
        for status, name in refusals:
            sandbox.add_fault(Fault(call=name, status=status))
            assert (await call(client, name)).headers["Retry-After"] == written
        assert "Retry-After" not in (await client.get("/v2/campaigns/7")).headers

    @pytest.mark.parametrize(
        ("body", "content"), [("none", b""), ("json", b'{"status": "OK"}'), ("text", b"OK, <b>done</b>")]
    )
    async def test_a_success_may_have_a_body(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient, body: str, content: bytes
    ) -> None:
        await control.patch("variants", json={"success_body": body})
        answer = await call(client, "pause")
        assert (answer.status_code, answer.content) == (200, content)

    async def test_the_timestamp_of_an_error_may_have_an_offset(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await control.patch("variants", json={"timestamp_offset": True})
        answer = await client.get("/v2/campaigns/abc")
        assert answer.json()["timestamp"] == "2026-11-27 16:00:00+00:00"


def shape_of(answer: httpx.Response) -> ErrorBody:
    if not answer.content:
        return "empty"
    if answer.headers["Content-Type"].startswith("text/html"):
        return "text"
    body = answer.json()
    return "title" if "title" in body else "code" if "code" in body else "v1"


class TestFaults:
    @pytest.mark.parametrize(
        ("status", "v2", "v1"),
        [
            (400, "Value of campaign_id is incorrect.", "E_UNKNOWN"),
            (401, "Invalid api key", "E_SESSION"),
            (403, "No API addon", "E_NO_PERMISSION"),
            (404, "Campaign not found", "E_UNKNOWN"),
            (409, "Campaign is not supported", "E_TOO_MANY_REQUESTS"),
            (429, "Too many requests", "E_TOO_MANY_REQUESTS"),
            (500, "Unknown error during pause campaign call", "E_UNKNOWN"),
            (503, "Unknown error during pause campaign call", "E_UNKNOWN"),
            (499, "Error", "E_UNKNOWN"),
        ],
    )
    async def test_any_status_comes_with_its_body_and_without_the_deed(
        self, sandbox: Sandbox, client: httpx.AsyncClient, status: int, v2: str, v1: str
    ) -> None:
        sandbox.add_fault(Fault(status=status))
        answer, listed = await call(client, "pause"), await call(client, "list")
        assert answer.status_code == listed.status_code == status
        body = answer.json()
        assert (body.get("detail") or body["message"]) == v2
        assert listed.json()["status"]["code"] == v1
        assert (sandbox.campaign(ID).status, sandbox.log[0].acted) == ("RUNNING", False)

    async def test_v2s_500_has_the_documented_body(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.add_fault(Fault(status=500))
        assert (await call(client, "pause")).json() == {
            "type": "UNKNOWN",
            "message": "Unknown error during pause campaign call",
            "details": None,
        }

    async def test_the_words_or_the_whole_body_can_be_given(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.add_fault(Fault(status=401, detail="Upgrade your plan", times=1))
        sandbox.add_fault(Fault(status=502, body="<h1>Bad gateway</h1>", times=1))
        assert (await call(client, "pause")).json()["detail"] == "Upgrade your plan"
        assert (await call(client, "pause")).text == "<h1>Bad gateway</h1>"

    async def test_an_error_may_come_after_the_deed(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.add_fault(Fault(effect="status_after", status=500))
        assert (await call(client, "pause")).status_code == 500
        assert (sandbox.campaign(ID).status, sandbox.log[0].acted) == ("PAUSED", True)

    @pytest.mark.parametrize(("effect", "after"), [("drop_before", "RUNNING"), ("drop_after", "PAUSED")])
    async def test_the_connection_is_dropped_before_or_after_the_deed(
        self, sandbox: Sandbox, client: httpx.AsyncClient, control: httpx.AsyncClient, effect: str, after: Status
    ) -> None:
        await control.post("faults", json={"effect": effect, "times": 1})
        with pytest.raises((httpx.ReadError, httpx.RemoteProtocolError)):
            await call(client, "pause")
        assert sandbox.campaign(ID).status == after
        entry = sandbox.log[0]
        assert (entry.http_status, entry.acted, entry.fault) == (None, after == "PAUSED", effect)
        assert entry.answered_at is not None
        assert (await call(client, "pause")).status_code == 200

    async def test_a_delay_outlasts_the_clients_patience_and_the_deed_is_done(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        sandbox.add_fault(Fault(effect="delay", delay=timedelta(seconds=30)))
        with pytest.raises(httpx.ReadTimeout):
            await client.post(PAUSE, timeout=0.05)
        assert sandbox.campaign(ID).status == "PAUSED"
        assert sandbox.log[0].answered_at is None

    @pytest.mark.parametrize("name", ["list", "get", "pause"])
    async def test_an_unreadable_body_is_a_200_that_is_no_json(
        self, sandbox: Sandbox, client: httpx.AsyncClient, name: Call
    ) -> None:
        sandbox.add_fault(Fault(effect="unreadable"))
        answer = await call(client, name)
        assert (answer.status_code, len(answer.content) > 0) == (200, True)
        with pytest.raises(json.JSONDecodeError):
            answer.json()

    async def test_the_bytes_of_an_unreadable_body_can_be_given(
        self, sandbox: Sandbox, client: httpx.AsyncClient
    ) -> None:
        sandbox.add_fault(Fault(effect="unreadable", body="null"))
        assert (await call(client, "list")).content == b"null"

    async def test_a_fault_hits_only_what_it_is_meant_for(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.add_fault(Fault(status=500, call="pause", campaign=ID, account="98765"))
        company = {"x-company-id": "98765"}
        answers = [
            await client.post(PAUSE),
            await client.post(RUN, headers=company),
            await client.post(f"/v2/campaigns/{ID + 1}/pause", headers=company),
            await client.post(PAUSE, headers=company),
        ]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 500]

    async def test_a_counted_fault_ends(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.add_fault(Fault(status=503, times=2))
        assert [(await call(client, "get")).status_code for _ in range(3)] == [503, 503, 200]

    async def test_an_uncounted_fault_lasts_until_cleared(self, sandbox: Sandbox, client: httpx.AsyncClient) -> None:
        sandbox.add_fault(Fault(status=503))
        assert {(await call(client, "get")).status_code for _ in range(5)} == {503}
        sandbox.clear_faults()
        assert (await call(client, "get")).status_code == 200

    async def test_a_probable_fault_is_the_same_for_the_same_seed(self) -> None:
        async def run(seed: int) -> list[int]:
            async with (
                Sandbox(seed=seed).serving() as sandbox,
                httpx.AsyncClient(base_url=sandbox.base_url, headers=KEY, verify=NO_TLS, trust_env=False) as client,
            ):
                sandbox.add_fault(Fault(status=500, probability=0.5))
                return [(await call(client, "get")).status_code for _ in range(20)]

        assert await run(1) == await run(1) != await run(2)


class TestLog:
    async def test_an_entry_tells_the_whole_request(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await call(client, "pause")
        (entry,) = (await control.get("log")).json()
        queued_ms = entry.pop("queued_ms")
        assert 0 <= queued_ms < 50
        assert entry == {
            "sequence": 1,
            "received_at": "2026-11-27T16:00:00.000000Z",
            "answered_at": "2026-11-27T16:00:00.000000Z",
            "account": "main",
            "call": "pause",
            "campaign": ID,
            "http_status": 200,
            "acted": True,
            "status_before": "RUNNING",
            "status_after": "PAUSED",
            "handling": 1,
            "in_flight": 1,
            "fault": None,
        }

    async def test_every_request_under_rest_is_there_and_no_other(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await client.get("/v1/nothing")
        await client.get(PAUSE)
        await client.get(GET, headers={"x-api-key": ""})
        log = (await control.get("log")).json()
        assert [(entry["call"], entry["http_status"]) for entry in log] == [(None, 404), (None, 405), ("get", 401)]

    async def test_it_can_be_read_on_from_a_sequence_number_also_after_it_was_cleared(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        async def sequences(query: str) -> list[int]:
            return [entry["sequence"] for entry in (await control.get(f"log?{query}")).json()]

        for _ in range(3):
            await call(client, "me")
        assert await sequences("after=1") == [2, 3]
        assert (await control.delete("log")).status_code == 204
        await client.get("/v1/me", headers={"x-company-id": "9"})
        await call(client, "me")
        assert await sequences("after=0") == [4, 5]
        assert await sequences("after=4") == [5]
        assert await sequences("account=9") == [4]
        assert (await control.get("log?after=x")).status_code == 400

    async def test_the_key_is_nowhere_to_be_read(
        self, sandbox: Sandbox, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        for name in PATHS:
            answer = await call(client, name)
            assert "swordfish" not in answer.text
        assert "swordfish" not in (await control.get("log")).text
        assert "swordfish" not in repr(list(sandbox.log))


class TestControl:
    async def test_the_guide_says_what_it_is_not(self, control: httpx.AsyncClient) -> None:
        answer = await control.get("")
        assert answer.text.startswith("This is not Woodpecker.")
        assert answer.headers["Content-Type"].startswith("text/plain")

    async def test_a_campaign_can_be_changed_in_every_field(self, sandbox: Sandbox, control: httpx.AsyncClient) -> None:
        changes: dict[str, Any] = {
            "name": "DE autumn",
            "status": "EDITED",
            "folder": "DACH",
            "timezone": "Europe/Berlin",
            "prospect_timezone": True,
            "bounce_shield_autopaused_at": "2026-11-27T15:00:00Z",
            "unsupported": True,
        }
        answer = await control.patch(f"campaigns/{ID}", json=changes)
        assert answer.json() == {"id": ID, **changes}
        assert sandbox.campaign(ID) == Campaign(id=ID, **changes)
        assert (await control.get(f"campaigns/{ID}")).json() == answer.json()

    async def test_a_campaign_can_be_added_to_an_account(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        answer = await control.post("campaigns?account=98765", json={"name": "New", "status": "DRAFT"})
        assert (answer.status_code, answer.json()["id"]) == (201, ID + 4)
        assert len((await control.get("campaigns")).json()) == 4
        assert len((await control.get("campaigns?account=98765")).json()) == 5
        listed = await client.get("/v1/campaign_list?status=DRAFT", headers={"x-company-id": "98765"})
        assert [row["name"] for row in listed.json()] == ["New"]

    async def test_faults_are_listed_with_what_is_left_of_them(
        self, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        fault = {"effect": "delay", "call": "pause", "times": 3, "delay_seconds": 0.001, "probability": 1}
        assert (await control.post("faults", json=fault)).status_code == 201
        await call(client, "pause")
        (listed,) = (await control.get("faults")).json()
        assert listed == {
            **fault,
            "left": 2,
            "campaign": None,
            "account": None,
            "status": 500,
            "body": None,
            "detail": None,
        }
        assert (await control.delete("faults")).status_code == 204
        assert (await control.get("faults")).json() == []

    @pytest.mark.parametrize("effect", EFFECTS)
    async def test_every_effect_can_be_asked_for(self, control: httpx.AsyncClient, effect: str) -> None:
        assert (await control.post("faults", json={"effect": effect})).json()["effect"] == effect

    async def test_variants_are_replaced_by_put_and_amended_by_patch(self, control: httpx.AsyncClient) -> None:
        await control.patch("variants", json={"retry_after_seconds": 2.5})
        await control.patch("variants", json={"run_on_running": 409})
        both = (await control.get("variants")).json()
        assert (both["retry_after_seconds"], both["run_on_running"]) == (2.5, 409)
        one = (await control.put("variants", json={"run_on_running": 400})).json()
        assert (one["retry_after_seconds"], one["run_on_running"]) == (None, 400)
        assert (await control.put("variants", json=both)).json() == both

    async def test_latency_can_be_read_and_set(self, sandbox: Sandbox, control: httpx.AsyncClient) -> None:
        assert (await control.put("latency", json={"seconds": 0.25})).json() == {"seconds": 0.25}
        assert sandbox.latency == timedelta(seconds=0.25)

    async def test_reset_makes_all_as_it_was(
        self, sandbox: Sandbox, client: httpx.AsyncClient, control: httpx.AsyncClient
    ) -> None:
        await call(client, "pause")
        await client.get(GET, headers={"x-company-id": "98765"})
        await control.post("campaigns", json={})
        await control.post("faults", json={"status": 500})
        await control.put("variants", json={"run_on_running": 409})
        await control.put("latency", json={"seconds": 1})
        assert (await control.post("reset")).status_code == 204
        assert (len(sandbox.log), sandbox.variants, sandbox.latency) == (0, Variants(), timedelta(0))
        assert [campaign.status for campaign in sandbox.account().campaigns.values()] == ["RUNNING"] * 4
        assert (await call(client, "get")).status_code == 200

    @pytest.mark.parametrize(
        ("method", "path", "body", "complaint"),
        [
            ("POST", "faults", "{", "the body isn't JSON"),
            ("POST", "faults", "[]", "a JSON object is wanted"),
            ("POST", "faults", '{"efect": "delay"}', "unknown: efect; known: account, body"),
            ("POST", "faults", '{"effect": "explode"}', "effect: one of status, status_after"),
            ("POST", "faults", '{"times": true}', "times: a whole number from 1"),
            ("POST", "faults", '{"probability": NaN}', "probability: a number from 0 to 1"),
            ("POST", "faults", '{"body": 1}', "body: a string"),
            ("PUT", "variants", '{"run_on_running": 200.0}', "run_on_running: one of 200, 400, 409"),
            ("PUT", "variants", '{"timestamp_offset": 1}', "timestamp_offset: true or false"),
            ("PUT", "latency", "{}", "seconds: is missing"),
            ("PATCH", f"campaigns/{ID}", '{"status": "running"}', "status: one of RUNNING, PAUSED"),
        ],
    )
    async def test_a_wrong_body_is_explained_and_changes_nothing(
        self, sandbox: Sandbox, control: httpx.AsyncClient, method: str, path: str, body: str, complaint: str
    ) -> None:
        answer = await control.request(method, path, content=body)
        assert answer.status_code == 400
        assert answer.json()["error"].startswith(complaint)
        assert (list(sandbox.faults.left()), sandbox.variants) == ([], Variants())

    @pytest.mark.parametrize(
        ("method", "path", "status"),
        [
            ("GET", "nothing", 404),
            ("GET", "campaigns/7", 404),
            ("PATCH", "campaigns/x", 404),
            ("POST", "log", 405),
            ("DELETE", "campaigns", 405),
        ],
    )
    async def test_a_wrong_place_is_an_error_with_words(
        self, control: httpx.AsyncClient, method: str, path: str, status: int
    ) -> None:
        answer = await control.request(method, path)
        assert (answer.status_code, "error" in answer.json()) == (status, True)

    async def test_every_variant_can_be_set_over_http(self, control: httpx.AsyncClient) -> None:
        """A field added to Variants and forgotten in the control API would be refused as unknown."""
        assert (await control.put("variants", json=(await control.get("variants")).json())).status_code == 200

    async def test_every_status_can_be_set_over_http(self, sandbox: Sandbox, control: httpx.AsyncClient) -> None:
        for status in STATUSES:
            await control.patch(f"campaigns/{ID}", json={"status": status})
            assert sandbox.campaign(ID).status == status


SERVE = """
from datetime import timedelta
from functools import partial
from scheduler.sandbox import serve
serve(port=0, campaigns=2, accounts=3, latency=timedelta(seconds=LATENCY), announce=partial(print, flush=True))
"""


@contextmanager
def process(latency_seconds: float = 0) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The sandbox as a process of its own, and a client with the URL that it announced."""
    script = SERVE.replace("LATENCY", str(latency_seconds))
    pipe = subprocess.PIPE
    with subprocess.Popen([sys.executable, "-c", script], stdout=pipe, stderr=pipe, text=True) as process:
        assert process.stdout is not None
        assert "not Woodpecker" in process.stdout.readline()
        base_url = process.stdout.readline().strip()
        with httpx.Client(base_url=base_url, headers=KEY, verify=NO_TLS, trust_env=False) as client:
            yield process, client


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code, and what was complained about."""
    assert process.stderr is not None
    return process.wait(timeout=10), process.stderr.read()


class TestProcess:
    @pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
    def test_it_ends_with_0_on_a_signal_although_a_client_keeps_its_connection(self, number: signal.Signals) -> None:
        with process() as (server, client):
            assert len(client.get("/v1/campaign_list", headers={"x-company-id": "9002"}).json()) == 2
            os.kill(server.pid, number)
            assert ended(server) == (0, "")

    def test_it_ends_with_0_although_a_request_is_under_way(self) -> None:
        with process(latency_seconds=60) as (server, client):
            with pytest.raises(httpx.ReadTimeout):
                client.get("/v1/me", timeout=0.05)
            os.kill(server.pid, signal.SIGTERM)
            assert ended(server) == (0, "")

    def test_it_says_first_what_it_is_not_and_then_where_it_is(self) -> None:
        said: list[str] = []

        def announce(line: str) -> None:
            said.append(line)
            if len(said) == 2:
                os.kill(os.getpid(), signal.SIGTERM)

        serve(port=0, announce=announce)
        assert "not Woodpecker" in said[0]
        assert httpx.URL(said[1]).host == "127.0.0.1"
        assert httpx.URL(said[1]).path == "/rest"

    def test_a_port_in_use_is_an_os_error_and_nothing_is_announced(self) -> None:
        said: list[str] = []
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port: int = taken.getsockname()[1]
            with pytest.raises(OSError, match="address already in use"):
                serve(port=port, announce=said.append)
        assert said == []

    def test_it_allows_itself_more_files_than_the_usual_limit(self) -> None:
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        try:
            serve(port=0, announce=lambda _: os.kill(os.getpid(), signal.SIGTERM))
            assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] > 256
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    async def test_the_port_is_free_again_afterwards(self) -> None:
        async with Sandbox().serving() as sandbox:
            port = httpx.URL(sandbox.base_url).port
        assert port is not None
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", port)) != 0
