"""Text from outside, as it may be shown."""

import unicodedata
from typing import Final

AGAIN: Final = "correct it in the calendar, and export it again"
_LONGEST: Final = 200


def printable(text: str) -> str:
    """Text from outside as one line of at most 200 characters, all of which can be seen."""
    line = " ".join(visible(text[: 20 * _LONGEST]).split())
    return line if len(line) <= _LONGEST else line[: _LONGEST - 1] + "…"


def visible(text: str) -> str:
    """Text without what can't be seen, in one line however long."""
    return "".join(each if each.isprintable() else _stand_in(each) for each in text)


def _stand_in(character: str) -> str:
    # What steers the direction of text or joins characters goes; what separates becomes a space.
    return "" if unicodedata.category(character) == "Cf" else " "
