"""From file and environment to what the daemon works with: rules, accounts with their keys, the ledger's URL."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from hashlib import sha256
from pathlib import Path
from typing import Final

from rules.calendars import Calendar, Source
from rules.document import Account as AccountSpec
from rules.document import Document, check_ping_url, read
from rules.entries import compile_calendars, compile_rules
from rules.ics import LARGEST as LARGEST_ICS
from rules.ics import read_ics
from rules.notation import Moment
from rules.ruleset import Ruleset
from rules.source import MAX_BYTES, Place, Problem, SourceError, parse, render
from rules.source import Path as ValuePath
from rules.source import Source as Text
from scheduler.contents import Contents, Stamp
from scheduler.errors import WrongFile, reason
from scheduler.glance import (
    DATABASE_LINE,
    DEFAULT_DATABASE,
    VARIABLE,
    UnusableError,
    expand,
    ledger_url,
)
from scheduler.glance import Environment as Environment
from scheduler.zonedata import ZoneData, use_newest

_KEY_SOURCES: Final = ("api_key", "api_key_file", "credential")
_MAX_KEY_BYTES: Final = 4096
_BY_HAND: Final = "start it as the service, or write {} to run it by hand"
# Where else than in the file an address may stand: like a key, it may be a secret.
_ADDRESS_SOURCES: Final = ("url_file", "credential")
_PING: Final[ValuePath] = ("alerts", "ping")
_A: Final = {"key": "a key", "address": "an address"}

CheckAddress = Callable[[str], str | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where one account's calls go, and with which key; the key is in no `repr`."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    company_id: int | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where something is sent, which may be a secret and is in no `repr`, and where the file says so."""

    path: ValuePath
    url: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alerts:
    """Who is told when something needs a person, what's called while all is well, and when a summary is due."""

    to: tuple[Address, ...] = ()
    ping: Address | None = None
    digest: Moment | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A file that was read and found right, with the keys of its accounts where they were asked for.

    `content` is the file's bytes, which may hold keys. `digest` is the SHA-256 of these and of its `ics` files, in
    hexadecimal; `ics_digests` are those of each such file, by its calendar. `stamp` has all files that were read, those
    of keys too. `unchecked` says which keys and addresses only the service has.
    """

    file: Path
    content: bytes = field(repr=False)
    digest: str
    document: Document
    ruleset: Ruleset
    calendars: Mapping[str, Calendar]
    zone_data: ZoneData
    ics_digests: Mapping[str, str]
    source: Text = field(repr=False)
    stamp: Stamp = field(repr=False)
    accounts: tuple[Account, ...] = ()
    alerts: Alerts = Alerts()
    unchecked: tuple[Problem, ...] = ()


def load(
    file: Path,
    environment: Environment | None = None,
    *,
    every_key: bool = False,
    check_address: CheckAddress | None = None,
) -> Settings:
    """Read a file of rules, and with an environment also the keys of its accounts: a plan can be made without.

    A credential that only the service has is left unchecked, unless `every_key` is asked for. `check_address` says why
    nothing can be sent to an address of `alerts.to`, None where something can.

    Raises:
        WrongFile: with every problem of the file, in its order.
    """
    contents = Contents()
    try:
        keys = _Keys(file, environment, contents, check_address) if environment is not None else None
        return _load(contents, file, keys, environment, every_key=every_key)
    except WrongFile as error:
        error.stamp = contents.stamp
        raise


def _load(
    contents: Contents, file: Path, keys: "_Keys | None", environment: Environment | None, *, every_key: bool
) -> Settings:
    zone_data = use_newest()
    content = _content(contents, file)
    try:
        source = parse(content)
    except SourceError as error:
        raise WrongFile(str(file), error.problems, content) from None
    included = _Included(source, file, contents)
    problems = [*_database_problems(source, file, environment), *included.problems]
    if keys is not None:
        problems += keys.problems(source, every_key=every_key)
    accounts: tuple[Account, ...] = ()
    try:
        document = read(source)
    except SourceError as error:
        problems += error.problems
    else:
        accounts = tuple(keys.accounts(document)) if keys is not None else ()
        problems += _twins(source, accounts)
    if any(not problem.is_note for problem in problems):
        raise WrongFile(str(file), tuple(sorted(problems)), content)
    calendars = compile_calendars(document, included.calendars)
    return Settings(
        file=file,
        content=content,
        digest=sha256(b"".join([content, *included.contents.values()])).hexdigest(),
        document=document,
        ruleset=compile_rules(document, calendars),
        calendars=calendars,
        zone_data=zone_data,
        ics_digests={name: sha256(each).hexdigest() for name, each in included.contents.items()},
        source=source,
        stamp=contents.stamp,
        accounts=accounts,
        alerts=keys.alerts(source, document) if keys is not None else Alerts(),
        unchecked=tuple(problems),
    )


class _Included:
    """The `ics` files that a file of rules names, and what's wrong with them."""

    def __init__(self, source: Text, file: Path, contents: Contents) -> None:
        self._all = contents
        self.calendars: dict[str, Source] = {}
        self.contents: dict[str, bytes] = {}
        self.problems: list[Problem] = []
        for name, spec in source.mapping("calendars").items():
            text = spec.get("ics") if isinstance(spec, dict) else None
            if isinstance(text, str) and text.strip():
                try:
                    self._read(name, file.parent / text)
                except (ValueError, OSError) as error:
                    why = reason(error) if isinstance(error, OSError) else str(error)
                    self.problems.append(source.problem(("calendars", name, "ics"), f"{text!r}: {why}"))

    def _read(self, name: str, path: Path) -> None:
        content = self._all.read(path, LARGEST_ICS)
        self.calendars[name] = read_ics(content)
        self.contents[name] = content


def database_url(settings: Settings, environment: Environment) -> str:
    """The URL of the ledger; a relative path counts from `$STATE_DIRECTORY`, else from the file's folder.

    Raises:
        WrongFile: it names a variable that isn't set, or leads to nothing that can be a ledger.
    """
    try:
        return ledger_url(settings.document.database or DEFAULT_DATABASE, settings.file, environment)
    except ValueError as error:
        problem = settings.source.problem(("database",), str(error))
        raise WrongFile(str(settings.file), (problem,)) from None


def ledger_of_content(content: bytes, file: Path, environment: Environment) -> str | None:
    """The URL of the ledger of a file, though it may be wrong elsewhere; None where that can't be told."""
    try:
        text = _database_of(content) or _database_of(b"".join(DATABASE_LINE.findall(content)[:1]))
        return ledger_url(text or DEFAULT_DATABASE, file, environment)
    except ValueError:
        return None


def _database_of(content: bytes) -> str | None:
    """What a file, or a part of it, says of the database."""
    try:
        value = parse(content).value
    except SourceError:
        return None
    text = value.get("database") if isinstance(value, dict) else None
    return text if isinstance(text, str) else None


def _content(contents: Contents, file: Path) -> bytes:
    try:
        content = contents.read(file, MAX_BYTES)
    except OSError as error:
        hint = "; say which file with --config" if isinstance(error, FileNotFoundError) else ""
        message = f"{reason(error)}{hint}"
    else:
        if len(content) <= MAX_BYTES:
            return content
        message = f"the file is too large; at most {MAX_BYTES} bytes are read"
    raise WrongFile(str(file), (Problem(Place(1, 1), render(()), message),))


def _database_problems(source: Text, file: Path, environment: Environment | None) -> Iterator[Problem]:
    text = source.value.get("database") if isinstance(source.value, dict) else None
    if not isinstance(text, str) or not text.strip() or (environment is None and VARIABLE.search(text)):
        return
    try:
        ledger_url(text, file, environment or {})
    except ValueError as error:
        yield source.problem(("database",), str(error))


class _Keys:
    """The keys of the accounts and the addresses of alerts, as the environment and files beside the file have them."""

    def __init__(
        self, file: Path, environment: Environment, contents: Contents, check_address: CheckAddress | None
    ) -> None:
        self._check_address = check_address
        self._file = file
        self._environment = environment
        self._contents = contents

    def problems(self, source: Text, *, every_key: bool) -> Iterator[Problem]:
        """What's wrong with them, also where the rest of the file is wrong: all errors come in one go."""
        for path, key, text in (*_key_texts(source), *_address_texts(source)):
            is_address = path[0] == "alerts"
            try:
                found = self._key(key, text, "address" if is_address else "key")
                if is_address:
                    self._check(path, found)
            except UnusableError as error:
                is_note = error.elsewhere and not every_key
                instead = "an address or url_file" if is_address else "api_key or api_key_file"
                end = "not checked" if is_note else _BY_HAND.format(instead)
                problem = source.problem(path, f"{error}; {end}" if error.elsewhere else str(error))
                yield replace(problem, is_note=is_note)
            except ValueError as error:
                yield source.problem(path, str(error))

    def _check(self, path: ValuePath, url: str) -> None:
        if _is_ping(path):
            check_ping_url(url)
        elif self._check_address is not None and (wrong := self._check_address(url)):
            raise ValueError(wrong)

    def accounts(self, document: Document) -> Iterator[Account]:
        """The accounts whose keys can be had here."""
        for name, spec in document.accounts.items():
            try:
                api_key = self._key(*_key_source(spec))
            except UnusableError:
                continue
            yield Account(name=name, base_url=spec.base_url, api_key=api_key, company_id=spec.company_id)

    def alerts(self, source: Text, document: Document) -> Alerts:
        """Where alerts go, as far as the addresses can be had here."""
        if document.alerts is None:
            return Alerts()
        found: dict[bool, list[Address]] = {True: [], False: []}
        for path, key, text in _address_texts(source):
            with suppress(UnusableError):
                found[_is_ping(path)].append(Address(path, self._key(key, text)))
        return Alerts(to=tuple(found[False]), ping=next(iter(found[True]), None), digest=document.alerts.digest)

    def _key(self, key: str, text: str, what: str = "key") -> str:
        if key in {"api_key", "url"}:
            return well_formed(expand(text, self._environment), what)
        if key in {"api_key_file", "url_file"}:
            return well_formed(self._read(self._file.parent / expand(text, self._environment), what), what)
        folder = self._environment.get("CREDENTIALS_DIRECTORY")
        if not folder:
            raise UnusableError("systemd credentials are there for the service only", elsewhere=True)
        if "/" in text:
            raise UnusableError("must be the name of a credential, not a path")
        return well_formed(self._read(Path(folder, text), what), what)

    def _read(self, path: Path, what: str) -> str:
        # The path isn't shown: it may be the key itself, in the wrong place.
        try:
            content = self._contents.read(path, _MAX_KEY_BYTES)
        except OSError as error:
            raise UnusableError(f"the {what} can't be read: {reason(error)}") from None
        if len(content) > _MAX_KEY_BYTES or not content.isascii():
            raise UnusableError(f"the file doesn't hold {_A[what]}")
        return content.decode("ascii")


def _key_texts(source: Text) -> Iterator[tuple[ValuePath, str, str]]:
    for name, account in source.mapping("accounts").items():
        for key in _KEY_SOURCES:
            text = account.get(key) if isinstance(account, dict) else None
            if isinstance(text, str):
                yield ("accounts", name, key), key, text


def _address_texts(source: Text) -> Iterator[tuple[ValuePath, str, str]]:
    alerts = source.mapping("alerts")
    to = alerts.get("to")
    several = enumerate(to if isinstance(to, list) else [to])
    for path, given in (*((("alerts", "to", index), each) for index, each in several), (_PING, alerts.get("ping"))):
        if isinstance(given, str):
            yield path, "url", given
        for key in _ADDRESS_SOURCES if isinstance(given, dict) else ():
            if isinstance(given.get(key), str):
                yield (*path, key), key, given[key]


def _is_ping(path: ValuePath) -> bool:
    return path[: len(_PING)] == _PING


def _twins(source: Text, accounts: Iterable[Account]) -> Iterator[Problem]:
    """Names for the same account: each would have a lane of its own, and rules that know nothing of the other's."""
    seen: dict[Account, str] = {}
    for account in accounts:
        first = seen.setdefault(replace(account, name=""), account.name)
        if first != account.name:
            message = (
                f"is the same account as {first!r}; put its rules there, or say which client it is with company_id"
            )
            yield source.problem(("accounts", account.name), message, at_key=True)


def _key_source(spec: AccountSpec) -> tuple[str, str]:
    if spec.api_key is not None:
        return "api_key", spec.api_key.get_secret_value()
    if spec.api_key_file is not None:
        return "api_key_file", spec.api_key_file
    return "credential", spec.credential or ""


def well_formed(text: str, what: str = "key") -> str:
    """A key, or what is named so in errors, without the blanks and line ends around it.

    Raises:
        ValueError: it's none.
    """
    key = text.strip()
    if not key:
        raise UnusableError(f"the {what} is empty")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise UnusableError(f"{_A[what]} has only visible ASCII characters, without spaces")
    return key
