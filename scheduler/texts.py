"""Text from elsewhere, made fit to be shown to a person."""

import re
from typing import Final

_LONGEST: Final = 60
# What stands in quotes, and any other run without the marks that part the steps of a path.
_ECHO: Final = re.compile(r"""(?<!\w)(?:'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*")|[^\s./:'"\[\]]+""")
# What begins a mention (@channel, <!channel>), what makes a link of a text, and a block of code of what follows.
_ACTIVE: Final = re.compile(r"@|<|:/|www\.|`(?=`)", re.IGNORECASE)


def printable(value: object) -> str:
    """As it is, but unable to move the cursor or to forge a line."""
    text = "" if value is None else str(value)
    if text.isprintable():
        return text
    return "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text)


def escaped(text: str) -> str:
    """With a backslash escape in the place of whatever could move the cursor, forge a line or turn the direction."""
    if text.isprintable():
        return text
    return "".join(
        letter if letter.isprintable() else letter.encode("unicode_escape").decode("ascii") for letter in text
    )


def brief(message: str) -> str:
    """A message for one line, in which each value that it repeats is cut where it's long."""
    return _ECHO.sub(_cut, printable(message))


def _cut(match: re.Match[str]) -> str:
    found = match[0]
    if len(found) <= _LONGEST + 2:
        return found
    quote = found[0] if found[0] in "'\"" else ""
    return f"{found[:_LONGEST]}…{quote}"


def inert(text: str) -> str:
    """With an invisible sign in whatever a chat would take for a mention of people, or for a link."""
    return _ACTIVE.sub(lambda found: f"{found[0][0]}\N{WORD JOINER}{found[0][1:]}", text)
