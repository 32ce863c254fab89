"""The JSON Schema of the file: it takes what is right, and refuses what it can know to be wrong."""

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from rules.document.schema import json_schema
from rules.source import SourceError, parse

_ROOT = Path(__file__).parent.parent.parent
_SAMPLES = _ROOT / "tests" / "data" / "config"
_SCHEMA = json_schema()
_VALIDATOR = Draft202012Validator(_SCHEMA)

# Why a schema, which sees one value and its neighbours, can't refuse a sample.
_UNKNOWABLE = {
    "a name is looked up elsewhere in the file": {
        "account-unknown-of-several",
        "calendar-includes-itself",
        "calendar-unknown-calendar",
        "calendars-in-a-circle",
        "same-name-twice",
        "unknown-account",
    },
    "a word for days may be a calendar's name, and a calendar's name a word for days": {
        "calendar-named-as-a-date",
        "calendar-named-as-days",
        "day-of-year-the-wrong-way-round",
        "day-of-year-wrong",
        "day-ordinal-wrong",
        "unknown-day",
    },
    "zones and holidays have data of their own": {
        "calendar-many-wrong-names",
        "calendar-unknown-category",
        "calendar-unknown-holiday",
        "subdivision-of-none",
        "unknown-subdivision",
        "unknown-zone",
        "unknown-zone-in-rule",
    },
    "one time comes before another": {
        "until-before-from",
        "until-before-from-by-offset",
        "until-same-as-from",
        "until-same-as-from-24",
        "until-same-as-from-daily",
        "until-same-date-as-from",
    },
    "a number in a text is out of range": {
        "base-url-port",
        "base-url-port-too-large",
        "base-url-wrong-host-numbers",
        "base-url-wrong-host-punycode",
        "metrics-port-too-large",
        "cron-never",
        "cron-wrong-values",
    },
    "the text is wrong, but its value isn't": {
        "duplicate-key",
        "duplicate-key-in-rule",
        "duplicate-key-with-mistakes",
        "key-not-text",
        "many-source-mistakes",
        "tag-on-text",
    },
}


def _values(pattern: str) -> list[Any]:
    """The value of each sample that has one."""
    found = []
    for sample in sorted(_SAMPLES.glob(pattern)):
        try:
            found.append(pytest.param(parse(sample.read_bytes()).value, id=sample.stem))
        except SourceError:
            continue
    return found


def test_it_is_a_schema_of_the_draft_that_it_names() -> None:
    Draft202012Validator.check_schema(_SCHEMA)
    assert _SCHEMA["$schema"] == Draft202012Validator.META_SCHEMA["$id"]


@pytest.mark.parametrize("value", _values("good/*.yaml"))
def test_it_takes_every_file_that_is_right(value: object) -> None:
    assert [error.message for error in _VALIDATOR.iter_errors(value)] == []


def test_it_takes_the_example_file() -> None:
    _VALIDATOR.validate(parse((_ROOT / "config.example.yaml").read_bytes()).value)


@pytest.mark.parametrize("value", _values("*.yaml"))
def test_it_refuses_every_file_that_is_wrong_unless_it_cannot_know(
    value: object, request: pytest.FixtureRequest
) -> None:
    name = request.node.callspec.id
    reasons = [reason for reason, names in _UNKNOWABLE.items() if name in names]
    assert _VALIDATOR.is_valid(value) == bool(reasons), reasons or "it takes what is wrong"


def test_no_reason_is_given_for_a_sample_that_is_not_there() -> None:
    samples = {sample.stem for sample in _SAMPLES.glob("*.yaml")}
    assert set().union(*_UNKNOWABLE.values()) <= samples


def _properties() -> list[Any]:
    return [
        pytest.param(value, id=f"{part}.{key}")
        for part, schema in {"Document": _SCHEMA, **_SCHEMA["$defs"]}.items()
        for key, value in schema["properties"].items()
    ]


@pytest.mark.parametrize("schema", _properties())
def test_every_key_has_a_description_of_one_line_and_examples_that_are_right(schema: dict[str, Any]) -> None:
    assert schema["description"].strip()
    assert "\n" not in schema["description"]
    validator = _VALIDATOR.evolve(schema={**schema, "$defs": _SCHEMA["$defs"]})
    assert schema["examples"]
    for example in schema["examples"]:
        validator.validate(example)
    if "default" in schema:
        validator.validate(schema["default"])


@pytest.mark.parametrize(
    ("keys", "path"),
    [
        ({"on": "daily", "untill": "08:00"}, []),
        ({"on": "daily", "from": "18h", "until": "08:00"}, ["from"]),
        ({"on": "daily", "from": "18:00"}, []),
        ({"on": "daily", "months": [12]}, ["months"]),
        ({"cron": "0 17 * * 5", "on": "fri"}, ["on"]),
    ],
)
def test_a_mistake_in_an_entry_is_placed_in_it(keys: dict[str, object], path: list[str]) -> None:
    validator = _VALIDATOR.evolve(schema={"$ref": "#/$defs/Entry", "$defs": _SCHEMA["$defs"]})
    assert [list(error.absolute_path) for error in validator.iter_errors(keys)] == [path]


def test_it_says_the_same_each_time_and_is_plain_json() -> None:
    assert json.loads(json.dumps(_SCHEMA)) == json_schema()
