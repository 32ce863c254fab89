"""The file as typed values: every mistake is reported with its place, and every form that the design gives is read."""

from datetime import date, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from rules.document import Document, read
from rules.notation import Moment, nearest
from rules.source import SourceError, parse

_SAMPLES = Path(__file__).parent.parent / "data" / "config"
_HEAD = "timezone: Europe/Warsaw\naccounts: {main: {api_key: x}}\n"


def _read(text: str) -> Document:
    return read(parse(text.encode()))


def _read_rule(rule: str) -> Document:
    return _read(f"{_HEAD}calendars: {{norway: {{country: NO}}}}\nrules:\n  - {rule}\n")


def _problems(content: bytes) -> list[str]:
    with pytest.raises(SourceError) as caught:
        read(parse(content))
    return [str(problem) for problem in caught.value.problems]


@pytest.mark.parametrize("sample", sorted(_SAMPLES.glob("*.yaml")), ids=lambda sample: sample.stem)
def test_every_mistake_in_a_file_is_reported_with_its_line_column_and_path(sample: Path) -> None:
    assert _problems(sample.read_bytes()) == sample.with_suffix(".txt").read_text().splitlines()


@pytest.mark.parametrize("sample", sorted(_SAMPLES.glob("good/*.yaml")), ids=lambda sample: sample.stem)
def test_a_file_without_a_mistake_is_read(sample: Path) -> None:
    assert read(parse(sample.read_bytes())).rules


def test_a_file_with_twelve_mistakes_gets_twelve_lines_each_with_the_place_to_look_at() -> None:
    content = (_SAMPLES / "many-mistakes.yaml").read_bytes()
    lines = content.decode().splitlines()
    with pytest.raises(SourceError) as caught:
        read(parse(content))
    problems = caught.value.problems
    found = [lines[problem.place.line - 1][problem.place.column - 1 :] for problem in problems]
    assert found == [
        "Warsaw",
        "{}",
        "[curfew.db]",
        "weekends: {country: XX}",
        "XX}",
        "al",
        "Fri 17:00}",
        "vacation}",
        "63}",
        "name: a",
        "a",
        "campaings: [1]",
    ]
    assert len({problem.message for problem in problems}) == 12


def test_what_is_wrong_with_the_text_is_told_once_and_with_all_the_rest() -> None:
    problems = _problems(
        f"{_HEAD}rules:\n"
        "  - {name: a, campaigns: [12345678901234567890], pause: !entry {on: daily}, enabled: !!bool maybe}\n"
        "  - {name: b, campaigns: some, name: c, pause: {on: nightly}}\n".encode()
    )
    assert [problem.partition(": ")[2].partition(":")[0] for problem in problems] == [
        "rules[0].campaigns[0]",
        "rules[0].pause",
        "rules[0].enabled",
        "rules[1].campaigns",
        "rules[1].name",
        "rules[1].pause.on",
    ]


def test_no_message_shows_a_key_that_stands_in_the_wrong_place() -> None:
    for sample in _SAMPLES.glob("*.yaml"):
        assert "SECRET" not in "".join(_problems(sample.read_bytes()))


def test_no_repr_of_the_document_shows_a_key() -> None:
    assert "s3cret" not in repr(
        _read(f"{_HEAD.replace('x', 's3cret')}rules: [{{name: a, campaigns: all, pause: {{on: sun}}}}]")
    )


class TestWhatYaml11WouldTurnIntoSomethingElse:
    def test_on_is_a_key_not_true(self) -> None:
        (rule,) = _read_rule("{name: a, campaigns: all, pause: {on: daily}}").rules
        assert rule.pause[0].on == ["daily"]

    def test_no_is_norway_not_false(self) -> None:
        document = _read_rule("{name: a, campaigns: all, pause: {on: norway}}")
        assert document.calendars["norway"].country == "NO"

    def test_a_time_is_a_time_not_a_number_in_base_60(self) -> None:
        (rule,) = _read_rule("{name: a, campaigns: all, pause: {on: daily, from: 17:00, until: 08:30}}").rules
        assert rule.pause[0].from_ == Moment(time=timedelta(hours=17))
        assert rule.pause[0].until == Moment(time=timedelta(hours=8, minutes=30))

    def test_a_time_with_seconds_is_a_time_not_a_number_in_base_60(self) -> None:
        (rule,) = _read_rule("{name: a, campaigns: all, pause: {on: daily, at: 17:00:30}}").rules
        assert rule.pause[0].at == Moment(time=timedelta(hours=17, seconds=30))

    def test_a_date_without_quotes_is_read_as_the_user_typed_it(self) -> None:
        document = _read(
            f"{_HEAD}calendars: {{closed: {{dates: [2026-12-24]}}}}\n"
            "rules: [{name: a, campaigns: all, pause: {from: 2026-12-23 16:00, until: 2027-01-04 08:00}}]"
        )
        assert document.calendars["closed"].dates == [(date(2026, 12, 24), date(2026, 12, 24))]
        assert document.rules[0].pause[0].from_ == Moment(time=timedelta(hours=16), day=date(2026, 12, 23))

    @pytest.mark.parametrize("word", ["yes", "no", "on", "off", "y", "n", "Yes", "NO"])
    def test_words_for_yes_and_no_are_text(self, word: str) -> None:
        document = _read_rule(f"{{name: {word}, campaigns: all, pause: {{on: sun}}}}")
        assert document.rules[0].name == word

    @pytest.mark.parametrize("word", ["yes", "no", "on", "off"])
    def test_only_true_and_false_are_a_switch(self, word: str) -> None:
        rule = f"{{name: a, campaigns: all, pause: {{on: sun}}, enabled: {word}}}"
        with pytest.raises(SourceError, match=f"must be true or false, not '{word}'"):
            _read_rule(rule)

    def test_a_leading_zero_does_not_make_a_number_octal(self) -> None:
        (rule,) = _read_rule("{name: a, campaigns: [012], pause: {on: sun}}").rules
        assert rule.campaigns == [12]

    def test_hexadecimal_and_underscores_do_not_make_a_number(self) -> None:
        with pytest.raises(SourceError) as caught:
            _read_rule("{name: a, campaigns: [0x1F, 1_000], pause: {on: sun}}")
        assert [problem.path for problem in caught.value.problems] == ["rules[0].campaigns[0]", "rules[0].campaigns[1]"]

    def test_a_duplicate_key_is_an_error_not_the_last_one_wins(self) -> None:
        with pytest.raises(SourceError, match="duplicate key, first on line 1"):
            _read(f"{_HEAD}timezone: UTC\nrules: [{{name: a, campaigns: all, pause: {{on: sun}}}}]")

    def test_an_empty_list_of_campaigns_does_not_mean_all(self) -> None:
        with pytest.raises(SourceError, match=r"must be a list of campaign ids, .*, and nothing is there"):
            _read_rule("{name: a, campaigns: , pause: {on: sun}}")


def test_a_rule_has_the_zone_it_names() -> None:
    document = _read_rule("{name: a, campaigns: all, timezone: Asia/Kathmandu, pause: {on: sun}}")
    assert document.rules[0].timezone == ZoneInfo("Asia/Kathmandu")
    assert document.timezone == ZoneInfo("Europe/Warsaw")


@pytest.mark.parametrize(
    "zone",
    [
        *("Europe", "Europe/", "/etc/passwd", '"Europe/Warsaw\\0"', '""', f"x{'y' * 5000}"),
        *("localtime", "posixrules", "Factory", "right/Europe/Warsaw", "posix/Europe/Warsaw"),
    ],
)
def test_what_is_no_zone_is_refused_whatever_the_file_system_makes_of_it(zone: str) -> None:
    (problem,) = _problems(
        f"{_HEAD.replace('Europe/Warsaw', zone)}rules: [{{name: a, campaigns: all, pause: {{on: sun}}}}]".encode()
    )
    assert problem.startswith("1:11: timezone: unknown time zone")


def test_one_entry_may_stand_without_a_list() -> None:
    one = _read_rule("{name: a, campaigns: [1], pause: {on: sun}}")
    listed = _read_rule("{name: a, campaigns: [1], pause: [{on: [sun]}]}")
    assert one.rules == listed.rules


@pytest.mark.parametrize(
    ("one", "listed"),
    [
        ("campaigns: 7", "campaigns: [7]"),
        (
            "campaigns: {folders: a, names: b, ids: 7, except: 8}",
            "campaigns: {folders: [a], names: [b], ids: [7], except: [8]}",
        ),
    ],
)
def test_one_campaign_folder_or_name_may_stand_without_a_list(one: str, listed: str) -> None:
    assert (
        _read_rule(f"{{name: a, {one}, pause: {{on: sun}}}}").rules
        == _read_rule(f"{{name: a, {listed}, pause: {{on: sun}}}}").rules
    )


def test_one_day_month_or_date_may_stand_without_a_list() -> None:
    def rules(value: str) -> Document:
        days, months, dates = (value.format(each) for each in ("sun", "dec", "2026-12-24"))
        return _read(
            f"{_HEAD}calendars:\n  a: {{dates: {dates}, extra: {dates}, except: {dates}}}\n"
            f"  b: {{include: {value.format('a')}}}\n"
            f"rules: [{{name: a, campaigns: all, pause: {{on: {days}, except: {days}, months: {months}}}}}]"
        )

    assert rules("{}") == rules("[{}]")


def test_a_key_without_a_value_is_as_if_it_were_not_there() -> None:
    document = read(parse((_SAMPLES / "good/nothing-given.yaml").read_bytes()))
    assert document == _read(
        "timezone: UTC\naccounts: {main: {api_key: x}}\ncalendars: {poland: {country: PL}}\n"
        "rules: [{name: a, campaigns: {ids: 7}, pause: {on: daily}}]"
    )


def test_what_is_left_out_has_the_documented_default() -> None:
    document = _read_rule("{name: a, campaigns: all, pause: {on: sun}}")
    (rule,) = document.rules
    assert (rule.enabled, rule.resume, rule.enforce, rule.catch_up) == (True, True, False, timedelta(hours=24))
    assert (rule.timezone, rule.description, document.database) == (None, None, None)
    assert document.accounts["main"].base_url == "https://api.woodpecker.co/rest"
    holidays = document.calendars["norway"].holidays()
    assert holidays is not None
    assert (holidays.subdivision, holidays.categories, holidays.observed) == (None, (), True)


def test_a_calendar_without_a_country_has_no_holidays() -> None:
    document = _read(
        f"{_HEAD}calendars: {{a: {{dates: 2026-12-24}}}}\nrules: [{{name: a, campaigns: all, pause: {{on: a}}}}]"
    )
    assert document.calendars["a"].holidays() is None


def test_months_are_a_union_and_go_on_over_new_year() -> None:
    (rule,) = _read_rule("{name: a, campaigns: all, pause: [{on: sun, months: [nov-feb, June]}, {on: sun}]}").rules
    assert [entry.month_numbers for entry in rule.pause] == [frozenset({11, 12, 1, 2, 6}), None]


def test_a_day_may_be_a_number() -> None:
    (rule,) = _read_rule("{name: a, campaigns: all, pause: {on: [15, last], except: 15}}").rules
    assert (rule.pause[0].on, rule.pause[0].except_) == ([15, "last"], [15])


def test_a_calendar_may_take_away_a_name_that_only_its_file_or_another_calendar_knows() -> None:
    document = _read(
        f"{_HEAD}calendars:\n  a: {{country: NO, ics: a.ics, except: Party}}\n  b: {{include: a, except: Party}}\n"
        "rules: [{name: a, campaigns: all, pause: {on: a}}]"
    )
    assert document.calendars["a"].except_ == document.calendars["b"].except_ == ["Party"]


def test_the_name_of_a_holiday_may_begin_with_a_digit() -> None:
    calendars = "{vietnam: {country: VN, except: [29 of Lunar New Year, 2026-02-17]}}"
    document = _read(f"{_HEAD}calendars: {calendars}\nrules: [{{name: a, campaigns: all, pause: {{on: vietnam}}}}]")
    day = date(2026, 2, 17)
    assert document.calendars["vietnam"].except_ == ["29 of Lunar New Year", (day, day)]


def test_a_whole_day_may_be_written_from_midnight_to_midnight() -> None:
    (rule,) = _read_rule("{name: a, campaigns: all, pause: {on: sun, from: '00:00', until: '24:00'}}").rules
    assert rule.pause[0].until == Moment(time=timedelta(hours=24))


def test_a_key_with_its_value_stuck_to_it_is_not_shown() -> None:
    (problem,) = _problems(
        b"timezone: UTC\naccounts: {main: {api_key:s3cret}}\nrules: [{name: a, campaigns: all, pause: {on: sun}}]"
    )
    assert (
        problem
        == "2:19: accounts.main: unknown key, not shown since it may be the API key; is there a space after each colon?"
    )


def test_a_rule_that_names_no_account_is_for_the_only_one() -> None:
    document = _read_rule("{name: a, campaigns: all, pause: {on: sun}}")
    assert document.account_of(document.rules[0]) == "main"


def test_a_rule_is_for_the_account_it_names() -> None:
    document = _read(
        "timezone: UTC\naccounts: {main: {api_key: x}, acme: {api_key: y}}\n"
        "rules: [{name: a, account: acme, campaigns: all, pause: {on: sun}}]"
    )
    assert document.account_of(document.rules[0]) == "acme"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:8080/rest", "http://[::1]/rest", "http://localhost", "https://api.woodpecker.co/rest/"]
)
def test_an_address_is_https_or_on_this_machine_and_loses_its_last_slash(url: str) -> None:
    document = _read(
        f'timezone: UTC\naccounts: {{main: {{api_key: x, base_url: "{url}"}}}}\n'
        "rules: [{name: a, campaigns: all, pause: {on: sun}}]"
    )
    assert document.accounts["main"].base_url == url.rstrip("/")


def test_of_more_problems_than_anyone_reads_the_first_200_are_told_and_where_the_others_begin() -> None:
    keys = "".join(f"timezon{number}: UTC\n" for number in range(20_000))
    found = _problems(f"accounts: {{main: {{api_key: x}}}}\ntimezone: UTC\nrules: []\n{keys}".encode())
    assert len(found) == 201
    assert found[1:3] == [
        f"{line}:1: timezon{line - 4}: unknown key 'timezon{line - 4}'; did you mean 'timezone'?" for line in (4, 5)
    ]
    assert found[-2:] == ["202:1: timezon198: unknown key 'timezon198'", "203:1: timezon199: and 19801 more"]


def test_the_nearest_word_is_looked_for_50_times(monkeypatch: pytest.MonkeyPatch) -> None:
    looked_for: list[str] = []

    def counted(word: str, *_: object, **__: object) -> list[str]:
        looked_for.append(word)
        return []

    monkeypatch.setattr("rules.notation.get_close_matches", counted)
    rules = "".join(f"  - {{name: a{number}, campaigns: all, pause: {{on: hols{number}}}}}\n" for number in range(500))
    assert len(_problems(f"{_HEAD_WITHOUT_RULES}\nrules:\n{rules}".encode())) == 201
    assert len(looked_for) == 50
    looked_for.clear()
    nearest("wrd", ["word"])
    assert looked_for == ["wrd"]


def _calendars(includes: dict[str, list[str]]) -> bytes:
    lines = [f"  {name}: {{dates: 2026-12-24, include: [{', '.join(others)}]}}" for name, others in includes.items()]
    lines = [line.replace(", include: []", "") for line in lines]
    return "\n".join([_HEAD_WITHOUT_RULES, "calendars:", *lines, "rules: []", ""]).encode()


_HEAD_WITHOUT_RULES = "timezone: UTC\naccounts: {main: {api_key: x}}"


def _chain(length: int) -> dict[str, list[str]]:
    return {f"c{number}": [f"c{number - 1}"] if number else [] for number in range(length)}


def test_calendars_may_include_one_another_20_deep() -> None:
    assert not [each for each in _problems(_calendars(_chain(20))) if "calendars" in each]


def test_a_longer_chain_of_calendars_is_refused_once_where_it_gets_too_long() -> None:
    (problem,) = [each for each in _problems(_calendars(_chain(2000))) if "calendars" in each]
    assert problem.startswith("24:37: calendars.c20.include: calendars that include one another make a chain of more")


def test_of_a_long_ring_of_calendars_each_is_told_with_the_beginning_of_the_way() -> None:
    ring = {**_chain(2000), "c0": ["c1999"]}
    first, *_ = [each for each in _problems(_calendars(ring)) if "calendars" in each]
    assert first == (
        "4:36: calendars.c0.include: it includes itself: c0 -> c1999 -> c1998 -> c1997 -> c1996 -> c1995 -> ... -> c0"
    )
