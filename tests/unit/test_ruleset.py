"""Which rules are for a campaign, and whom the rules of a file are for."""

import pytest

from rules.document import read
from rules.entries import compile_rules
from rules.ruleset import Campaign, Ruleset, Selector, Subject
from rules.source import parse
from tests.rule_files import edges, ruleset, utc, words

_WEEKEND = "- {name: weekend, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}"


class TestCampaigns:
    _TWO = f"{_WEEKEND}\n- {{name: lunch, campaigns: all, pause: {{on: wed, from: 12:00, until: 13:00}}}}"

    def test_a_campaign_named_by_id_obeys_the_rules_for_all_too(self) -> None:
        rules = ruleset(self._TWO, "UTC")
        assert edges(rules, "2026-06-02", "2026-06-09") == [
            "2026-06-03 12:00 pause",
            "2026-06-03 13:00 resume",
            "2026-06-05 17:00 pause",
            "2026-06-08 08:00 resume",
        ]

    @pytest.mark.parametrize("campaign", [None, 8])
    def test_any_other_campaign_obeys_the_rules_for_all_only(self, campaign: int | None) -> None:
        rules = ruleset(self._TWO, "UTC")
        found = edges(rules, "2026-06-01", "2026-06-09", campaign)
        assert found == ["2026-06-03 12:00 pause", "2026-06-03 13:00 resume"]

    def test_the_edges_of_a_file_are_those_of_each_campaign_it_names_and_of_the_others(self) -> None:
        rules = ruleset(self._TWO, "UTC")
        found = rules.edges(utc("2026-06-03"), utc("2026-06-06"))
        assert [(whom.account, whom.campaign, words(edge)) for whom, edge in found] == [
            ("main", None, "2026-06-03 12:00 pause"),
            ("main", 7, "2026-06-03 12:00 pause"),
            ("main", None, "2026-06-03 13:00 resume"),
            ("main", 7, "2026-06-03 13:00 resume"),
            ("main", 7, "2026-06-05 17:00 pause"),
        ]

    def test_what_a_file_names_and_whether_it_selects_more(self) -> None:
        assert ruleset(self._TWO).named_campaigns("main") == [7]
        assert ruleset(self._TWO).selects_unnamed("main")
        assert not ruleset(_WEEKEND).selects_unnamed("main")
        assert ruleset(_WEEKEND).named_campaigns("other") == []

    def test_a_rule_is_for_the_campaigns_of_its_own_account_only(self) -> None:
        rules = compile_rules(
            read(
                parse(
                    b"timezone: UTC\naccounts: {main: {api_key: x}, acme: {api_key: y}}\nrules:\n"
                    b"  - {name: a, account: acme, campaigns: [7], pause: {on: daily}}\n"
                    b"  - {name: b, account: main, campaigns: [8], pause: {on: daily}}\n"
                )
            )
        )
        at = utc("2026-06-01")
        assert rules.decide("acme", 7, at).rules == ("a",)
        assert not rules.decide("main", 7, at).is_quiet
        assert [account for account in ("main", "acme") if rules.named_campaigns(account) == [7]] == ["acme"]

    def test_a_disabled_rule_is_as_if_it_were_not_there(self) -> None:
        rules = ruleset("- {name: a, campaigns: [7], enabled: false, pause: {on: daily}}")
        assert rules.rules == ()
        assert not rules.decide("main", 7, utc("2026-06-01")).is_quiet
        assert rules.next_edge("a", utc("2026-06-01")) is None


def test_campaigns_with_the_same_rules_share_one_timeline() -> None:
    rules = ruleset("- {name: a, campaigns: [1, 2], pause: {on: sun}}")
    assert rules.timeline("main", 1) is rules.timeline("main", 2)


class TestSelector:
    @pytest.mark.parametrize(
        ("selector", "campaign", "is_selected"),
        [
            pytest.param(Selector(ids=frozenset({7})), Campaign(id=7), True, id="its id"),
            pytest.param(Selector(ids=frozenset({7})), Campaign(id=8), False, id="another id"),
            pytest.param(Selector(is_all=True), Campaign(id=8), True, id="all"),
            pytest.param(
                Selector(folders=("EMEA",)), Campaign(id=7, folder="emea"), True, id="its folder in lower case"
            ),
            pytest.param(
                Selector(folders=("emea",)), Campaign(id=7, folder="EMEA"), True, id="its folder in upper case"
            ),
            pytest.param(Selector(folders=("EM*",)), Campaign(id=7, folder="EMEA"), False, id="a folder is no glob"),
            pytest.param(Selector(folders=("EMEA",)), Campaign(id=7, name="EMEA"), False, id="a name is no folder"),
            pytest.param(Selector(names=("DE *",)), Campaign(id=7, name="de spring"), True, id="its name by a glob"),
            pytest.param(Selector(names=("DE *",)), Campaign(id=7, name="Old DE spring"), False, id="the whole name"),
            pytest.param(
                Selector(names=("DE [0-9]?",)), Campaign(id=7, name="DE 42"), True, id="classes of characters"
            ),
            pytest.param(
                Selector(names=("[DE] SaaS",)), Campaign(id=7, name="[de] SaaS"), True, id="a name in brackets"
            ),
            pytest.param(Selector(names=("[DE] SaaS",)), Campaign(id=7, name="D SaaS"), True, id="and a class as well"),
            pytest.param(
                Selector(names=("[[]DE] *",)), Campaign(id=7, name="[DE] x"), True, id="a bracket by its class"
            ),
            pytest.param(
                Selector(is_all=True, except_names=("[DE] SaaS",)),
                Campaign(id=7, name="[DE] SaaS"),
                False,
                id="all but a name in brackets",
            ),
            pytest.param(
                Selector(names=("DE spring ",)), Campaign(id=7, name=" DE spring"), True, id="blanks around it"
            ),
            pytest.param(Selector(folders=(" EMEA",)), Campaign(id=7, folder="EMEA "), True, id="or around a folder"),
            pytest.param(Selector(folders=("STRASSE",)), Campaign(id=7, folder="Straße"), True, id="any upper case"),
            pytest.param(Selector(names=("*",)), Campaign(id=7), False, id="any name, of one that isn't known"),
            pytest.param(Selector(folders=("A", "B")), Campaign(id=7, folder="B"), True, id="any of the folders"),
            pytest.param(
                Selector(folders=("A",), names=("b*",), ids=frozenset({7})), Campaign(id=7), True, id="any of the kinds"
            ),
            pytest.param(Selector(is_all=True, except_ids=frozenset({7})), Campaign(id=7), False, id="all but its id"),
            pytest.param(
                Selector(is_all=True, except_names=("test*",)),
                Campaign(id=7, name="TEST 1"),
                False,
                id="all but its name",
            ),
            pytest.param(
                Selector(is_all=True, except_names=("test*",)), Campaign(id=7), True, id="all, its name not known"
            ),
            pytest.param(
                Selector(ids=frozenset({7}), except_ids=frozenset({7})), Campaign(id=7), False, id="except wins"
            ),
        ],
    )
    def test_a_campaign_is_selected_by_any_of_the_kinds_unless_it_is_excepted(
        self, selector: Selector, campaign: Campaign, is_selected: bool
    ) -> None:
        assert selector.selects(campaign) == is_selected

    def test_a_campaign_of_which_nothing_is_known_is_selected_by_all_alone(self) -> None:
        assert Selector(is_all=True).selects(None)
        assert Selector(is_all=True, except_ids=frozenset({7})).selects(None)
        assert not Selector(is_all=True, except_names=("x",)).selects(None)
        assert not Selector(names=("*",)).selects(None)

    @pytest.mark.parametrize(
        ("campaigns", "text"),
        [
            ("all", "all"),
            (
                "{folders: [EMEA, apac], names: 'DE *', ids: 7, except: [9, old*]}",
                "folder EMEA, apac or name DE * or id 7 except 9, old*",
            ),
            ("{except: [9, 8]}", "all except 8, 9"),
        ],
    )
    def test_a_selector_is_called_what_a_person_would_call_it(self, campaigns: str, text: str) -> None:
        (rule,) = ruleset(f"- {{name: a, campaigns: {campaigns}, pause: {{on: sat}}}}").rules
        assert str(rule.selector) == text

    def test_only_the_api_knows_what_names_folders_and_all_select(self) -> None:
        assert not Selector(ids=frozenset({7})).is_online
        assert all(each.is_online for each in (Selector(is_all=True), Selector(names=("a",)), Selector(folders=("a",))))


class TestSelectorsOfAFile:
    _RULES = (
        "- {name: emea, campaigns: {folders: EMEA, except: [9, test*]}, pause: {on: sat}}\n"
        "- {name: german, campaigns: {names: 'DE *', ids: 7}, pause: {on: sun}}\n"
        "- {name: named, campaigns: [8], pause: {on: mon}}\n"
        "- {name: most, campaigns: {except: [8]}, pause: {on: tue}}"
    )

    @staticmethod
    def _names(rules: Ruleset, campaign: int | None, name: str | None = None, folder: str | None = None) -> set[str]:
        return {rule.name for rule in rules.selecting("main", campaign, name=name, folder=folder)}

    def test_a_campaign_obeys_each_rule_that_selects_it_by_what_is_known_of_it(self) -> None:
        rules = ruleset(self._RULES)
        assert self._names(rules, 7) == {"german", "most"}
        assert self._names(rules, 8) == {"named"}
        assert self._names(rules, 10, "DE spring", "emea") == {"emea", "german", "most"}
        assert self._names(rules, 10, "Test", "EMEA") == {"most"}
        assert self._names(rules, 9, "DE spring", "EMEA") == {"german", "most"}
        assert self._names(rules, None) == {"most"}

    def test_its_timeline_is_that_of_these_rules(self) -> None:
        rules = ruleset(self._RULES)
        assert rules.timeline("main", 10, name="DE spring", folder="emea").rules == ("emea", "german", "most")
        assert rules.timeline("main", 10).rules == ("most",)

    def test_named_campaigns_are_those_that_any_rule_names_and_any_selects(self) -> None:
        assert ruleset(self._RULES).named_campaigns("main") == [7, 8, 9]
        assert (
            ruleset("- {name: a, campaigns: {folders: x, except: [9]}, pause: {on: sat}}").named_campaigns("main") == []
        )

    def test_the_subjects_are_the_rest_what_each_selector_finds_and_each_named_campaign(self) -> None:
        found = [(subject.campaign, subject.text) for subject in ruleset(self._RULES).subjects()]
        assert found == [
            (None, "all"),
            (None, "folder EMEA except 9, test*"),
            (None, "name DE * or id 7"),
            (7, "7"),
            (8, "8"),
            (9, "9"),
        ]

    def test_what_a_selector_finds_obeys_the_rules_for_all_too(self) -> None:
        rules = ruleset(self._RULES)
        found = {subject.text: rules.timeline_of(subject).rules for subject in rules.subjects()}
        assert found["folder EMEA except 9, test*"] == ("emea", "most")
        assert found["all"] == ("most",)
        assert found["8"] == ("named",)

    def test_the_edges_of_a_file_are_those_of_each_subject(self) -> None:
        rules = ruleset(
            "- {name: german, campaigns: {names: 'DE *'}, pause: {on: sat, at: 12:00}}\n"
            "- {name: all, campaigns: all, pause: {on: sun, at: 12:00}}",
            "UTC",
        )
        found = [(whom.text, words(edge)) for whom, edge in rules.edges(utc("2026-06-06"), utc("2026-06-08"))]
        assert found == [
            ("name DE *", "2026-06-06 12:00 hold"),
            ("all", "2026-06-07 12:00 hold"),
            ("name DE *", "2026-06-07 12:00 hold"),
        ]

    def test_a_subject_without_a_selector_is_any_campaign(self) -> None:
        assert Subject(account="main", campaign=None).text == "all"
