"""What the API said of a file's campaigns, as problems of the file: each at its place."""

from collections.abc import Mapping
from typing import Any

import pytest

from rules.document import read
from rules.entries import compile_rules
from rules.source import parse
from scheduler.preflight import CheckedAccount, CheckedCampaign, Fault, FaultKind, problems_of

_HEAD = """\
timezone: Europe/Warsaw
accounts:
  main: {api_key: x, base_url: https://example.com/rest}
  acme:
    credential: woodpecker
    company_id: 98765
rules:
"""
NAMES = {11: ("DE spring", "EMEA"), 12: ("DE autumn", "EMEA"), 13: ("US spring", None)}


def rule(campaigns: str, name: str = "a", account: str = "main", more: str = "") -> str:
    return f"  - {{name: {name}, account: {account}, campaigns: {campaigns}, pause: {{on: fri}}{more}}}\n"


def said(
    *rules: str,
    names: Mapping[int, tuple[str, str | None]] = NAMES,
    told: Mapping[int, dict[str, Any]] = {},
    account: str = "main",
    fault: Fault | None = None,
    is_listed: bool = True,
    left_out: int = 0,
) -> list[str]:
    """The problems of an account that has these campaigns, of which something is told, by their ids."""
    text = _HEAD + "".join(rules)
    source = parse(text.encode())
    document = read(source)
    ruleset = compile_rules(document)
    campaigns = [
        CheckedCampaign(
            account=account,
            id=number,
            name=name,
            folder=folder,
            status="RUNNING",
            rules=tuple(each.name for each in ruleset.selecting(account, number, name=name, folder=folder)),
            **told.get(number, {}),
        )
        for number, (name, folder) in names.items()
    ]
    checked = CheckedAccount(
        account=account,
        campaigns=tuple(campaigns),
        is_listed=is_listed,
        fault=fault,
        asked=3,
        left_out=left_out,
    )
    return list(map(str, problems_of(source, document, checked)))


@pytest.mark.parametrize(
    "campaigns", ["all", "[11, 12, 13]", "{folders: [emea], names: ['us *'], except: ['*autumn']}"]
)
def test_of_what_is_right_nothing_is_said(campaigns: str) -> None:
    assert said(rule(campaigns)) == []


@pytest.mark.parametrize(
    ("campaigns", "place", "path", "message"),
    [
        ("[11, 15]", "8:46", "campaigns[1]", "the account has no campaign 15"),
        ("77", "8:41", "campaigns", "the account has no campaign 77"),
        ("{ids: [11, 77]}", "8:52", "campaigns.ids[1]", "the account has no campaign 77"),
        (
            "{folders: [EMEAA]}",
            "8:52",
            "campaigns.folders[0]",
            "no campaign is in a folder 'EMEAA'; did you mean 'EMEA'?",
        ),
        (
            "{names: ['DE sprint*']}",
            "8:50",
            "campaigns.names[0]",
            "no campaign is called 'DE sprint*'; did you mean 'DE spring'?",
        ),
        (
            "{folders: [EMEA], except: [77]}",
            "8:68",
            "campaigns.except[0]",
            "the account has no campaign 77; nothing is excepted by it",
        ),
        (
            "{except: ['FR *', '*autumn']}",
            "8:51",
            "campaigns.except[0]",
            "no campaign is called 'FR *'; nothing is excepted by it",
        ),
    ],
)
def test_what_nothing_has_is_said_where_it_stands(campaigns: str, place: str, path: str, message: str) -> None:
    found, *others = said(rule(campaigns))
    start, _, rest = found.partition(": rules[0].")
    where, _, words = rest.partition(": warning: ")
    assert others == []
    assert (start, where) == (place, path)
    # Which id is the nearest one is no matter of course for numbers.
    assert words.startswith(message)


def test_the_nearest_id_is_named() -> None:
    names = {1000001: ("a", None), 2345678: ("b", None)}
    assert said(rule("[1000001, 2345687]"), names=names) == [
        "8:51: rules[0].campaigns[1]: warning: the account has no campaign 2345687; did you mean '2345678'?"
    ]


@pytest.mark.parametrize("campaigns", ["{except: ['*']}", "{names: ['DE *'], except: [11, 12]}"])
def test_a_rule_whose_exceptions_leave_nothing_is_said(campaigns: str) -> None:
    assert said(rule(campaigns)) == ["8:41: rules[0].campaigns: warning: selects no campaign of the account"]


def test_a_rule_that_is_off_and_rules_for_other_accounts_are_passed_over() -> None:
    assert said(rule("[77]", more=", enabled: false"), rule("[77]", "b", "acme"), rule("all", "c")) == []


def test_an_account_without_campaigns_is_said_once_if_it_has_rules() -> None:
    assert said(rule("[11]"), rule("all", "b"), names={}) == [
        "3:9: accounts.main: warning: has no campaigns, so its rules select nothing"
    ]
    assert said(rule("[11]", account="acme"), names={}) == []


FOLLOWS = {"prospect_timezone": True, "can_resume": True}
REFUSED = {"can_resume": False, "why_not": "the API refuses it"}


def test_a_campaign_that_is_named_is_told_of_at_its_id() -> None:
    assert said(rule("[11, 12]"), told={12: FOLLOWS}) == [
        "8:46: rules[0].campaigns[1]: warning: mail of 12 'DE autumn' follows each prospect's own time zone, "
        "while a pause is one instant for all"
    ]


def test_those_that_a_selector_finds_are_told_of_on_one_line_at_the_first_rule_that_selects_them() -> None:
    assert said(rule("{folders: [EMEA]}"), rule("all", "b"), told=dict.fromkeys(NAMES, REFUSED)) == [
        "8:41: rules[0].campaigns: warning: 11 'DE spring', 12 'DE autumn' can't be resumed: the API refuses it",
        "9:41: rules[1].campaigns: warning: 13 'US spring' can't be resumed: the API refuses it",
    ]


def test_of_many_only_some_are_named() -> None:
    names = {number: (f"{number}", None) for number in range(1, 301)}
    (found,) = said(rule("all"), names=names, told=dict.fromkeys(names, REFUSED))
    assert "1 '1', 2 '2', 3 '3', 4 '4', 5 '5' and 295 more can't be resumed" in found


def test_of_one_that_no_rule_selects_nothing_is_said() -> None:
    assert said(rule("[11]"), told={12: REFUSED}) == []


def test_one_that_gave_no_answer_is_told_apart_from_one_that_was_refused() -> None:
    (found,) = said(rule("[11]"), told={11: {"why_not": "HTTP 500"}})
    assert found.endswith("warning: nobody knows whether 11 'DE spring' can be resumed: HTTP 500")


def test_how_many_were_left_out_is_said_unless_a_fault_says_why() -> None:
    assert said(rule("all"), left_out=2) == [
        "3:9: accounts.main: warning: 2 of 5 campaigns that are selected weren't asked about"
    ]
    assert len(said(rule("all"), left_out=2, fault=Fault(kind=FaultKind.UNREACHABLE, error="x"))) == 1


def test_a_refused_key_is_an_error_where_the_key_comes_from() -> None:
    refused = Fault(kind=FaultKind.KEY_REFUSED, error="HTTP 401")
    assert said(rule("all"), fault=refused, is_listed=False, names={}) == [
        "3:19: accounts.main.api_key: the API refuses the key: HTTP 401"
    ]
    assert said(rule("all"), fault=refused, is_listed=False, names={}, account="acme") == [
        "5:17: accounts.acme.credential: the API refuses the key, for company 98765: HTTP 401"
    ]


def test_an_account_that_cannot_be_asked_is_an_error_at_its_address_or_at_itself() -> None:
    unreachable = Fault(kind=FaultKind.UNREACHABLE, error="ConnectError")
    assert said(rule("all"), fault=unreachable, is_listed=False, names={}) == [
        "3:32: accounts.main.base_url: the API can't be asked: ConnectError"
    ]
    (found,) = said(rule("all"), fault=unreachable, is_listed=False, names={}, account="acme")
    assert found.startswith("5:5: accounts.acme.base_url: ")


def test_what_was_heard_before_a_fault_is_said_as_well() -> None:
    found = said(rule("[11, 77]"), told={11: REFUSED}, fault=Fault(kind=FaultKind.UNREACHABLE, error="x"))
    assert [line.partition(" ")[0] for line in found] == ["3:32:", "8:42:", "8:46:"]


def test_thousands_of_unknown_names_are_told_without_a_long_search() -> None:
    """The nearest is looked for a few times only."""
    names = {number: (f"Campaign {number}", None) for number in range(1, 2001)}
    unknown = ", ".join(f"'Campain {number}'" for number in range(5000, 5200))
    found = said(rule(f"{{names: [{unknown}]}}"), names=names)
    assert len(found) == 200
    assert sum("did you mean" in line for line in found) == 20


def test_braces_in_a_name_do_no_harm() -> None:
    (found,) = said(rule("all"), names={11: ("{} {x}", None)}, told={11: REFUSED | {"why_not": "{}"}})
    assert found.endswith("11 '{} {x}' can't be resumed: {}")
