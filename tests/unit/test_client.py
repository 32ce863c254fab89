"""The client: typed calls, and every way not to succeed brought into one tree.

Against the sandbox over a real socket; what the sandbox doesn't play, at httpx's transport seam.
"""

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from freezegun import freeze_time

from scheduler import client as module
from scheduler.client import Campaign, CampaignDetail, Client
from scheduler.errors import ApiError, KeyRefused, NeverAgain, RateLimited, TryLater
from scheduler.ledger.records import Status
from scheduler.sandbox import Fault, Sandbox, Variants
from scheduler.sandbox.variants import ErrorBody, RetryAfterForm, SuccessBody
from tests.scheduler_fakes import CAMPAIGN, FRIDAY, KEY, account, captured_logs

BASE = "http://127.0.0.1:9/rest"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(campaigns=3, api_key=KEY, now=lambda: FRIDAY).serving() as sandbox:
        yield sandbox


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[Client]:
    async with Client(account(sandbox.base_url)) as client:
        yield client


def seam(answer: Callable[[httpx.Request], httpx.Response], company_id: int | None = None) -> Client:
    """A client whose every request is answered by a function."""
    return Client(account(BASE, company_id=company_id), httpx.MockTransport(answer))


async def failure(response: httpx.Response) -> ApiError:
    """What the client makes of an answer to a pause."""
    async with seam(lambda _: response) as client:
        with pytest.raises(ApiError) as caught:
            await client.pause(7)
    return caught.value


class TestCalls:
    async def test_pause_and_run_change_the_campaign_and_give_the_http_status(
        self, sandbox: Sandbox, client: Client
    ) -> None:
        assert await client.pause(CAMPAIGN) == 200
        assert sandbox.campaign(CAMPAIGN).status == "PAUSED"
        assert await client.run(CAMPAIGN) == 200
        assert sandbox.campaign(CAMPAIGN).status == "RUNNING"
        assert [entry.call for entry in sandbox.log] == ["pause", "run"]

    @pytest.mark.parametrize("body", ["none", "json", "text"])
    async def test_a_success_with_a_body_is_a_success(
        self, sandbox: Sandbox, client: Client, body: SuccessBody
    ) -> None:
        sandbox.variants = Variants(success_body=body)
        assert (await client.pause(CAMPAIGN), await client.run(CAMPAIGN)) == (200, 200)

    async def test_campaigns_are_listed_with_name_status_and_folder(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.campaign(CAMPAIGN + 1).status = "DRAFT"
        found = await client.campaigns()
        assert [each.id for each in found] == [CAMPAIGN, CAMPAIGN + 1, CAMPAIGN + 2]
        assert found[1] == Campaign(id=CAMPAIGN + 1, name="Campaign 2", status="DRAFT", folder="Americas")

    async def test_the_list_can_be_limited_to_some_statuses(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.campaign(CAMPAIGN).status, sandbox.campaign(CAMPAIGN + 1).status = "PAUSED", "DRAFT"
        found = await client.campaigns([Status.PAUSED, Status.DRAFT])
        assert [each.status for each in found] == [Status.PAUSED, Status.DRAFT]

    async def test_a_list_answered_with_204_is_empty(self, client: Client) -> None:
        assert await client.campaigns([Status.EDITED]) == []

    async def test_one_campaign_is_read_with_its_bounce_shield(self, sandbox: Sandbox, client: Client) -> None:
        found = await client.campaign(CAMPAIGN)
        assert found == CampaignDetail(id=CAMPAIGN, status="RUNNING", prospect_timezone=False)
        sandbox.campaign(CAMPAIGN).bounce_shield_autopaused_at = "2026-11-27 15:00:00"
        assert (await client.campaign(CAMPAIGN)).bounce_shield_at == "2026-11-27 15:00:00"

    @pytest.mark.parametrize(
        ("settings", "follows"),
        [
            ('{"prospect_timezone": true}', True),
            ('{"prospect_timezone": "TRUE"}', True),
            ('{"prospect_timezone": 1}', True),
            ('{"prospect_timezone": false}', False),
            ('{"prospect_timezone": 0}', False),
            ('{"prospect_timezone": null}', None),
            ('{"prospect_timezone": []}', None),
            ("{}", None),
            ("null", None),
            ("[true]", None),
            ('"prospect_timezone"', None),
        ],
    )
    async def test_odd_settings_of_a_campaign_do_not_take_its_status_with_them(
        self, settings: str, follows: bool | None
    ) -> None:
        body = f'{{"id": 7, "status": "PAUSED", "settings": {settings}}}'
        async with seam(lambda _: httpx.Response(200, content=body.encode())) as client:
            found = await client.campaign(7)
        assert (found.status, found.prospect_timezone) == (Status.PAUSED, follows)

    async def test_me_says_only_that_the_key_works(self, sandbox: Sandbox, client: Client) -> None:
        await client.me()
        async with Client(account(sandbox.base_url.replace("127.0.0.1", "localhost"))) as named:
            await named.me()
        assert [entry.call for entry in sandbox.log] == ["me", "me"]

    async def test_an_agencys_client_is_named_by_a_further_header(self, sandbox: Sandbox) -> None:
        async with Client(account(sandbox.base_url, company_id=9001)) as client:
            await client.pause(CAMPAIGN)
        assert sandbox.campaign(CAMPAIGN).status == "RUNNING"
        assert sandbox.campaign(CAMPAIGN, "9001").status == "PAUSED"

    async def test_an_unknown_status_is_kept_as_its_text(self) -> None:
        row = {"id": 7, "name": None, "status": "ARCHIVED"}
        async with seam(lambda _: httpx.Response(200, json=[row])) as client:
            assert await client.campaigns() == [Campaign(id=7, name="", status="ARCHIVED")]

    async def test_a_status_is_the_same_in_small_letters(self) -> None:
        row = {"id": 7, "status": " running "}
        async with seam(lambda _: httpx.Response(200, json=[row])) as client:
            assert [each.status for each in await client.campaigns()] == [Status.RUNNING]
        async with seam(lambda _: httpx.Response(200, json=row)) as client:
            assert (await client.campaign(7)).status == Status.RUNNING

    @pytest.mark.parametrize(
        "odd",
        [
            "null",
            "[]",
            '"RUNNING"',
            "7",
            "{}",
            '{"id": 8}',
            '{"id": 8, "status": null}',
            '{"id": 8, "status": 1}',
            '{"id": 8, "status": " "}',
            '{"status": "RUNNING"}',
            '{"id": null, "status": "RUNNING"}',
            '{"id": "8", "status": "RUNNING"}',
            '{"id": true, "status": "RUNNING"}',
            '{"id": 1000001.9, "status": "RUNNING"}',
            '{"id": 1e999, "status": "RUNNING"}',
            '{"id": 0, "status": "RUNNING"}',
            '{"id": -8, "status": "RUNNING"}',
            '{"id": 9223372036854775808, "status": "RUNNING"}',
        ],
    )
    async def test_an_odd_entry_of_the_list_is_passed_over_and_said(self, odd: str) -> None:
        body = f'[{{"id": 7, "status": "RUNNING"}}, {odd}, {{"id": 9223372036854775807, "status": "PAUSED"}}]'
        with captured_logs() as lines:
            async with seam(lambda _: httpx.Response(200, content=body.encode())) as client:
                found = await client.campaigns()
        assert [each.id for each in found] == [7, 2**63 - 1]
        assert lines == [
            {"event": "entries of the list can't be read", "log_level": "warning", "account": "main", "skipped": 1}
        ]

    async def test_half_an_emoji_or_a_zero_byte_in_a_name_is_replaced_so_that_it_can_be_stored(self) -> None:
        body = b'[{"id": 7, "name": "Q4 \\ud83d\\u0000", "status": "RUNNING", "folder_name": "\\udc00"}]'
        async with seam(lambda _: httpx.Response(200, content=body)) as client:
            (found,) = await client.campaigns()
        assert (found.name, found.folder) == ("Q4 ??", "?")


# Each of the three shapes, and what is read from it.
TITLE = (
    {"title": "Bad Request", "status": 400, "detail": "It is wrong.", "timestamp": "2026-11-27 16:00:00"},
    "Bad Request",
)
CODE = ({"code": "CAMPAIGN_NOT_EXIST", "message": "It is wrong.", "details": None}, "CAMPAIGN_NOT_EXIST")
TYPE = ({"type": "UNKNOWN", "message": "It is wrong.", "details": None}, "UNKNOWN")
V1 = ({"status": {"status": "ERROR", "code": "E_SESSION", "msg": "It is wrong."}}, "E_SESSION")
KINDS: list[tuple[int, type[ApiError]]] = [
    (301, TryLater),
    (304, TryLater),
    (400, NeverAgain),
    (401, KeyRefused),
    (402, KeyRefused),
    (403, KeyRefused),
    (404, NeverAgain),
    (405, NeverAgain),
    (408, TryLater),
    (409, NeverAgain),
    (418, NeverAgain),
    (425, TryLater),
    (429, RateLimited),
    (499, NeverAgain),
    (500, TryLater),
    (502, TryLater),
    (503, TryLater),
    (599, TryLater),
]


class TestErrors:
    @pytest.mark.parametrize(("status", "kind"), KINDS)
    @pytest.mark.parametrize(("body", "code"), [TITLE, CODE, TYPE, V1], ids=["title", "code", "type", "v1"])
    async def test_each_status_in_each_shape_becomes_its_kind_with_the_apis_words(
        self, status: int, kind: type[ApiError], body: dict[str, Any], code: str
    ) -> None:
        error = await failure(httpx.Response(status, json=body))
        assert type(error) is kind
        assert (error.http_status, error.code, error.message) == (status, code, "It is wrong.")

    @pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 429, 500, 503])
    async def test_the_sandboxs_errors_are_read_in_both_versions(
        self, sandbox: Sandbox, client: Client, status: int
    ) -> None:
        sandbox.add_fault(Fault(status=status))
        for call in (client.pause(CAMPAIGN), client.run(CAMPAIGN), client.campaign(CAMPAIGN), client.campaigns()):
            with pytest.raises(ApiError) as caught:
                await call
            assert caught.value.http_status == status
            assert caught.value.code
            assert caught.value.message

    @pytest.mark.parametrize("shape", ["title", "code", "v1", "empty", "text"])
    async def test_a_409_is_for_good_in_whatever_shape_it_comes(
        self, sandbox: Sandbox, client: Client, shape: ErrorBody
    ) -> None:
        sandbox.variants = Variants(conflict_body=shape)
        sandbox.campaign(CAMPAIGN).unsupported = True
        with pytest.raises(NeverAgain):
            await client.run(CAMPAIGN)

    async def test_v1s_409_for_too_many_requests_is_for_later(self, sandbox: Sandbox, client: Client) -> None:
        sandbox.add_fault(Fault(status=409, call="list"))
        with pytest.raises(RateLimited) as caught:
            await client.campaigns()
        assert (caught.value.http_status, caught.value.code) == (409, "E_TOO_MANY_REQUESTS")

    @pytest.mark.parametrize("message", ["", ', "msg": null', ', "msg": ""'])
    async def test_so_it_is_without_a_message(self, message: str) -> None:
        body = f'{{"status": {{"status": "ERROR", "code": "E_TOO_MANY_REQUESTS"{message}}}}}'
        error = await failure(httpx.Response(409, content=body.encode()))
        assert (type(error), error.message) == (RateLimited, "Conflict")

    async def test_a_wrong_key_is_refused_by_both_versions(self) -> None:
        async with Sandbox(api_key="another").serving() as other, Client(account(other.base_url)) as stranger:
            for call in (stranger.me(), stranger.pause(CAMPAIGN)):
                with pytest.raises(KeyRefused):
                    await call
            assert other.campaign(CAMPAIGN).status == "RUNNING"

    @pytest.mark.parametrize(
        ("content", "message"),
        [
            (b"", "Bad Gateway"),
            (b"<h1>Bad gateway</h1>", "Bad Gateway"),
            (b"null", "Bad Gateway"),
            (b"[1]", "Bad Gateway"),
            (b'{"status": "ERROR"}', "Bad Gateway"),
            (b'{"code": 5, "message": null}', "Bad Gateway"),
            (b"\xff\xfe", "Bad Gateway"),
            (b"[" * 100_000, "Bad Gateway"),
        ],
    )
    async def test_an_error_without_words_of_its_own_has_those_of_its_status(
        self, content: bytes, message: str
    ) -> None:
        error = await failure(httpx.Response(502, content=content))
        assert (type(error), error.message, error.code) == (TryLater, message, None)

    async def test_an_unknown_status_without_words_still_says_something(self) -> None:
        error = await failure(httpx.Response(499))
        assert error.message == "an answer without words"

    async def test_a_redirect_is_not_followed(self) -> None:
        asked: list[str] = []

        def elsewhere(request: httpx.Request) -> httpx.Response:
            asked.append(request.url.host)
            return httpx.Response(307, headers={"location": "http://evil.example/"})

        async with seam(elsewhere) as client:
            with pytest.raises(TryLater) as caught:
                await client.pause(7)
        assert (asked, caught.value.http_status) == (["127.0.0.1"], 307)


class TestLongAnswers:
    """No answer is read for ever: what it says counts as far as it's read."""

    async def test_a_success_counts_whatever_comes_after_it(self) -> None:
        endless = httpx.Response(200, content=b"x" * 1_000_000)
        async with seam(lambda _: endless) as client:
            assert await client.pause(7) == 200

    async def test_what_is_too_long_to_be_read_is_for_later(self) -> None:
        body = json.dumps({"id": 7, "status": "RUNNING", "steps": "x" * 64 * 1024}).encode()
        async with seam(lambda _: httpx.Response(200, content=body)) as client:
            with pytest.raises(TryLater, match="can't be read"):
                await client.campaign(7)

    async def test_an_error_that_is_too_long_has_the_words_of_its_status(self) -> None:
        body = json.dumps({"title": "x", "detail": "y" * 64 * 1024}).encode()
        assert str(await failure(httpx.Response(400, content=body))) == "HTTP 400: Bad Request"

    async def test_a_list_may_be_as_long_as_an_account_has_campaigns(self) -> None:
        entries = [{"id": number, "name": "n" * 100, "status": "RUNNING"} for number in range(1, 6_001)]
        async with seam(lambda _: httpx.Response(200, json=entries)) as client:
            assert len(await client.campaigns()) == 6_000

    async def test_a_list_without_an_end_is_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(module, "_LARGEST_LIST", 1_000)
        entries = [{"id": number, "status": "RUNNING"} for number in range(1, 101)]
        async with seam(lambda _: httpx.Response(200, json=entries)) as client:
            with pytest.raises(TryLater, match="can't be read"):
                await client.campaigns()

    async def test_the_next_call_goes_out_on_a_connection_of_its_own(self) -> None:
        connections = 0

        async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            nonlocal connections
            connections += 1
            try:
                await reader.readuntil(b"\r\n\r\n")
                writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
                while True:
                    writer.write(b"1000\r\n" + b"x" * 0x1000 + b"\r\n")
                    await writer.drain()
            except (OSError, asyncio.IncompleteReadError):
                writer.close()

        server = await asyncio.start_server(flood, "127.0.0.1")
        base_url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/rest"
        async with server, Client(account(base_url)) as client:
            assert [await client.pause(7), await client.pause(8)] == [200, 200]
        assert connections == 2


class TestNoAnswer:
    async def test_a_time_out_is_for_later_and_has_no_status(
        self, sandbox: Sandbox, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(module, "CALL_TIMEOUT", timedelta(milliseconds=30))
        sandbox.add_fault(Fault(effect="delay", delay=timedelta(seconds=0.3), times=1))
        with pytest.raises(TryLater) as caught:
            await client.pause(CAMPAIGN)
        assert (caught.value.http_status, caught.value.message) == (None, "no answer in time (TimeoutError)")

    async def test_a_trickle_of_bytes_does_not_stretch_the_limit(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """httpx's own time-outs are for each read: an answer that drips would hold the lane for ever."""
        monkeypatch.setattr(module, "CALL_TIMEOUT", timedelta(milliseconds=80))

        async def drip(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            try:
                while True:
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.01)
            except OSError:
                writer.close()
                ended.set()

        ended = asyncio.Event()
        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        async with server, Client(account(f"http://127.0.0.1:{port}")) as client:
            with pytest.raises(TryLater, match="no answer in time"):
                await client.pause(7)
            await ended.wait()

    @pytest.mark.parametrize("kind", [httpx.ReadTimeout, httpx.ConnectTimeout, httpx.PoolTimeout])
    async def test_httpxs_own_time_outs_are_for_later(self, kind: type[httpx.TimeoutException]) -> None:
        def slow(request: httpx.Request) -> httpx.Response:
            raise kind("slow", request=request)

        async with seam(slow) as client:
            with pytest.raises(TryLater, match=kind.__name__):
                await client.pause(7)

    @pytest.mark.parametrize("effect", ["drop_before", "drop_after"])
    async def test_a_dropped_connection_is_for_later_and_the_next_call_works(
        self, sandbox: Sandbox, client: Client, effect: Any
    ) -> None:
        sandbox.add_fault(Fault(effect=effect, times=1))
        with pytest.raises(TryLater) as caught:
            await client.pause(CAMPAIGN)
        assert caught.value.http_status is None
        assert await client.pause(CAMPAIGN) == 200

    async def test_nobody_listening_is_for_later(self) -> None:
        async with Client(account("http://127.0.0.1:1")) as client:
            with pytest.raises(TryLater, match="ConnectError"):
                await client.me()

    @pytest.mark.parametrize("call", ["list", "get"])
    async def test_half_an_answer_is_for_later(self, sandbox: Sandbox, client: Client, call: Any) -> None:
        sandbox.add_fault(Fault(effect="unreadable"))
        with pytest.raises(TryLater, match="can't be read") as caught:
            await (client.campaigns() if call == "list" else client.campaign(CAMPAIGN))
        assert caught.value.http_status == 200

    @pytest.mark.parametrize(
        "content",
        [
            b"",
            b"null",
            b"{}",
            b"7",
            b'"RUNNING"',
            b"[[]]",
            b"[null]",
            b'[{"id": "x", "status": "RUNNING"}]',
            b'[{"id": 1e999, "status": "RUNNING"}]',
            b'[{"id": null, "status": "RUNNING"}]',
            b'[{"id": 7}]',
            b'{"id": 7.5, "status": "RUNNING"}',
            b'{"id": 7, "status"',
            b"\xff",
            b"[" * 100_000,
        ],
    )
    async def test_an_answer_of_another_kind_is_for_later(self, content: bytes) -> None:
        async with seam(lambda _: httpx.Response(200, content=content)) as client:
            with pytest.raises(TryLater, match="can't be read"):
                await client.campaign(7)
            with pytest.raises(TryLater, match="can't be read"):
                await client.campaigns()


class TestRetryAfter:
    @pytest.mark.parametrize(
        ("value", "seconds"),
        [
            ("7", 7),
            (" 7 ", 7),
            ("0", 0),
            ("999999999999", 86400),
            ("9" * 400, 86400),
            ("Fri, 27 Nov 2026 16:00:07 GMT", 7),
            ("Fri, 27 Nov 2026 17:00:07 +0100", 7),
            ("Fri, 27 Nov 2026 15:00:00 GMT", 0),
            ("Fri, 31 Dec 9999 23:59:59 GMT", 86400),
        ],
    )
    async def test_seconds_or_a_date_say_how_long_to_wait_at_most_a_day(self, value: str, seconds: float) -> None:
        with freeze_time(FRIDAY):
            error = await failure(httpx.Response(429, headers={"retry-after": value}))
        assert isinstance(error, RateLimited)
        assert error.retry_after == timedelta(seconds=seconds)

    @pytest.mark.parametrize(
        "value",
        [
            "",
            "soon",
            "-5",
            "1.5",
            "Fri, 27 Nov 2026 16:00:07 -0000",
            "Fri, 99 Nov 2026 16:00:07 GMT",
            "Fri, 27 Nov 99999999999 16:00:07 GMT",
            "²",
            "9" * 5000,
        ],
    )
    async def test_nonsense_is_passed_over(self, value: str) -> None:
        headers = httpx.Headers({b"retry-after": value.encode("latin-1")})
        error = await failure(httpx.Response(503, headers=headers))
        assert isinstance(error, TryLater)
        assert error.retry_after is None

    @pytest.mark.parametrize("form", ["seconds", "date"])
    async def test_both_forms_are_read_from_a_real_answer(
        self, sandbox: Sandbox, client: Client, form: RetryAfterForm
    ) -> None:
        sandbox.variants = Variants(retry_after=timedelta(seconds=20), retry_after_form=form)
        sandbox.add_fault(Fault(status=429))
        with freeze_time(FRIDAY, real_asyncio=True), pytest.raises(RateLimited) as caught:
            await client.pause(CAMPAIGN)
        assert caught.value.retry_after == timedelta(seconds=20)

    async def test_what_is_never_tried_again_has_no_wait(self) -> None:
        error = await failure(httpx.Response(404, headers={"retry-after": "7"}))
        assert not hasattr(error, "retry_after")


class TestKey:
    async def test_the_key_is_sent_in_its_header_and_nowhere_else(self) -> None:
        sent: list[httpx.Request] = []

        def note(request: httpx.Request) -> httpx.Response:
            sent.append(request)
            return httpx.Response(200, json={"id": 7, "status": "RUNNING"})

        async with seam(note, company_id=98765) as client:
            await client.pause(7)
            await client.run(7)
            await client.campaign(7)
            await client.me()
        for request in sent:
            assert request.headers["x-api-key"] == KEY
            assert request.headers["x-company-id"] == "98765"
            assert request.headers["user-agent"].startswith("curfew/")
            others = {name: value for name, value in request.headers.items() if name != "x-api-key"}
            assert KEY not in f"{request.url} {others} {request.content!r}"

    @pytest.mark.parametrize("key", ["detail", "title"])
    async def test_an_answer_that_repeats_the_key_is_cleaned(self, key: str) -> None:
        words = {"title": "Unauthorized", "detail": "refused"} | {key: f"{KEY} isn't a key; {KEY}"}
        error = await failure(httpx.Response(401, json=words))
        assert KEY not in f"{error} {error!r} {error.code} {error.message}"
        assert "[key] isn't a key; [key]" in str(error)

    async def test_a_fault_of_the_connection_that_repeats_the_key_is_cleaned(self) -> None:
        def broken(request: httpx.Request) -> httpx.Response:
            raise httpx.LocalProtocolError(f"illegal header value {request.headers['x-api-key']}", request=request)

        async with seam(broken) as client:
            with pytest.raises(TryLater) as caught:
                await client.pause(7)
        assert str(caught.value) == "LocalProtocolError: illegal header value [key]"
        # Nor is it in the error behind it, should that ever be shown.
        assert caught.value.__cause__ is None
        assert caught.value.__suppress_context__

    async def test_control_characters_cannot_reach_a_terminal_or_a_log(self) -> None:
        words = {"code": "X\x1b[2J", "message": "one\r\ntwo\x00\u202ethree\ud800"}
        error = await failure(httpx.Response(400, content=json.dumps(words).encode()))
        assert str(error) == "HTTP 400: X [2J: one  two  three "

    async def test_a_long_message_is_cut(self) -> None:
        error = await failure(httpx.Response(400, json={"title": "x", "detail": "y" * 10_000}))
        assert len(error.message) == 500

    def test_the_key_is_in_no_text_of_the_client(self) -> None:
        assert KEY not in repr(vars(Client(account(BASE))))

    @pytest.mark.parametrize("scheme", ["", "http://"])
    async def test_a_proxy_of_the_environment_is_used_where_tls_hides_the_key(
        self, scheme: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[bytes] = []

        async def proxy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            asked.append(await reader.readuntil(b"\r\n\r\n"))
            writer.close()

        server = await asyncio.start_server(proxy, "127.0.0.1")
        monkeypatch.setenv("HTTPS_PROXY", f"{scheme}127.0.0.1:{server.sockets[0].getsockname()[1]}")
        monkeypatch.delenv("NO_PROXY", raising=False)
        monkeypatch.delenv("no_proxy", raising=False)
        async with server, Client(account("https://api.woodpecker.test/rest")) as client:
            with pytest.raises(TryLater):
                await client.pause(7)
        assert [each.partition(b"\r\n")[0] for each in asked] == [b"CONNECT api.woodpecker.test:443 HTTP/1.1"]
        assert KEY.encode() not in asked[0]

    @pytest.mark.parametrize("name", ["HTTP_PROXY", "ALL_PROXY"])
    async def test_a_proxy_of_the_environment_is_not_used_where_it_would_be_given_the_key(
        self, name: str, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv(name, "http://127.0.0.1:9")
        async with Client(account(sandbox.base_url)) as client:
            assert await client.pause(CAMPAIGN) == 200
