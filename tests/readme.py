"""The README, taken apart: its blocks of code, and the commands in them."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent
_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def blocks(language: str, page: str = "README.md") -> list[str]:
    """The blocks of one language, in order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [content for found, content in _BLOCK.findall(text) if found == language]


def commands(block: str) -> list[str]:
    """The commands of a block, without what is said of them."""
    lines = (line.partition("  #")[0].strip() for line in block.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def block_with(words: str, page: str = "README.md") -> list[str]:
    """The commands of the one block of shell that has these words in it."""
    (found,) = [block for block in blocks("sh", page) if words in block]
    return commands(found)
