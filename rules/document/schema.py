"""The JSON Schema of the file (draft 2020-12), from the models: what editors complete, explain and underline.

It knows what stands alone or beside its neighbours. What depends on another part of the file (names), on a calendar
or on the order of two times is for `reading` alone. Values are those of YAML 1.2, as `rules.source` has them.
"""

from collections.abc import Mapping
from typing import Any, Final

from rules.document.models import Document

Schema = dict[str, Any]

_TITLE: Final = "Curfew's file of rules"
_DRAFT: Final = "https://json-schema.org/draft/2020-12/schema"
_DEFINITIONS: Final = "#/$defs/"

_WEEKEND: Final = {"from": "Fri 17:00", "until": "Mon 08:00"}
_EXAMPLES: Final[Mapping[str, Mapping[str, list[Any]]]] = {
    "Document": {
        "timezone": ["Europe/Warsaw", "UTC"],
        "database": ["sqlite:////var/lib/curfew/curfew.db", "postgresql+psycopg://curfew@db.example.com/curfew"],
        "accounts": [{"main": {"api_key": "${WOODPECKER_API_KEY}"}}],
        "metrics": [{"listen": "127.0.0.1:9464"}],
        "calendars": [{"poland": {"country": "PL"}, "company": {"dates": ["2026-12-24"]}}],
        "rules": [[{"name": "weekend", "campaigns": "all", "pause": _WEEKEND}]],
        "alerts": [{"to": "${CURFEW_ALERT_URL}", "digest": "weekly"}],
    },
    "AlertsSpec": {
        "to": ["${CURFEW_ALERT_URL}", ["${CURFEW_ALERT_URL}", {"credential": "alert-url"}]],
        "ping": ["${CURFEW_PING_URL}", {"url_file": "/etc/curfew/ping-url"}],
        "digest": ["weekly", "daily", "07:30", "Fri 16:00"],
    },
    "AddressSource": {
        "url_file": ["/etc/curfew/alert-url"],
        "credential": ["alert-url"],
    },
    "MetricsSpec": {
        "listen": ["127.0.0.1:9464", "[::1]:9464"],
    },
    "Account": {
        "api_key": ["${WOODPECKER_API_KEY}"],
        "api_key_file": ["/etc/curfew/api-key"],
        "credential": ["api-key"],
        "company_id": [98765],
        "base_url": ["https://api.woodpecker.co/rest", "http://127.0.0.1:8080/rest"],
    },
    "CalendarSpec": {
        "country": ["PL", "DE", "US"],
        "subdivision": ["BY", "CA"],
        "categories": ["school", ["public", "bank"]],
        "observed": [False],
        "dates": ["2026-12-24", ["2026-12-24", "2026-12-28/2026-12-31"]],
        "ics": ["company-closures.ics"],
        "include": ["poland", ["poland", "company"]],
        "extra": ["2026-12-24", ["2026-12-24", "2026-12-31"]],
        "except": ["Epiphany", ["Epiphany", "2026-05-01"]],
    },
    "CampaignsSpec": {
        "folders": ["EMEA", ["EMEA", "APAC"]],
        "names": ["DE *", ["DE *", "AT *"]],
        "ids": [1234567, [1234567, 1234568]],
        "except": [777, [777, "* test"]],
    },
    "Rule": {
        "name": ["weekend"],
        "campaigns": [[1234567, 1234568], "all", {"folders": ["EMEA"], "except": [777]}],
        "pause": [_WEEKEND, [{"on": "mon-fri", "from": "18:00", "until": "08:00"}, {"on": "weekends"}]],
        "account": ["main"],
        "timezone": ["Europe/Berlin"],
        "enabled": [False],
        "resume": [False, {"over": "30m"}],
        "enforce": [True],
        "catch_up": ["24h", "30m"],
        "description": ["Nobody reads sales mail on Christmas Day."],
    },
    "ResumeSpec": {
        "over": ["30m", "1h30m"],
    },
    "Entry": {
        "on": ["mon-fri", "last fri", "24 dec", ["sat", "sun", "poland"]],
        "from": ["17:00", "Fri 17:00", "2026-12-23 16:00", "-1d 16:00"],
        "until": ["08:00", "Mon 08:00", "2027-01-04 08:00", "+1d 09:00"],
        "for": ["36h", "1h30m"],
        "cron": ["0 17 * * 5"],
        "at": ["Fri 17:00", "2026-12-23 16:00"],
        "except": ["poland", ["fri", "24 dec"]],
        "between": ["2026-06-01/2026-08-31"],
        "months": ["dec", "jun-aug", ["mar", "jun", "sep", "dec"]],
    },
}


def json_schema() -> Schema:
    """Make the schema. It takes what `read` takes, and refuses what can be refused without the rest of the file."""
    found = Document.model_json_schema()
    parts: dict[str, Schema] = {**found.pop("$defs"), "Document": found}
    for name, part in parts.items():
        part["properties"] = {key: _property(name, key, value) for key, value in part["properties"].items()}
        part["description"] = _one_line(part["description"])
        del part["title"]
    _say_forms(parts)
    document = parts.pop("Document")
    return {"$schema": _DRAFT, "title": _TITLE, **document, "$defs": parts}


def _property(part: str, key: str, schema: Schema) -> Schema:
    kinds = _flat(schema.pop("anyOf", []))
    for pattern, value in schema.pop("patternProperties", {}).items():
        names = {"pattern": pattern, **schema.pop("propertyNames", {})}
        schema |= {"propertyNames": names, "additionalProperties": value}
    schema.pop("title", None)
    if schema.get("default") is None:
        schema.pop("default", None)
    description = _one_line(schema.pop("description"))
    return {
        "description": description,
        "examples": _EXAMPLES[part][key],
        **({"anyOf": kinds} if kinds else {}),
        **schema,
    }


def _flat(kinds: list[Schema]) -> list[Schema]:
    """Choices between choices as one list of choices."""
    return [each for kind in kinds for each in (_flat(kind["anyOf"]) if kind.keys() == {"anyOf"} else [kind])]


def _one_line(text: str) -> str:
    return " ".join(text.split())


def _say_forms(parts: dict[str, Schema]) -> None:
    """Add which keys go together, as the models check it."""
    parts["Account"]["oneOf"] = [_given("api_key"), _given("api_key_file"), _given("credential")]
    parts["AddressSource"]["oneOf"] = [_given("url_file"), _given("credential")]
    parts["AlertsSpec"]["anyOf"] = [_given("to"), _given("ping")]
    parts["AlertsSpec"] |= _if(_given("digest"), _given("to"))
    parts["CampaignsSpec"]["anyOf"] = [_given(key) for key in ("folders", "names", "ids", "except")]
    parts["CalendarSpec"] |= _calendar_forms(parts["CalendarSpec"]["properties"])
    parts["Entry"] |= _entry_forms()
    rule = parts["Rule"]["properties"]
    rule["catch_up"]["default"] = "24h"
    rule["campaigns"] = {
        **{key: rule["campaigns"][key] for key in ("description", "examples")},
        "anyOf": [{"const": "all"}, *parts["CampaignsSpec"]["properties"]["ids"]["anyOf"][:2], _ref("CampaignsSpec")],
    }
    several = {"required": ["accounts"], "properties": {"accounts": {"minProperties": 2}}}
    parts["Document"] |= _if(several, {"properties": {"rules": {"items": _given("account")}}})


def _calendar_forms(properties: Schema) -> Schema:
    of_country = [_if(_given(key), _given("country")) for key in ("subdivision", "categories", "observed")]
    dates = {"properties": {"except": {"anyOf": properties["dates"]["anyOf"]}}}
    return {
        "anyOf": [_given(key) for key in ("country", "dates", "ics", "include")],
        "allOf": [*of_country, _if(_absent("country", "ics", "include"), dates)],
    }


_DATE_FIRST: Final = r"^\s*\d{4}-"
_OFFSET_FIRST: Final = r"^\s*[+\-]"
_WEEKDAY_FIRST: Final = r"^\s*[A-Za-z]"
_TIME_ONLY: Final = r"^\s*\d{1,2}:"


def _entry_forms() -> Schema:
    days_alone = {"allOf": [_absent("until", "for"), _given("on")]}
    window = {
        "allOf": [
            {"oneOf": [_given("until"), _given("for")]},
            _begins("from"),
            _if(_looks("from", _DATE_FIRST), {"not": _looks("until", rf"{_WEEKDAY_FIRST}|{_TIME_ONLY}")}),
            _if({"not": _looks("from", _DATE_FIRST)}, {"not": _looks("until", _DATE_FIRST)}),
            _if(_looks("from", _WEEKDAY_FIRST), {"not": _looks("until", _TIME_ONLY)}),
        ]
    }
    hold = {"allOf": [_absent("from", "until", "for"), _begins("at")]}
    cron = _absent("on", "from", "until", "at")
    return _if(_given("cron"), cron, _if(_given("at"), hold, _if(_given("from"), window, days_alone)))


def _begins(key: str) -> Schema:
    """A time with a day of its own needs no other days; one without, or so many days off, does."""
    return _if(_looks(key, rf"{_DATE_FIRST}|{_WEEKDAY_FIRST}"), _absent("on"), _given("on"))


def _looks(key: str, pattern: str) -> Schema:
    return {"required": [key], "properties": {key: {"type": "string", "pattern": pattern}}}


def _given(key: str) -> Schema:
    # A key without a value is as if it weren't there.
    return {"required": [key], "properties": {key: {"not": {"type": "null"}}}}


def _absent(*keys: str) -> Schema:
    return {"properties": {key: {"type": "null"} for key in keys}}


def _if(condition: Schema, then: Schema, otherwise: Schema | None = None) -> Schema:
    return {"if": condition, "then": then, **({} if otherwise is None else {"else": otherwise})}


def _ref(name: str) -> Schema:
    return {"$ref": f"{_DEFINITIONS}{name}"}
