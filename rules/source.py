"""YAML 1.2 text as plain values, with the line and column of every one of them.

PyYAML reads YAML 1.1, in which `on` is true, `NO` is false, `17:00` is 1020 and `2026-12-24` a date. Here the
implicit types are those of the YAML 1.2 core schema (https://yaml.org/spec/1.2.2/#103-core-schema), so that all of
these stay the text that the user typed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final, NoReturn

import yaml
from yaml._yaml import CParser
from yaml.resolver import BaseResolver

MAX_BYTES: Final = 1024 * 1024
MAX_DEPTH: Final = 40
MAX_PROBLEMS: Final = 200
# A file of MAX_BYTES can't hold this many values, unless aliases multiply them.
MAX_VALUES: Final = 1_000_000

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; line and column count from 1, the column in characters."""

    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.line}:{self.column}"


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong in a file, and where; a warning is legal, but surely not meant, a note is neither."""

    place: Place
    path: str
    message: str
    is_warning: bool = False
    is_note: bool = False

    def __str__(self) -> str:
        kind = "warning: " if self.is_warning else "note: " if self.is_note else ""
        return f"{self.place}: {self.path}: {kind}{self.message}"


class SourceError(Exception):
    """The text isn't a file of rules; `problems` says all that's wrong with it, in the order of the file."""

    def __init__(self, problems: list[Problem]) -> None:
        super().__init__(problems)
        self.problems = _first_of(sorted(problems))


def _first_of(problems: list[Problem]) -> tuple[Problem, ...]:
    """Some problems, in order; of more than anyone would read, how many are left out and where they begin."""
    told, left_out = problems[:MAX_PROBLEMS], problems[MAX_PROBLEMS:]
    return (*told, *(replace(each, message=f"and {len(left_out)} more") for each in left_out[:1]))


@dataclass(frozen=True, slots=True)
class Source:
    """A file's value (mappings, lists, text, numbers, true, false, null), able to say where each part of it stands.

    `problems` are those of the text that leave a value all the same: duplicate keys, tags, numbers out of range.
    """

    value: object
    problems: tuple[Problem, ...]
    _root: yaml.Node | None = field(repr=False)
    # The keys of each mapping in which one was looked for, with their values: a file may have many problems.
    _keys: dict[int, dict[object, tuple[yaml.Node, yaml.Node]]] = field(
        default_factory=dict, init=False, compare=False, repr=False
    )

    def mapping(self, key: str) -> dict[str, Any]:
        """The mapping that is the value of a key; empty where there's none."""
        found = self.value.get(key) if isinstance(self.value, dict) else None
        return found if isinstance(found, dict) else {}

    def problem(self, path: Path, message: str, *, at_key: bool = False, is_warning: bool = False) -> Problem:
        """Put a message at the place of the value (or of its key) that `path` leads to.

        Where the path leads to nothing (a missing key), the place is that of the nearest value around it. A list
        index for a value that isn't a list is passed over: one entry may be written without its list.
        """
        node, place, shown = self._root, Place(1, 1), list[str | int]()
        if node is not None:
            place = _place(node)
        for step in path:
            if isinstance(step, int) and not isinstance(node, yaml.SequenceNode):
                continue
            shown.append(step)
            found = self._child(node, step)
            if found is not None:
                key, node = found
                place = _place(key if at_key and step is path[-1] else node)
            else:
                node = None
        return Problem(place, render(tuple(shown)), message, is_warning)

    def _child(self, node: yaml.Node | None, step: str | int) -> tuple[yaml.Node, yaml.Node] | None:
        if isinstance(node, yaml.MappingNode):
            if id(node) not in self._keys:
                # Of several the last, whose value is the mapping's.
                self._keys[id(node)] = {
                    key.value: (key, value) for key, value in node.value if isinstance(key, yaml.ScalarNode)
                }
            return self._keys[id(node)].get(step)
        if isinstance(node, yaml.SequenceNode) and isinstance(step, int) and step < len(node.value):
            return node.value[step], node.value[step]
        return None


def render(path: Path) -> str:
    """Write a path as a person would: `rules[2].pause.from`; the whole file is `(file)`."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{_key(step)}" for step in path)
    return text.removeprefix(".") or "(file)"


def _key(name: str) -> str:
    return name if name and name.isprintable() else repr(name)


def parse(content: bytes) -> Source:
    """Read a file's bytes as one YAML 1.2 document.

    Raises:
        SourceError: not UTF-8, not YAML, an alias bomb, or larger than `MAX_BYTES`: there's no value to speak of.
    """
    text = _decode(content)
    root = _compose(text)
    if root is None:
        raise _invalid(Place(1, 1), "the file is empty; `curfew check --help` shows where to begin")
    builder = _Builder()
    return Source(builder.build(root, (), 1), tuple(builder.problems), root)


def _invalid(place: Place, message: str) -> SourceError:
    return SourceError([Problem(place, render(()), message)])


def _decode(content: bytes) -> str:
    if len(content) > MAX_BYTES:
        raise _invalid(Place(1, 1), f"the file has {len(content)} bytes; at most {MAX_BYTES} are read")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8", "replace")
        raise _invalid(_end_of(before), f"not UTF-8 (byte 0x{content[error.start]:02x})") from None


def _end_of(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _compose(text: str) -> yaml.Node | None:
    try:
        node: yaml.Node | None = _Loader(text).get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        raise _invalid(place, f"not valid YAML: {error.problem or error.context}") from None
    except yaml.reader.ReaderError as error:
        # libyaml counts bytes here.
        place = _end_of(text.encode()[: error.position].decode("utf-8", "replace"))
        raise _invalid(place, f"not valid YAML: {error.reason}") from None
    return node


def _place(node: yaml.Node) -> Place:
    return Place(node.start_mark.line + 1, node.start_mark.column + 1)


class _Core(BaseResolver):
    """The implicit types of the YAML 1.2 core schema, without floats: nothing in a file of rules is one."""


_YAML_TAG: Final = "tag:yaml.org,2002:"
_TYPES: Final = {
    "null": re.compile(r"^(?:~|null|Null|NULL|)$"),
    "bool": re.compile(r"^(?:true|True|TRUE|false|False|FALSE)$"),
    "int": re.compile(r"^[-+]?[0-9]+$"),
}
_Core.add_implicit_resolver(f"{_YAML_TAG}null", _TYPES["null"], ["~", "n", "N", ""])
_Core.add_implicit_resolver(f"{_YAML_TAG}bool", _TYPES["bool"], list("tTfF"))
_Core.add_implicit_resolver(f"{_YAML_TAG}int", _TYPES["int"], list("-+0123456789"))


class _Loader(CParser, _Core):
    def __init__(self, text: str) -> None:
        CParser.__init__(self, text)
        _Core.__init__(self)


_NO_TAGS: Final = "tags ({}) aren't used here; remove it"


class _Builder:
    """Turns nodes into values, and collects what's wrong on the way."""

    def __init__(self) -> None:
        self.problems: list[Problem] = []
        self._count = 0

    def build(self, node: yaml.Node, path: Path, depth: int) -> object:
        self._count += 1
        if self._count > MAX_VALUES:
            self._give_up(node, path, f"aliases (*name) make more than {MAX_VALUES} values of this file")
        if depth > MAX_DEPTH:
            self._give_up(node, path, f"nested deeper than {MAX_DEPTH} levels")
        if isinstance(node, yaml.MappingNode) and self._untagged(node, path):
            return dict(self._items(node, path, depth))
        if isinstance(node, yaml.SequenceNode) and self._untagged(node, path):
            return [self.build(item, (*path, index), depth + 1) for index, item in enumerate(node.value)]
        return self._scalar(node, path) if isinstance(node, yaml.ScalarNode) else None

    def _untagged(self, node: yaml.Node, path: Path) -> bool:
        if node.tag in {"tag:yaml.org,2002:map", "tag:yaml.org,2002:seq"}:
            return True
        self._complain(node, path, _NO_TAGS.format(node.tag))
        return False

    def _items(self, node: yaml.MappingNode, path: Path, depth: int) -> Iterator[tuple[str, object]]:
        first_lines: dict[str, int] = {}
        for key, value in node.value:
            if not isinstance(key, yaml.ScalarNode):
                self._complain(key, path, "a key must be plain text")
                continue
            name = str(key.value)
            if name in first_lines:
                self._complain(key, (*path, name), f"duplicate key, first on line {first_lines[name]}")
            first_lines.setdefault(name, _place(key).line)
            yield name, self.build(value, (*path, name), depth + 1)

    def _scalar(self, node: yaml.ScalarNode, path: Path) -> object:
        kind = node.tag.removeprefix(_YAML_TAG)
        if kind != "str" and not (kind in _TYPES and _TYPES[kind].match(node.value)):
            self._complain(node, path, _NO_TAGS.format(node.tag))
            return None
        match kind:
            case "null":
                return None
            case "bool":
                return str(node.value).lower() == "true"
            case "int" if len(node.value) <= 18:
                return int(node.value)
            case "int":
                self._complain(node, path, "the number is too large")
                return None
        return node.value

    def _give_up(self, node: yaml.Node, path: Path, message: str) -> NoReturn:
        self._complain(node, path, message)
        raise SourceError(self.problems)

    def _complain(self, node: yaml.Node, path: Path, message: str) -> None:
        self.problems.append(Problem(_place(node), render(path), message))
