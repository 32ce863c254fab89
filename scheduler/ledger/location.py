"""Where a ledger is, as a URL.

`sqlite:///PATH` is a file, in which `%XX` stands for a byte of the path (RFC 3986, 2.1). A database of a PostgreSQL
server is `postgresql+psycopg://USER@HOST/DATABASE`, with parameters of libpq after a `?`.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

_SQLITE: Final = "sqlite:///"
_SERVERS: Final = ("postgresql+psycopg://", "postgresql://")
_EXAMPLE: Final = "sqlite:////var/lib/curfew/curfew.db"
_SERVER_EXAMPLE: Final = "postgresql+psycopg://curfew@db.example.com/curfew"
_SECRETS: Final = ("password", "sslpassword")


@dataclass(frozen=True, slots=True)
class Server:
    """A database of a PostgreSQL server; its text, for messages, has neither the password nor the parameters."""

    url: str = field(repr=False)
    password: str = field(repr=False)
    name: str

    def __str__(self) -> str:
        return self.name


def place_of(url: str) -> Path | Server:
    """Where a URL leads to: a file of SQLite, or a database of a server.

    Raises:
        ValueError: it leads to neither; the text says why, and doesn't repeat what may be a password.
    """
    return _server(url) if url.startswith(_SERVERS) else path_of(url)


def path_of(url: str) -> Path:
    """The path that a URL leads to.

    Raises:
        ValueError: it leads to no file of SQLite; the text says why, and doesn't repeat what may be a password.
    """
    if "://" not in url:
        raise ValueError(f"isn't a URL such as {_EXAMPLE}")
    path, question_mark, _ = url.removeprefix(_SQLITE).partition("?")
    if not url.startswith(_SQLITE) or not path:
        raise ValueError(f"only SQLite and PostgreSQL are supported, as in {_EXAMPLE} or {_SERVER_EXAMPLE}")
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


def _server(url: str) -> Server:
    """A server's database, where it's written so that nothing of a password can be taken for something else."""
    address, _, query = url.partition("?")
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        raise ValueError(_malformed()) from None
    name = parts.path.removeprefix("/")
    if address.count("@") > 1 or set("@/") & set(name) or parts.fragment or not url.isprintable() or " " in url:
        raise ValueError(_malformed())
    if not name:
        raise ValueError(f"names no database, as the last word does in {_SERVER_EXAMPLE}")
    if any(key in _SECRETS for key, _ in parse_qsl(query, keep_blank_values=True)):
        raise ValueError("a password doesn't belong after the question mark; keep it in PGPASSWORD or in ~/.pgpass")
    user = f"{parts.username}@" if parts.username else ""
    where = (parts.hostname or "") + (f":{port}" if port else "")
    return Server(url, unquote(parts.password or ""), f"postgresql://{user}{where}/{name}")


def _malformed() -> str:
    return (
        f"isn't a URL such as {_SERVER_EXAMPLE}; in a password, letters such as @ : / ? # are written as %XX, "
        "or it's kept in PGPASSWORD or in ~/.pgpass"
    )
