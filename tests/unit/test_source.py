"""YAML 1.2 text as plain values; what is wrong with the text itself is in tests/data/config, see test_document.py."""

from contextlib import suppress
from pathlib import Path

import pytest

from rules.source import MAX_BYTES, Place, Problem, SourceError, parse


def _refusal(content: bytes) -> str:
    with pytest.raises(SourceError) as caught:
        parse(content)
    (problem,) = caught.value.problems
    return str(problem)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("17:00", "17:00"),
        ("1.5", "1.5"),
        ("1e3", "1e3"),
        (".inf", ".inf"),
        ("2026-12-24", "2026-12-24"),
        ("2026-12-24 17:00:00", "2026-12-24 17:00:00"),
        ("NO", "NO"),
        ("'5'", "5"),
        ("=", "="),
        ("<<", "<<"),
        ("0o14", "0o14"),
        ("012", 12),
        ("-3", -3),
        ("+3", 3),
        ("123456789012345678", 123456789012345678),
        ("true", True),
        ("FALSE", False),
        ("~", None),
        ("null", None),
        ("", None),
        ("[]", []),
        ("{}", {}),
        ("|\n  two\n  lines\n", "two\nlines\n"),
    ],
)
def test_only_numbers_booleans_and_nothing_are_more_than_text(text: str, value: object) -> None:
    assert parse(f"key: {text}".encode()).value == {"key": value}


@pytest.mark.parametrize("key", ["on", "NO", "5", "~", "17:00", "2026-12-24"])
def test_a_key_is_always_text(key: str) -> None:
    assert parse(f"{key}: 1".encode()).value == {key: 1}


def test_aliases_repeat_a_value() -> None:
    assert parse(b"a: &few [1, 2]\nb: *few\n").value == {"a": [1, 2], "b": [1, 2]}


def test_the_largest_file_is_read_and_one_byte_more_is_not() -> None:
    largest = b"a: 1\n" + b"#" * (MAX_BYTES - 5)
    assert parse(largest).value == {"a": 1}
    assert _refusal(largest + b"#") == f"1:1: (file): the file has {MAX_BYTES + 1} bytes; at most {MAX_BYTES} are read"


def test_a_large_file_without_aliases_is_never_called_an_alias_bomb() -> None:
    content = b"[" + b"x," * (MAX_BYTES // 2 - 1) + b"]"
    value = parse(content).value
    assert isinstance(value, list)
    assert len(value) == MAX_BYTES // 2 - 1


@pytest.mark.parametrize("opening", ["[", "- ", "{a: ", "? "])
def test_a_megabyte_of_nesting_is_refused_without_harm(opening: str) -> None:
    assert "nesting" in _refusal(opening.encode() * (MAX_BYTES // len(opening)))


def test_a_place_counts_characters_not_bytes() -> None:
    assert parse("żółć: {ę: ą}".encode()).problem(("żółć", "ę"), "wrong").place == Place(1, 11)


def test_the_place_of_a_key_is_before_that_of_its_value() -> None:
    source = parse(b"rules:\n  - name: a\n")
    assert source.problem(("rules", 0, "name"), "x").place == Place(2, 11)
    assert source.problem(("rules", 0, "name"), "x", at_key=True).place == Place(2, 5)


def test_what_is_missing_is_placed_at_the_nearest_value_around_it() -> None:
    problem = parse(b"rules:\n  - name: a\n").problem(("rules", 0, "pause", "from"), "is required")
    assert problem == Problem(Place(2, 5), "rules[0].pause.from", "is required")


def test_an_index_beyond_a_list_is_placed_at_the_list() -> None:
    assert parse(b"rules: [a]").problem(("rules", 3), "x").place == Place(1, 8)


def test_the_index_of_an_entry_that_stands_without_a_list_is_passed_over() -> None:
    problem = parse(b"pause: {on: sun}").problem(("pause", 0, "on"), "x")
    assert (problem.place, problem.path) == (Place(1, 13), "pause.on")


def test_a_problem_with_the_value_of_a_duplicate_key_stands_at_the_one_that_counts() -> None:
    source = parse(b"timezone: UTC\ntimezone: Warsaw\n")
    assert source.value == {"timezone": "Warsaw"}
    assert source.problem(("timezone",), "x").place == Place(2, 11)


@pytest.mark.parametrize(("key", "path"), [("two\\nlines", "a.'two\\nlines'"), ("", "a.''"), ("a b", "a.a b")])
def test_a_path_is_one_line_whatever_the_keys_are(key: str, path: str) -> None:
    assert parse(f'a: {{"{key}": 1}}'.encode()).problem(("a", key.replace("\\n", "\n")), "x").path == path


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("{a: 1, a: 2}", ["1:8: a: duplicate key, first on line 1"]),
        ("a: !x 1", ["1:4: a: tags (!x) aren't used here; remove it"]),
        ("a: 1234567890123456789", ["1:4: a: the number is too large"]),
        ("a: {[b]: 1}", ["1:5: a: a key must be plain text"]),
    ],
)
def test_what_leaves_a_value_all_the_same_is_no_end_but_a_problem_of_the_source(text: str, problems: list[str]) -> None:
    source = parse(text.encode())
    assert isinstance(source.value, dict)
    assert [str(problem) for problem in source.problems] == problems


def test_a_warning_says_that_it_is_one() -> None:
    problem = parse(b"rules: []").problem(("rules",), "never matches", is_warning=True)
    assert str(problem) == "1:8: rules: warning: never matches"


def test_problems_come_in_the_order_of_the_file() -> None:
    problems = [Problem(Place(line, 1), "b", "x") for line in (3, 1, 2)]
    assert [problem.place.line for problem in SourceError(problems).problems] == [1, 2, 3]


def test_a_file_cut_off_anywhere_is_read_or_refused() -> None:
    samples = Path(__file__).parent.parent / "data" / "config"
    for content in (sample.read_bytes() for sample in samples.glob("[a-z]*.yaml") if sample.stem != "alias-bomb"):
        for length in range(0, len(content), 7):
            with suppress(SourceError):
                parse(content[:length])
