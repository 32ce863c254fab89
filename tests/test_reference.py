"""docs/rules.md is true: its examples are read, its windows are those that come, and every key is explained."""

import json
import re
import textwrap
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import islice
from typing import Any, NamedTuple

import pytest
from jsonschema import Draft202012Validator

from rules.advice import advise
from rules.document import Document, Entry, Rule, read
from rules.document.schema import json_schema
from rules.entries import compile_calendars, compile_rules
from rules.ics import read_ics
from rules.notation import parse_duration, parse_moment
from rules.ruleset import Action, Ruleset, Timeline
from rules.ruleset import Rule as CompiledRule
from rules.source import parse
from scheduler import cli
from tests.readme import ROOT

TEXT = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
SCHEMA = json_schema()
# Which part of the file a table of keys is about, by its heading.
PARTS = {
    "The file": "Document",
    "Accounts": "Account",
    "Alerts": "AlertsSpec",
    "Addresses that don't stand in the file": "AddressSource",
    "Metrics": "MetricsSpec",
    "Calendars": "CalendarSpec",
    "Rules": "Rule",
    "Which campaigns": "CampaignsSpec",
    "How campaigns are resumed": "ResumeSpec",
    "When: an entry of `pause`": "Entry",
}
HEAD = "timezone: Europe/Warsaw\naccounts: {main: {api_key: x}}\n"
CALENDARS = """\
calendars:
  poland: {country: PL}
  bavaria: {country: DE, subdivision: BY}
  company: {dates: [2026-12-24, 2026-12-28/2026-12-31]}
"""
# The windows that are shown are the first from here on, unless a block says otherwise.
FROM = datetime(2026, 12, 1, tzinfo=UTC)
FAR = timedelta(days=1100)


class Row(NamedTuple):
    part: str
    key: str
    default: str
    example: str


def blocks(language: str, text: str = TEXT) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def sections() -> dict[str, str]:
    _, *rest = re.split(r"^##+ (.*)\n", TEXT, flags=re.MULTILINE)
    return dict(zip(rest[::2], rest[1::2], strict=True))


def rows() -> Iterator[Row]:
    for heading, part in PARTS.items():
        for line in sections()[heading].splitlines():
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            if len(cells) == 4 and (key := re.fullmatch(r"`(\w+)`", cells[0])):
                yield Row(part, key[1], cells[2], cells[3])


def keys_of(model: type[Document] | type[Rule] | type[Entry]) -> set[str]:
    return {field.alias or name for name, field in model.model_fields.items()}


def framed(block: str) -> str:
    """A whole file around a piece of one, which is told by its first key."""
    first = re.search(r"^(- )?\{?(\w+):", block, re.MULTILINE)
    assert first, block
    is_item, key = bool(first[1]), first[2]
    if not is_item and key in keys_of(Document):
        return whole(block)
    if is_item and key == "name":
        return f"{HEAD}{CALENDARS}rules:\n{block}"
    if is_item:
        block = f"pause:\n{textwrap.indent(block, '  ')}"
    assert is_item or key in keys_of(Rule), block
    usual = ("name: example", "campaigns: all", "pause: {on: daily}")
    rule = block + "".join(f"{line}\n" for line in usual if line.split()[0] not in block)
    return f"{HEAD}{CALENDARS}rules:\n  -\n{textwrap.indent(rule, '    ')}"


def whole(block: str) -> str:
    value = parse(block.encode()).value
    assert isinstance(value, dict)
    rule = {"name": "example", "campaigns": "all", "pause": {"on": list(value.get("calendars", {"daily": None}))}}
    if len(value.get("accounts", ())) > 1:
        rule["account"] = next(iter(value["accounts"]))
    missing = {"timezone": "Europe/Warsaw", "accounts": {"main": {"api_key": "x"}}, "rules": [rule]}
    more = (f"{key}: {json.dumps(part)}\n" for key, part in missing.items() if key not in value)
    return block + "".join(more)


def compiled(block: str) -> Ruleset:
    document = read(parse(framed(block).encode()))
    (ics,) = blocks("ics")
    files = {name: read_ics(ics.encode()) for name in document.calendars}
    return compile_rules(document, compile_calendars(document, files))


def stated(block: str) -> dict[str, list[str]]:
    """What a block says of the first windows and holds of each of its rules."""
    found: dict[str, list[str]] = {}
    name = "example"
    for line in block.splitlines():
        if named := re.search(r"\bname: ([\w-]+)", line):
            name = named[1]
        if said := re.search(r"# ((?:quiet|hold): .*)", line):
            found.setdefault(name, []).append(said[1])
    return found


def first_instant(block: str) -> datetime:
    found = re.search(r"# from (\d{4}-\d{2}-\d{2}) on:", block)
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC) if found else FROM


def coming(rule: CompiledRule, start: datetime) -> Iterator[str]:
    """The windows and holds of a rule, as docs/rules.md writes them."""
    edges = Timeline(rule.windows, rule.holds).edges(start, start + FAR)
    ends = {edge.at for edge in edges if edge.action is Action.RESUME}

    def shown(instant: datetime) -> str:
        there = instant.astimezone(rule.zone)
        return f"{there:%a} {there.isoformat(' ', 'minutes')}"

    for edge in edges:
        if edge.is_hold:
            yield f"hold: {shown(edge.at)}"
        elif edge.action is Action.PAUSE and edge.until is not None:
            left = "" if edge.until in ends else ", then left paused"
            yield f"quiet: {shown(edge.at)} until {shown(edge.until)}{left}"


def first_line(block: str) -> str:
    return block.strip().splitlines()[0]


@pytest.mark.parametrize("block", blocks("yaml"), ids=first_line)
def test_an_example_is_right_and_its_windows_are_those_that_come(block: str) -> None:
    ruleset = compiled(block)
    by_name = {rule.name: rule for rule in ruleset.rules}
    for name, said in stated(block).items():
        assert list(islice(coming(by_name[name], first_instant(block)), len(said))) == said


@pytest.mark.parametrize("block", blocks("yaml", TEXT.partition("\n## Cookbook\n")[2]), ids=first_line)
def test_a_recipe_says_what_comes_of_each_of_its_rules(block: str) -> None:
    assert stated(block).keys() >= {rule.name for rule in compiled(block).rules}


def test_every_key_has_its_row_in_the_table_of_its_part() -> None:
    parts = {"Document": SCHEMA, **SCHEMA["$defs"]}
    assert sorted(PARTS.values()) == sorted(parts)
    wanted = {(part, key) for part, schema in parts.items() for key in schema["properties"]}
    assert {(row.part, row.key) for row in rows()} == wanted


def words(heading: str) -> list[str]:
    """What stands in the first column of a section's table."""
    lines = (line for line in sections()[heading].splitlines() if line.startswith("| `"))
    return [word for line in lines for word in re.findall(r"`([^`]+)`", line.split("|")[1])]


def test_every_word_for_days_is_one() -> None:
    for word in words("DAYS"):
        (rule,) = compiled(f"pause: {{on: {word}}}\n").rules
        assert list(rule.windows[0].windows(FROM, FROM + FAR)), word


def test_every_moment_and_duration_is_one() -> None:
    for word in words("Moments and durations"):
        if word[-1].isalpha():
            assert parse_duration(word)
        else:
            assert parse_moment(word).time


def test_every_link_within_the_page_leads_to_a_heading() -> None:
    slugs = {re.sub(r"[^a-z -]", "", heading.lower()).replace(" ", "-") for heading in sections()}
    assert set(re.findall(r"\]\(#([^)]*)\)", TEXT)) <= slugs


@pytest.mark.parametrize("row", list(rows()), ids=lambda row: f"{row.part}.{row.key}")
def test_the_row_of_a_key_has_an_example_that_is_right_and_the_default_that_it_has(row: Row) -> None:
    schema = {"Document": SCHEMA, **SCHEMA["$defs"]}[row.part]
    examples = re.findall(r"`([^`]+)`", row.example)
    assert examples
    for example in examples:
        value = parse(example.encode()).value
        assert isinstance(value, dict)
        assert list(value) == [row.key]
        validator = Draft202012Validator({**schema["properties"][row.key], "$defs": SCHEMA["$defs"]})
        validator.validate(value[row.key])
    if row.key in schema.get("required", ()):
        assert row.default == "required"
    if "default" in schema["properties"][row.key]:
        assert f"`{default_text(schema['properties'][row.key]['default'])}`" == row.default


def default_text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def test_what_the_schema_command_prints_is_in_the_docs(capsys: pytest.CaptureFixture[str]) -> None:
    """After a change: `curfew schema > docs/curfew.schema.json`."""
    assert cli.perform(["schema"]) == 0
    assert capsys.readouterr().out == (ROOT / "docs" / "curfew.schema.json").read_text(encoding="utf-8")


def test_the_example_file_names_its_schema_in_its_first_line() -> None:
    first, *_ = (ROOT / "config.example.yaml").read_text(encoding="utf-8").splitlines()
    assert first == "# yaml-language-server: $schema=docs/curfew.schema.json"


def test_the_example_file_can_be_planned_without_any_other_file_and_needs_no_advice() -> None:
    source = parse((ROOT / "config.example.yaml").read_bytes())
    document = read(source)
    ruleset = compile_rules(document)
    assert advise(source, document, ruleset, FROM) == []
    assert {rule.name for rule in ruleset.rules} == {rule.name for rule in document.rules if rule.enabled}
    for rule in ruleset.rules:
        assert next(coming(rule, FROM))
