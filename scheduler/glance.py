"""Where the ledger of a file is, and its time zone, for who needs nothing else of it: the rest isn't even read."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import quote
from zoneinfo import ZoneInfo

from rules.source import MAX_BYTES, SourceError, parse
from scheduler.contents import Contents
from scheduler.ledger.location import Server, place_of, url_of
from scheduler.zonedata import use_newest

DEFAULT_FILE: Final = "curfew.yaml"
DEFAULT_DATABASE: Final = "sqlite:///curfew.db"
VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")
DATABASE_LINE: Final = re.compile(rb"^database:.*", re.MULTILINE)
_ZONE_LINE: Final = re.compile(rb"^timezone:.*", re.MULTILINE)
# Others, such as `localtime`, are for the whole file's reader to judge.
_PLACE: Final = re.compile(r"UTC|[A-Z][A-Za-z_]+(?:/[A-Z][A-Za-z_-]+){1,2}")
# What stands between the braces may be a key that was put there by mistake: only a plain name is shown.
_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,39}")
# Who logs in to a server, and with which password, in the URL of a ledger.
_LOGIN: Final = re.compile(r"postgresql(?:\+psycopg)?://([^/?#]*)@")

Environment = Mapping[str, str]


class UnusableError(ValueError):
    """A value that the file names can't be had; the text says why, without the value.

    `elsewhere`: the service may have it, though this process hasn't.
    """

    def __init__(self, message: str, *, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.elsewhere = elsewhere


@dataclass(frozen=True, slots=True)
class Glance:
    """What was seen of a file."""

    zone: ZoneInfo
    url: str


def glance(file: Path, environment: Environment) -> Glance | None:
    """Look for the two lines alone; None where they aren't plain, and the whole file must be read."""
    use_newest()
    try:
        content = Contents().read(file, MAX_BYTES)
        content.decode()
        zones, databases = _ZONE_LINE.findall(content), DATABASE_LINE.findall(content)
        if len(content) > MAX_BYTES or len(zones) != 1 or len(databases) > 1:
            return None
        value = parse(b"\n".join([*zones, *databases])).value
        if not isinstance(value, dict):
            return None
        zone, text = (value.get(name, "") for name in ("timezone", "database"))
        if not (isinstance(zone, str) and isinstance(text, str) and _PLACE.fullmatch(zone)):
            return None
        return Glance(ZoneInfo(zone), ledger_url(text or DEFAULT_DATABASE, file, environment))
    except (OSError, SourceError, ValueError, KeyError):
        return None


def ledger_url(text: str, file: Path, environment: Environment) -> str:
    """The URL of the ledger that a file names; a relative path counts from `$STATE_DIRECTORY`, else from its folder.

    Raises:
        ValueError: it names a variable that isn't set, or leads to nothing that can be a ledger.
    """
    if login := _LOGIN.match(text):
        # A password may have letters that mean something in a URL.
        text = text.replace(login[1], expand(login[1], environment, quoted=True), 1)
    place = place_of(expand(text, environment))
    if isinstance(place, Server):
        return place.url
    # systemd gives a list where several are asked for; the first is ours.
    folder = environment.get("STATE_DIRECTORY", "").partition(":")[0] or file.absolute().parent
    return url_of(folder / place)


def expand(text: str, environment: Environment, *, quoted: bool = False) -> str:
    """A text with the values of the variables that it names; `quoted`, as they are written in a URL.

    Raises:
        ValueError: one of them isn't set, or has no name.
    """

    def value(match: re.Match[str]) -> str:
        name = match[1]
        if not _NAME.fullmatch(name):
            raise UnusableError("what stands in ${...} isn't the name of a variable, as in ${WOODPECKER_API_KEY}")
        if name not in environment:
            raise UnusableError(f"the variable {name} isn't set")
        return quote(environment[name], safe="") if quoted else environment[name]

    return VARIABLE.sub(value, text)
