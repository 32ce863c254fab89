"""The text of a first file: right by the file's own rules, whatever was answered, and its remarks are, too."""

import re
from dataclasses import replace

import pytest

from rules.document import Document, read
from rules.source import parse
from scheduler.first_file import FirstFile, KeyPlace, Span, problem_with, text_of

PLAIN = FirstFile(timezone="Europe/Warsaw", country="PL", on_holidays=True)
FULL = FirstFile(
    timezone="Europe/Oslo",
    key=KeyPlace.CREDENTIAL,
    base_url="http://127.0.0.1:8080/rest",
    database="sqlite:////var/lib/curfew/curfew.db",
    country="NO",  # which YAML 1.1 takes for false
    campaigns=(1234567, 1234568),
    on_holidays=True,
    weekend=Span("Fri 16:00", "Mon 07:30"),
    night=Span("19:00", "24:00"),
)


def document(text: str) -> Document:
    return read(parse(text.encode()))


def names(text: str) -> list[str]:
    return [rule.name for rule in document(text).rules if rule.enabled]


def test_it_says_what_was_answered() -> None:
    found = document(text_of(FULL))
    assert found.timezone.key == "Europe/Oslo"
    assert found.database == "sqlite:////var/lib/curfew/curfew.db"
    account = found.accounts["main"]
    assert (account.credential, account.base_url) == ("api-key", "http://127.0.0.1:8080/rest")
    assert found.calendars["holidays"].country == "NO"
    assert [rule.name for rule in found.rules] == ["public-holidays", "weekend", "nights"]
    assert all(rule.campaigns == [1234567, 1234568] for rule in found.rules)
    assert "{from: Fri 16:00, until: Mon 07:30}" in text_of(FULL)


@pytest.mark.parametrize(
    ("place", "line"),
    [
        (KeyPlace.VARIABLE, "api_key: ${WOODPECKER_API_KEY}"),
        (KeyPlace.FILE, "api_key_file: api-key"),
        (KeyPlace.CREDENTIAL, "credential: api-key"),
    ],
)
def test_it_says_where_the_key_is(place: KeyPlace, line: str) -> None:
    text = text_of(replace(PLAIN, key=place))
    assert f"\n    {line} " in text
    document(text)


def test_a_rule_that_nobody_wished_for_is_a_remark_which_counts_without_its_marks() -> None:
    text = text_of(PLAIN)
    assert names(text) == ["public-holidays"]
    uncommented = re.sub(r"^  # (- name|  \w+: )", r"  \1", text, flags=re.MULTILINE)
    assert names(uncommented) == ["public-holidays", "weekend", "nights"]


def test_the_other_remarks_are_right_as_well() -> None:
    remark = r"^(\s*)# (database|company_id|extra|except|company): "
    found = document(re.sub(remark, r"\1\2: ", text_of(PLAIN), flags=re.MULTILINE))
    assert found.accounts["main"].company_id == 98765
    assert set(found.calendars) == {"holidays", "company"}
    assert found.database is not None
    without = text_of(replace(PLAIN, country=None, weekend=Span("Sat 00:00", "Sun 24:00")))
    calendars = re.sub(r"^# (calendars:|  \w+: \{)", r"\1", without, flags=re.MULTILINE)
    assert set(document(calendars).calendars) == {"holidays", "company"}


def test_without_any_wish_there_is_a_rule_that_does_not_count() -> None:
    found = document(text_of(FirstFile(timezone="UTC")))
    assert [(rule.name, rule.enabled) for rule in found.rules] == [("weekend", False)]


@pytest.mark.parametrize("country", ["DE", "US", "GB", "NO", "PL"])
@pytest.mark.parametrize("key", KeyPlace)
@pytest.mark.parametrize("is_wished", [True, False])
def test_whatever_is_chosen_it_is_right(country: str, key: KeyPlace, is_wished: bool) -> None:
    span = Span("Fri 17:00", "Mon 08:00") if is_wished else None
    file = FirstFile(timezone="UTC", country=country, key=key, on_holidays=is_wished, weekend=span)
    assert problem_with(file) is None


@pytest.mark.parametrize(
    ("file", "words"),
    [
        (replace(PLAIN, timezone="Europe/Warsav"), "unknown time zone 'Europe/Warsav'; did you mean 'Europe/Warsaw'?"),
        (replace(PLAIN, timezone="UTC\nrules: []"), r"unknown time zone 'UTC\nrules: []'"),
        (replace(PLAIN, timezone="\udcff"), "unknown time zone '?'"),
        (replace(PLAIN, weekend=Span("Fry 17:00", "Mon 08:00")), "'Fry' isn't a weekday; did you mean 'fri"),
        (replace(PLAIN, weekend=Span("Fri 17:00}", "Mon 08:00")), "'17:00}' isn't a time"),
        (replace(PLAIN, weekend=Span("Fri 17:00", "Fri 17:00")), "is the same as from"),
        (replace(PLAIN, base_url="http://example.com/"), "plain http would show the key to the network"),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_as_of_a_file(file: FirstFile, words: str) -> None:
    assert words in (problem_with(file) or "")
