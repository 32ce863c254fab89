"""What needs a person: what each cause is told as, and what isn't told twice."""

from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from scheduler.alerts.concerns import ABOUT, Concern, Facts, Kind, concerns_of
from scheduler.errors import LedgerFault
from tests.scheduler_fakes import CAMPAIGN, DAY, FRIDAY, HOUR, MONDAY

WARSAW = ZoneInfo("Europe/Warsaw")
HOSTILE = "\x1b[2J\nForged: line\r\u202e=cmd()|' /C calc'!A0 <!channel> **b** <script>x</script>" + "A" * 10_000


def found(**facts: Any) -> list[Concern]:
    return list(concerns_of(Facts(**facts), WARSAW, FRIDAY))


def failing(campaign: int = CAMPAIGN, action: str = "pause", **more: Any) -> dict[str, Any]:
    row = {"account": "main", "campaign": campaign, "campaign_name": "Alpha", "action": action, "since": FRIDAY}
    return {**row, "http_status": 500, "error": "UNKNOWN: try again later", **more}


def missed(campaign: int = CAMPAIGN, **more: Any) -> dict[str, Any]:
    row = {"account": "main", "campaign": campaign, "campaign_name": "Alpha", "rules": ["weekend"], "due_at": FRIDAY}
    return {**row, "expires_at": MONDAY, "missed_at": MONDAY, "reason": "it passed while no daemon ran", **more}


def left(**more: Any) -> dict[str, Any]:
    row = {"account": "main", "campaign": CAMPAIGN, "campaign_name": "Alpha", "since": MONDAY}
    return {**row, "because": "it can't be resumed; left paused for a person to resume", **more}


def test_where_all_is_well_nothing_needs_a_person() -> None:
    assert found() == []


@pytest.mark.parametrize(
    ("facts", "kind", "subject", "text"),
    [
        ({"failing": [failing()]}, Kind.PAUSE_FAILING, f"main/{CAMPAIGN}", "Alpha: UNKNOWN: try again later"),
        ({"failing": [failing(action="resume")]}, Kind.RESUME_FAILING, f"main/{CAMPAIGN}", "UNKNOWN: try again"),
        (
            {"failing": [failing(http_status=404)], "refused": {("main", CAMPAIGN, "pause")}},
            Kind.PAUSE_FAILED,
            f"main/{CAMPAIGN}",
            "Alpha",
        ),
        (
            {"failing": [failing(http_status=401, error="Unauthorized: Invalid api key")]},
            Kind.KEY_REFUSED,
            "main",
            "main: Unauthorized: Invalid api key",
        ),
        ({"resting": ["main"]}, Kind.KEY_REFUSED, "main", "main"),
        ({"left": [left()]}, Kind.LEFT_PAUSED, f"main/{CAMPAIGN}", "Alpha: it can't be resumed"),
        (
            {"missed": [missed()]},
            Kind.WINDOW_MISSED,
            "main weekend 2026-11-30T07:00:00Z",
            f"weekend: Fri 2026-11-27 17:00 until Mon 2026-11-30 08:00, for 1 campaign (main/{CAMPAIGN} Alpha): "
            "it passed while no daemon ran",
        ),
        (
            {"given_up": [{**missed(), "rules": [], "account": "old"}]},
            Kind.GIVEN_UP,
            "old 2026-11-30T07:00:00.000000Z",
            f"old: 1 campaign (old/{CAMPAIGN} Alpha), since Mon 2026-11-30 08:00",
        ),
        (
            {"rejected": "12:19: rules[0]: wrong", "file": "a.yaml"},
            Kind.FILE_REJECTED,
            "a.yaml",
            "12:19: rules[0]: wrong",
        ),
        (
            {"fault": LedgerFault("curfew.db: disk is full", "make room")},
            Kind.LEDGER_NOT_WRITABLE,
            "ledger",
            "curfew.db: disk is full; make room",
        ),
        ({"hanging": ["lane main"]}, Kind.HANGS, "lane main", "lane main"),
        ({"crashes": 3, "host": "alpha"}, Kind.CRASHING, "alpha", "3 starts within ten minutes on alpha"),
        (
            {"took_over": [{"at": FRIDAY, "details": {"from": "alpha:7:x", "interrupted": 2}}]},
            Kind.TOOK_OVER,
            "2026-11-27T16:00:00.000000Z",
            "from alpha:7:x, with 2 calls cut off",
        ),
        (
            {
                "preflights": [
                    {
                        "at": FRIDAY,
                        "account": "main",
                        "details": {
                            "said": [
                                "3:1: accounts.main.api_key: the API refuses the key",
                                "9:1: rules[0].campaigns[0]: warning: the account has no campaign 7",
                                "9:4: rules[0].campaigns[1]: warning: the account has no campaign 8",
                            ]
                        },
                    }
                ]
            },
            Kind.PREFLIGHT,
            "main",
            "main: 9:1: rules[0].campaigns[0]: the account has no campaign 7 (and 1 more)",
        ),
        ({"untaken": {"alerts.ping": "HTTP 404"}}, Kind.ALERTS_FAILING, "alerts.ping", "alerts.ping: HTTP 404"),
    ],
    ids=lambda value: value.name if isinstance(value, Kind) else "",
)
def test_a_cause_is_one_concern_of_its_kind(facts: dict[str, Any], kind: Kind, subject: str, text: str) -> None:
    (concern,) = found(**facts)
    assert (concern.kind, concern.subject) == (kind, subject)
    assert text in concern.text


def test_every_kind_comes_of_a_cause() -> None:
    cases = test_a_cause_is_one_concern_of_its_kind.pytestmark[0].args[1]
    assert {kind for _, kind, _, _ in cases} == set(Kind) == set(ABOUT)


def test_a_refused_key_is_told_of_the_account_and_not_of_each_of_its_campaigns() -> None:
    rows = [failing(CAMPAIGN + number, http_status=403) for number in range(3)]
    (concern,) = found(failing=rows, resting=["main"])
    assert concern.kind is Kind.KEY_REFUSED


def test_a_refused_resume_is_told_as_left_paused_alone() -> None:
    (concern,) = found(
        failing=[failing(action="resume", http_status=409)], refused={("main", CAMPAIGN, "resume")}, left=[left()]
    )
    assert concern.kind is Kind.LEFT_PAUSED
    assert concern.replaces == {(Kind.RESUME_FAILING, f"main/{CAMPAIGN}")}


def test_a_preflight_that_could_not_ask_is_no_concern_of_its_own() -> None:
    said = ["3:1: accounts.main.base_url: the API can't be asked: ConnectError"]
    assert found(preflights=[{"at": FRIDAY, "account": "main", "details": {"said": said}}]) == []


def test_two_crashes_are_no_concern_yet() -> None:
    assert found(crashes=2) == []


def test_a_window_that_many_campaigns_have_missed_is_one_concern_that_names_a_few() -> None:
    rows = [missed(CAMPAIGN + number, due_at=FRIDAY + number * timedelta(minutes=1)) for number in range(212)]
    (concern,) = found(missed=rows)
    assert "Fri 2026-11-27 17:00 until" in concern.text
    assert (
        "for 212 campaigns (main/1000001 Alpha, main/1000002 Alpha, main/1000003 Alpha, and 209 more)" in concern.text
    )
    assert {subject for _, subject in concern.replaces} == {f"main/{row['campaign']}" for row in rows}


def test_windows_of_other_rules_accounts_or_ends_are_others() -> None:
    rows = [missed(), missed(rules=["nights"]), missed(account="acme"), missed(expires_at=MONDAY + DAY)]
    assert len({concern.subject for concern in found(missed=rows)}) == 4


@pytest.mark.parametrize(
    "facts",
    [
        {"failing": [failing(campaign_name=HOSTILE, error=HOSTILE)]},
        {"left": [left(campaign_name=HOSTILE, because=HOSTILE)]},
        {"missed": [missed(campaign_name=HOSTILE, reason=HOSTILE)]},
        {"given_up": [{**missed(), "rules": [], "campaign_name": HOSTILE}]},
        {"preflights": [{"at": FRIDAY, "account": "main", "details": {"said": [f"1:1: x: warning: {HOSTILE}"]}}]},
    ],
    ids=["failing", "left", "missed", "given up", "preflight"],
)
def test_what_others_wrote_is_one_short_line_that_moves_no_cursor(facts: dict[str, Any]) -> None:
    (concern,) = found(**facts)
    assert concern.text.isprintable()
    assert len(concern.text) < 600


def test_no_instant_is_told_without_its_zone_being_that_of_the_file() -> None:
    later: datetime = FRIDAY + HOUR
    (concern,) = concerns_of(Facts(missed=[missed(due_at=later)]), ZoneInfo("Asia/Tokyo"), MONDAY)
    assert "Sat 2026-11-28 02:00 until Mon 2026-11-30 16:00" in concern.text
