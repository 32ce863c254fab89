"""From a source to the document, with everything that's wrong with it in one go."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from rules.days import parse_days
from rules.document.models import Document, Names, wrong_keys
from rules.document.types import got
from rules.notation import few_hints, nearest
from rules.source import Path, Problem, Source, SourceError, render

# So many calendars may include one another in a row; of a longer circle not every one is named.
_MOST_INCLUDES: Final = 20
_MOST_SHOWN: Final = 6
# For so many wrong words the nearest right one is looked for.
_MOST_HINTS: Final = 50


def read(source: Source) -> Document:
    """Read a source as a file of rules.

    Everything that can be said of the file without the network, the environment or the clock is checked here.

    Raises:
        SourceError: with every problem of the file, each at its line and column.
    """
    with few_hints(_MOST_HINTS):
        return _read(source)


def _read(source: Source) -> Document:
    problems = [*source.problems, *_clashing_names(source), *_circles(source)]
    try:
        document = Document.model_validate(source.value, context=_names(source))
    except ValidationError as error:
        # Where the text was wrong already, what's said of its value would be a riddle.
        known = {(problem.place, problem.path) for problem in source.problems}
        errors = error.errors(include_url=False)
        found = (*(_problem(source, each) for each in errors), *_hidden_forms(source, errors))
        problems += [problem for problem in found if (problem.place, problem.path) not in known]
    if problems:
        raise SourceError(problems)
    return document


def _hidden_forms(source: Source, errors: Iterable[ErrorDetails]) -> Iterator[Problem]:
    """Entries of which a value is wrong and the keys don't go together either: pydantic looks at those only then."""
    inside = [error for error in errors if error["loc"][2:3] == ("pause",) and len(error["loc"]) > 4]
    # A misspelt key may be the one that seems to be missing.
    misspelt = {error["loc"][:4] for error in inside if error["type"] == "extra_forbidden"}
    for path in sorted({error["loc"][:4] for error in inside} - misspelt, key=str):
        entry = _found(source.value, path)
        wrong = wrong_keys([key for key, value in entry.items() if value is not None])
        if wrong is not None and wrong[0]:
            yield source.problem((*path, wrong[0]), wrong[1])


def _found(value: object, path: Path) -> dict[str, Any]:
    """The mapping that a path leads to; one value may stand without its list."""
    for step in path:
        if isinstance(value, list) and isinstance(step, int):
            value = value[step]
        elif isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
    return value if isinstance(value, dict) else {}


def _names(source: Source) -> Names:
    return Names(frozenset(source.mapping("accounts")), frozenset(source.mapping("calendars")))


def _clashing_names(source: Source) -> Iterator[Problem]:
    for calendar in sorted(source.mapping("calendars")):
        if _means_days(calendar):
            message = f"{calendar!r} means days by itself; choose another name"
            yield source.problem(("calendars", calendar), message, at_key=True)
    rules = source.value.get("rules") if isinstance(source.value, dict) else None
    seen: dict[str, int] = {}
    for index, rule in enumerate(rules if isinstance(rules, list) else ()):
        name = rule.get("name") if isinstance(rule, dict) else None
        if isinstance(name, str) and seen.setdefault(name, index) != index:
            yield source.problem(("rules", index, "name"), f"{name!r} is also the name of rules[{seen[name]}]")


def _means_days(name: str) -> bool:
    try:
        return parse_days(name) is not None
    except ValueError:
        return True


def _circles(source: Source) -> Iterator[Problem]:
    """Calendars that include themselves, on whatever way round; without any, chains of includes that are too long."""
    calendars = source.mapping("calendars")
    includes = {
        name: [other for other in _included(calendar) if other in calendars] for name, calendar in calendars.items()
    }
    circles, depths = _walk(includes)
    for name, way in circles.items():
        yield source.problem(("calendars", name, "include"), f"it includes itself: {' -> '.join(way)}")
    if not circles:
        # Those that include one of these would only say it again.
        for name in (name for name, depth in depths.items() if depth == _MOST_INCLUDES + 1):
            message = f"calendars that include one another make a chain of more than {_MOST_INCLUDES}; shorten it"
            yield source.problem(("calendars", name, "include"), message)


def _ways_round(circle: list[str]) -> Iterator[tuple[str, list[str]]]:
    """Each calendar of a circle, with the way from it back to itself, or the beginning of a long one."""
    for place, name in enumerate(circle):
        way = [*circle[place : place + _MOST_SHOWN], *circle[: max(place + _MOST_SHOWN - len(circle), 0)]]
        yield name, [*way[: len(circle)], *(["..."] if len(circle) > _MOST_SHOWN else []), name]


def _included(calendar: object) -> list[str]:
    include = calendar.get("include") if isinstance(calendar, dict) else None
    return [name for name in (include if isinstance(include, list) else [include]) if isinstance(name, str)]


def _walk(includes: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, int]]:
    """Calendars that include themselves, each with the way round, and how long a row each makes with its includes."""
    circles: dict[str, list[str]] = {}
    depths: dict[str, int] = {}
    for start in includes:
        if start in depths:
            continue
        # The calendars on the way, each with its place on it, and what's left of the includes of each.
        way, left = {start: 0}, [iter(includes[start])]
        while left:
            other = next((each for each in left[-1] if each not in depths), None)
            if other is None:
                left.pop()
                done, _ = way.popitem()
                depths[done] = 1 + max((depths.get(each, 0) for each in includes[done]), default=0)
            elif other in way:
                if other not in circles:
                    for name, way_round in _ways_round(list(way)[way[other] :]):
                        circles.setdefault(name, way_round)
            else:
                way[other] = len(way)
                left.append(iter(includes[other]))
    return circles, depths


_MESSAGES: Final = {
    "missing": "is required",
    "string_type": "must be text{got}",
    "int_type": "must be a whole number{got}",
    "int_parsing": "must be a whole number{got}",
    "bool_type": "must be true or false{got}",
    "list_type": "must be a list{got}",
    "dict_type": "must be a mapping (key: value){got}",
    "model_type": "must be a mapping (key: value){got}",
    "too_short": "must not be empty",
    "greater_than": "must be greater than 0{got}",
}
_WORD: Final = re.compile(r"[a-z_-]{1,20}", re.IGNORECASE)
# Steps of pydantic's own in the way to a value.
_NOT_IN_THE_FILE: Final = frozenset({"[key]", "[ids]", "[selector]", "[whether]", "[how]", "[address]", "[source]"})
# Whatever stands in the wrong place there may be a key, as in `{api_key:x}` without a space, or an address with one.
_SECRETS: Final = {"accounts": "the API key", "alerts": "a secret"}


def _problem(source: Source, error: ErrorDetails) -> Problem:
    path: Path = tuple(step for step in error["loc"] if step not in _NOT_IN_THE_FILE)
    kind, context = error["type"], error.get("ctx", {})
    secret = _SECRETS.get(str(path[0])) if path else None
    if kind == "extra_forbidden":
        hint = nearest(str(path[-1]), _keys_of_model(path[:-1]))
        if secret and not (hint and _WORD.fullmatch(str(path[-1]))):
            message = f"unknown key, not shown since it may be {secret}; is there a space after each colon?"
            return replace(source.problem(path, message, at_key=True), path=render(path[:-1]))
        return source.problem(path, f"unknown key {path[-1]!r}{hint}", at_key=True)
    if kind == "at_key":
        return source.problem((*path, context["key"]), context["message"])
    if kind == "value_error":
        return source.problem(path, str(context["error"]), at_key=error["loc"][-1] == "[key]")
    template = _MESSAGES.get(kind, error["msg"])
    message = template.format(got="" if secret else got(error["input"]))
    if kind == "string_type" and isinstance(error["input"], int):
        message += "; put it in quotes if it's meant so"
    return source.problem(path, message)


def _keys_of_model(path: Path) -> Iterable[str]:
    """The keys that the mapping at a path of the file may have."""
    model: type[BaseModel] = Document
    for step in path:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if isinstance(step, str) and step in fields:
            model = next(_models_in(fields[step].annotation), model)
    return [field.alias or name for name, field in model.model_fields.items()]


def _models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for argument in get_args(annotation):
        yield from _models_in(argument)
