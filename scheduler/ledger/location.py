"""Where a ledger is, as a URL: `sqlite:///PATH`, in which `%XX` stands for a byte of the path (RFC 3986, 2.1)."""

from pathlib import Path
from typing import Final
from urllib.parse import unquote

_SQLITE: Final = "sqlite:///"
_EXAMPLE: Final = "sqlite:////var/lib/curfew/curfew.db"


def path_of(url: str) -> Path:
    """The path that a URL leads to.

    Raises:
        ValueError: it leads to no file of SQLite; the text says why, and doesn't repeat what may be a password.
    """
    if "://" not in url:
        raise ValueError(f"isn't a URL such as {_EXAMPLE}")
    path, question_mark, _ = url.removeprefix(_SQLITE).partition("?")
    if not url.startswith(_SQLITE) or not path:
        raise ValueError(f"only files of SQLite are supported, as in {_EXAMPLE}")
    if path == ":memory:" or path.startswith("file:"):
        raise ValueError(f"a ledger must be a file that stays, as in {_EXAMPLE}")
    if question_mark:
        raise ValueError("takes no parameters; write %3F for a question mark of the path")
    if "\0" in unquote(path):
        raise ValueError("no path has a zero byte in it")
    return Path(unquote(path))


def url_of(path: Path) -> str:
    """The URL that leads to a path."""
    return _SQLITE + str(path).replace("%", "%25").replace("?", "%3F")
