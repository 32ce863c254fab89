"""Good files of rules, and what becomes of them by accident: mutants, the same for the same seed."""

import random
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Final

from tests.readme import ROOT
from tests.scheduler_fakes import KEY

GOOD: Final = ROOT / "tests/data/config/good"
Accident = Callable[[bytes, random.Random], bytes]
_TOKEN: Final = re.compile(rb"[A-Za-z0-9_.+-]+|[^\sA-Za-z0-9_]")
# What a token may become that stands nowhere else in the file.
_ODD: Final = (
    b"", b"~", b"null", b"true", b"0", b"-1", b"9" * 30, b"1e9", b"[]", b"{}", b"[[[[", b"- -", b"? ", b": ", b"#",
    b"&a", b"*a", b"<<", b"!!int", b"!x", b"|", b">", b"---", b"...", b"%YAML 1.1", b"'", b'"', b"\\", b"@", b"`",
    b"\t", b"\n", b"\n  ", b"\x00", b"\x1b", b"\xff", b"\xef\xbb\xbf", "ż".encode(), "\N{GRINNING FACE}".encode(),
    b'"\\ud800"', b"24:00", b"25:00", b"00:00", b"fri", b"mon-fri", b"last", b"31", b"29 feb", b"2026-02-30",
    b"9999-12-31", b"0001-01-01", b"2199-12-31", b"-400d 00:00", b"+1d 24:00", b"9999999d", b"0s", b"* * * * *",
    b"0 0 30 2 *", b"Africa/Casablanca", b"UTC", b"${HOME}", b"${}", b"/dev/zero", b".", b"..", b"PL", b"US", b"all",
    b"except", b"include",
)  # fmt: skip


def lay_out(folder: Path) -> Mapping[str, str]:
    """Put the good files into a folder, with all that they include; gives the environment in which they are right."""
    for file in [*GOOD.glob("*.yaml"), ROOT / "config.example.yaml"]:
        content = file.read_bytes().replace(b"/run/keys/", b"keys/")
        # A daemon that lives with it asks nobody but this machine.
        (folder / file.name).write_bytes(content.replace(b"}@example.com", b"}@localhost:9"))
    (calendar,) = re.findall(r"^```ics\n(.*?)^```$", (ROOT / "docs/rules.md").read_text(), re.MULTILINE | re.DOTALL)
    (folder / "company-closures.ics").write_text(calendar)
    for name in ("keys/acme", "keys/other", "credentials/acme-key"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(KEY)
    for name in ("alert-url", "credentials/alert-url"):
        (folder / name).write_text("json://localhost:9/")
    (folder / "credentials/ping-url").write_text("http://localhost:9/")
    return {
        "WOODPECKER_API_KEY": KEY,
        "CURFEW_ALERT_URL": "json://localhost:9/",
        "PASSWORD": KEY,
        "CREDENTIALS_DIRECTORY": str(folder / "credentials"),
    }


def mutant(content: bytes, other: bytes, seed: int) -> bytes:
    """A file after one to four accidents; `other` is one of which parts may have got into it."""
    accidents: list[Accident] = [*ACCIDENTS, partial(mix, other)]
    chance = random.Random(seed)  # noqa: S311 -- the same each time
    for _ in range(chance.choice((1, 1, 2, 4))):
        content = chance.choice(accidents)(content, chance)
    return content


def flip_bits(content: bytes, chance: random.Random) -> bytes:
    """Some bits are others."""
    found = bytearray(content or b" ")
    for _ in range(chance.randint(1, 8)):
        found[chance.randrange(len(found))] ^= 1 << chance.randrange(8)
    return bytes(found)


def truncate(content: bytes, chance: random.Random) -> bytes:
    """The end is missing."""
    return content[: chance.randrange(len(content) + 1)]


def remove_lines(content: bytes, chance: random.Random) -> bytes:
    """Some lines in a row are missing."""
    lines = content.splitlines(keepends=True)
    start = chance.randrange(len(lines) + 1)
    return b"".join([*lines[:start], *lines[start + chance.randint(1, 4) :]])


def repeat_lines(content: bytes, chance: random.Random) -> bytes:
    """Some lines in a row are there once more, somewhere."""
    lines = content.splitlines(keepends=True)
    start, place = chance.randrange(len(lines) + 1), chance.randrange(len(lines) + 1)
    return b"".join([*lines[:place], *lines[start : start + chance.randint(1, 4)], *lines[place:]])


def swap_lines(content: bytes, chance: random.Random) -> bytes:
    """Two lines have changed their places."""
    lines = content.splitlines(keepends=True) or [b""]
    first, second = chance.randrange(len(lines)), chance.randrange(len(lines))
    lines[first], lines[second] = lines[second], lines[first]
    return b"".join(lines)


def indent_lines(content: bytes, chance: random.Random) -> bytes:
    """Some lines in a row are further in, or further out."""
    lines = content.splitlines(keepends=True)
    start, by = chance.randrange(len(lines) + 1), chance.choice((-2, -1, 1, 2))
    for place in range(start, min(start + chance.randint(1, 4), len(lines))):
        lines[place] = b" " * by + lines[place] if by > 0 else lines[place].removeprefix(b" " * -by)
    return b"".join(lines)


def replace_token(content: bytes, chance: random.Random) -> bytes:
    """A word or mark is another one of the same file, or an odd one."""
    tokens = list(_TOKEN.finditer(content))
    if not tokens:
        return chance.choice(_ODD)
    place = chance.choice(tokens)
    new = chance.choice(_ODD) if chance.random() < 0.6 else chance.choice(tokens)[0]
    return content[: place.start()] + new + content[place.end() :]


def mix(other: bytes, content: bytes, chance: random.Random) -> bytes:
    """Some lines of another file have got into it."""
    lines, more = content.splitlines(keepends=True), other.splitlines(keepends=True)
    place, start = chance.randrange(len(lines) + 1), chance.randrange(len(more) + 1)
    return b"".join([*lines[:place], *more[start : start + chance.randint(1, 4)], *lines[place:]])


ACCIDENTS: Final[tuple[Accident, ...]] = (
    flip_bits, truncate, remove_lines, repeat_lines, swap_lines, indent_lines, replace_token, replace_token,
)  # fmt: skip
