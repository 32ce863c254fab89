"""Messages on their way to real servers on loopback: by webhook, mail and chat, and what becomes of those that fail."""

import asyncio
import re
import threading
from collections.abc import Iterator
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from apprise.plugins.discord import NotifyDiscord
from apprise.plugins.slack import NotifySlack
from apprise.plugins.telegram import NotifyTelegram

from scheduler.alerts.courier import FIRST_WAIT, LONGEST_WAIT, Courier
from scheduler.alerts.messages import Level, Message, alert
from scheduler.errors import NotTaken
from scheduler.notify import Target, wrong_address
from scheduler.ping import Ping, try_once
from scheduler.settings import Address
from tests.inbox import Inbox, inbox, mailbox
from tests.scheduler_fakes import Clock, captured_logs
from tests.unit.test_concerns import HOSTILE
from tests.unit.test_messages import SENDER, entry

SHORT = timedelta(milliseconds=200)
SECRET = "t0ken-never-to-be-seen"  # noqa: S105 -- of no account anywhere
MESSAGE = Message("Curfew: a title", "one line\nand another", Level.WARNING)
# By any service, it's text: our own line, then theirs, then ours again.
LINE = alert([entry(text=f"main/7 {HOSTILE[:200]}")], [], SENDER)


@pytest.fixture
def box() -> Iterator[Inbox]:
    with inbox() as found:
        yield found


@pytest.fixture(autouse=True)
def logs() -> Iterator[list[Any]]:
    with captured_logs() as lines:
        yield lines


def target(url: str) -> Target:
    return Target(Address(("alerts", "to", 0), url))


async def why_not(url: str, limit: timedelta = timedelta(seconds=20)) -> str:
    with pytest.raises(NotTaken) as caught:
        await target(url).send(MESSAGE, limit)
    return str(caught.value)


class TestSending:
    async def test_a_message_arrives_as_it_is(self, box: Inbox) -> None:
        await target(box.target).send(MESSAGE)
        (letter,) = box.letters
        assert letter.method == "POST"
        assert letter.json == {
            "version": "1.0",
            "title": "Curfew: a title",
            "message": "one line\nand another",
            "attachments": [],
            "type": "warning",
        }

    async def test_one_that_is_refused_says_so_without_the_address(self, box: Inbox) -> None:
        box.status = 403
        why = await why_not(f"{box.target}/{SECRET}?{SECRET}=x")
        assert "403" in why
        assert SECRET not in why

    async def test_a_server_that_is_not_there_is_told(self) -> None:
        assert "Connection error" in await why_not(f"json://user:{SECRET}@127.0.0.1:9/{SECRET}")

    async def test_a_name_that_cannot_be_resolved_is_told(self) -> None:
        why = await why_not(f"json://{SECRET}.invalid/{SECRET}")
        assert "Connection error" in why
        assert SECRET not in why

    async def test_one_that_hangs_is_left_and_not_asked_again_while_it_does(self, box: Inbox) -> None:
        box.hangs = True
        hung = target(f"{box.target}?rto=60")
        with pytest.raises(NotTaken, match=r"no answer within 0\.2 s"):
            await hung.send(MESSAGE, SHORT)
        with pytest.raises(NotTaken, match="it still hasn't answered to the message before"):
            await hung.send(MESSAGE, SHORT)
        assert sum(thread.name == f"alert {hung.name}" for thread in threading.enumerate()) == 1

    def test_who_waits_for_an_answer_no_more_leaves_nothing_behind(self, box: Inbox) -> None:
        """As at the daemon's end: its event loop is gone when the answer comes."""
        box.hangs = True
        with pytest.raises(NotTaken):
            asyncio.run(target(box.target).send(MESSAGE, SHORT))
        box.is_over.set()
        for thread in [each for each in threading.enumerate() if each.name.startswith("alert ")]:
            thread.join(20)
            assert not thread.is_alive()

    async def test_what_apprise_logs_of_an_address_is_not_logged(self, logs: list[Any]) -> None:
        await why_not(f"json://127.0.0.1:9/{SECRET}")
        assert SECRET not in str(logs)


class TestAddresses:
    @pytest.mark.parametrize(
        ("url", "wrong"),
        [
            ("json://localhost", None),
            ("mailto://curfew:x@example.com", None),
            (SECRET, "must be an address as Apprise has them, as in mailto://... or slack://..."),
            ("slak://a/b/c", "Apprise has no service 'slak'; did you mean 'slack'?"),
            (f"slack://{SECRET}", "isn't a whole address of the service 'slack': something is missing in it, or wrong"),
        ],
    )
    def test_a_wrong_one_is_told_without_it(self, url: str, wrong: str | None) -> None:
        assert wrong_address(url) == wrong

    def test_a_target_is_called_by_its_place_and_service(self) -> None:
        assert target(f"slack://{SECRET}").name == "alerts.to[0] (slack)"
        assert target(SECRET).name == "alerts.to[0] (no service)"
        assert SECRET not in repr(target(SECRET).address)


class TestHostile:
    """What others wrote arrives as text, whatever the service makes of markup."""

    async def sent(self, url: str, box: Inbox) -> Any:
        await target(url).send(LINE)
        (letter,) = box.letters
        return letter.json

    async def test_by_a_webhook_as_it_is(self, box: Inbox) -> None:
        assert (await self.sent(box.target, box))["message"] == LINE.body
        assert "\x1b" not in LINE.body

    async def test_by_slack_it_is_escaped(self, box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(NotifySlack, "webhook_url", f"{box.url}/services")
        payload = await self.sent("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ", box)
        (shown,) = payload["attachments"]
        assert payload["mrkdwn"] is False
        assert not {"<", ">"} & set(shown["text"] + shown["title"])
        assert "channel&gt;" in shown["text"]

    async def test_by_telegram_it_is_escaped(self, box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{box.url}/bot")
        payload = await self.sent("tgram://123456789:abcdefg_hijklmnop/12315544/", box)
        assert payload["parse_mode"] == "HTML"
        assert "<script" not in payload["text"]
        assert "script&gt;x&lt;" in payload["text"]

    async def test_by_discord_nobody_is_mentioned(self, box: Inbox, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"{box.url}/webhooks")
        payload = await self.sent("discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js", box)
        assert "<!" not in payload["content"]
        assert "embeds" not in payload

    @pytest.mark.parametrize(
        ("most", "options", "pieces"), [(2000, "", 2), (160, "", 1), (2000, "?overflow=upstream", 1)]
    )
    async def test_what_is_too_long_for_a_service_comes_in_pieces_or_cut(
        self, box: Inbox, monkeypatch: pytest.MonkeyPatch, most: int, options: str, pieces: int
    ) -> None:
        """It would refuse the whole, however often that is tried."""
        monkeypatch.setattr(NotifyDiscord, "notify_url", f"{box.url}/webhooks")
        monkeypatch.setattr(NotifyDiscord, "body_maxlen", most)
        url = f"discord://4174216298/JHMHI8qBe7bk2ZwO5U711o3dV_js{options}"
        await target(url).send(Message("Curfew: a title", "main/7 Spring\n" * 220, Level.FAILURE))
        sent = [letter.json["content"] for letter in box.letters]
        assert (len(sent), max(map(len, sent)) <= most) == (pieces, not options)
        # Of a text message by phone there's the beginning.
        assert "".join(sent).count("main/7 Spring") == 220 or most == 160

    async def test_names_full_of_what_is_escaped_do_not_keep_telegram_from_taking_it(
        self, box: Inbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(NotifyTelegram, "notify_url", f"{box.url}/bot")
        await target("tgram://123456789:abcdefg_hijklmnop/12315544/").send(Message("Curfew", "&<>" * 900, Level.INFO))
        sent = [letter.json["text"] for letter in box.letters]
        assert max(map(len, sent)) <= 4096
        assert all(re.fullmatch(r"([^&<>]|&(amp|lt|gt|quot|emsp|nbsp|apos|#\d+);|</?b>)*", each) for each in sent)

    async def test_by_mail_it_makes_neither_a_header_nor_a_tag(self) -> None:
        with mailbox() as (port, mails):
            url = f"mailto://127.0.0.1:{port}?mode=insecure&from=c@example.com&to=o@example.com"
            await target(url).send(LINE)
            await target(f"{url}&format=html").send(LINE)
        assert [mail["subject"] for mail in mails] == [LINE.title, LINE.title]
        assert not {name.lower() for mail in mails for name in mail} & {"bcc", "forged"}
        plain, html = (mail.get_body((kind,)) for mail, kind in zip(mails, ("plain", "html"), strict=True))
        assert plain is not None
        assert html is not None
        assert mails[0].get_content_type() == "text/plain"
        assert "[2J" in plain.get_content()
        assert "\x1b" not in plain.get_content()
        assert "<script" not in html.get_content()
        assert "script&gt;x" in html.get_content()


class TestCourier:
    def courier(self, clock: Clock, *urls: str) -> Courier:
        made = Courier(clock, SHORT)
        made.use([Address(("alerts", "to", index), url) for index, url in enumerate(urls)])
        return made

    async def test_what_one_target_does_not_take_the_other_has_and_the_first_gets_it_later(
        self, box: Inbox, logs: list[Any]
    ) -> None:
        clock = Clock()
        with inbox() as other:
            courier = self.courier(clock, box.target, other.target)
            box.status = 500
            assert await courier.send(MESSAGE) == ["alerts.to[1] (json)"]
            assert "500" in courier.untaken["alerts.to[0] (json)"]
            box.status = 200
            await courier.again()
            assert box.titles == []
            assert await courier.send(Message("Curfew: another", "text", Level.INFO)) == ["alerts.to[1] (json)"]
            clock.move(FIRST_WAIT)
            await courier.again()
            assert box.titles == ["Curfew: another (and what came before)"]
            assert other.titles == ["Curfew: a title", "Curfew: another"]
        assert courier.untaken == {}
        assert [line["event"] for line in logs] == ["alert not taken; it's tried again", "alerts are taken again"]

    async def test_where_nobody_takes_it_nothing_is_kept(self, box: Inbox) -> None:
        """What it says is told anew, as it is by then."""
        clock, courier = Clock(), self.courier(Clock(), box.target)
        box.status = 500
        assert await courier.send(MESSAGE) == []
        box.status = 200
        clock.move(FIRST_WAIT)
        await courier.again()
        assert box.titles == []

    async def test_one_that_fails_again_and_again_is_tried_less_and_less_often(
        self, box: Inbox, logs: list[Any]
    ) -> None:
        clock = Clock()
        courier = self.courier(clock, box.target)
        box.status = 500
        tries = []
        for _ in range(240):
            before = clock.now
            await courier.send(MESSAGE)
            tries += [before] if "500" in str(courier.untaken) and courier._lines[0].tried_at == before else []
            clock.move(FIRST_WAIT / 2)
        gaps = [later - earlier for earlier, later in pairwise(tries)]
        assert gaps[:5] == [FIRST_WAIT * factor for factor in (1, 2, 4, 8, 16)]
        assert set(gaps[5:]) == {LONGEST_WAIT}
        assert [line["log_level"] for line in logs if line["log_level"] != "debug"] == ["warning"]

    async def test_a_failure_is_forgotten_when_there_was_nothing_to_send_for_an_hour(self, box: Inbox) -> None:
        clock = Clock()
        courier = self.courier(clock, box.target)
        box.status = 500
        await courier.send(MESSAGE)
        assert courier.untaken
        clock.move(timedelta(hours=1))
        assert courier.untaken == {}

    async def test_another_file_keeps_what_targets_that_are_still_there_have_not_taken(self, box: Inbox) -> None:
        clock = Clock()
        with inbox() as other:
            courier = self.courier(clock, box.target, other.target)
            box.status = 500
            await courier.send(MESSAGE)
            courier.use([Address(("alerts", "to", 0), box.target)])
            box.status = 200
            clock.move(FIRST_WAIT)
            await courier.again()
        assert box.titles == ["Curfew: a title"]

    async def test_one_that_hangs_holds_up_no_other(self, box: Inbox) -> None:
        with inbox() as other:
            courier = self.courier(Clock(), box.target, other.target)
            box.hangs = True
            assert await courier.send(MESSAGE) == ["alerts.to[1] (json)"]
            assert courier.untaken == {"alerts.to[0] (json)": "no answer within 0.2 s"}


class TestPing:
    @pytest.mark.parametrize("status", [404, 500])
    async def test_an_answer_without_success_is_told(self, box: Inbox, status: int) -> None:
        box.status = status
        assert await try_once(f"{box.url}/{SECRET}") == f"HTTP {status}: not taken"

    async def test_a_redirect_is_not_followed(self, box: Inbox) -> None:
        box.status = 302
        assert await try_once(f"{box.url}/{SECRET}") == "HTTP 302: not taken"

    async def test_one_that_hangs_is_given_up(self, box: Inbox) -> None:
        box.hangs = True
        assert await try_once(f"{box.url}/{SECRET}", SHORT) == "no answer within 0.2 s"

    @pytest.mark.parametrize("url", ["http://127.0.0.1:9/", "https://nowhere.invalid/"])
    async def test_one_that_is_not_there_is_told_without_its_address(self, url: str) -> None:
        why = await try_once(f"{url}{SECRET}")
        assert why is not None
        assert why.startswith("ConnectError")
        assert SECRET not in why

    async def test_it_is_called_while_all_is_well_with_nothing_that_is_secret(
        self, box: Inbox, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.ping.PERIOD", timedelta(milliseconds=1))
        monkeypatch.setattr("scheduler.ping._LOOK_AGAIN", timedelta(milliseconds=1))
        is_well = True
        ping = Ping(lambda: Address(("alerts", "ping"), f"{box.url}/uuid?status=up"), lambda: is_well)
        task = asyncio.create_task(ping.run())
        while len(box.letters) < 3:
            await asyncio.sleep(0.001)
        is_well = False
        await asyncio.sleep(0.02)
        number = len(box.letters)
        await asyncio.sleep(0.02)
        assert len(box.letters) == number
        is_well = True
        while len(box.letters) == number:
            await asyncio.sleep(0.001)
        task.cancel()
        letter = box.letters[0]
        assert (letter.method, letter.path, letter.content) == ("GET", "/uuid?status=up", b"")
        usual = {"host", "accept", "accept-encoding", "connection", "user-agent"}
        assert {name.lower() for name in letter.headers} <= usual

    async def test_its_failure_is_said_once_and_once_when_it_is_over(
        self, box: Inbox, monkeypatch: pytest.MonkeyPatch, logs: list[Any]
    ) -> None:
        monkeypatch.setattr("scheduler.ping.PERIOD", timedelta(milliseconds=1))
        ping = Ping(lambda: Address(("alerts", "ping"), f"{box.url}/{SECRET}"), lambda: True)
        box.status = 500
        task = asyncio.create_task(ping.run())
        while not ping.untaken:
            await asyncio.sleep(0.001)
        assert ping.untaken == {"alerts.ping": "HTTP 500: not taken"}
        box.status = 200
        while ping.untaken:
            await asyncio.sleep(0.001)
        task.cancel()
        assert [(line["log_level"], line["event"]) for line in logs] == [
            ("warning", "ping not taken; it's tried again each minute"),
            ("info", "the ping is taken again"),
        ]
        assert SECRET not in str(logs)

    async def test_a_fault_is_said_at_once_below_the_address(self, box: Inbox) -> None:
        await Ping(lambda: Address(("alerts", "ping"), f"{box.url}/uuid/?a=b"), lambda: True).fail()
        assert [letter.path for letter in box.letters] == ["/uuid/fail?a=b"]

    async def test_without_an_address_nothing_is_called(self, box: Inbox) -> None:
        ping = Ping(lambda: None, lambda: True)
        await ping.fail()
        assert ping.untaken == {}
        assert box.letters == []
