"""From file and environment to what the daemon works with: rules, accounts with their keys, the ledger's URL."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from rules.document import Account as AccountSpec
from rules.document import Document, read
from rules.ruleset import Ruleset, compile_rules
from rules.source import Path as ValuePath
from rules.source import Place, Problem, Source, SourceError, parse, render
from scheduler.errors import WrongFile

DEFAULT_FILE: Final = "curfew.yaml"
DEFAULT_DATABASE: Final = "sqlite:///curfew.db"
_SQLITE: Final = "sqlite:///"
_KEY_SOURCES: Final = ("api_key", "api_key_file", "credential")
_MAX_KEY_BYTES: Final = 4096
_VARIABLE: Final = re.compile(r"\$\{([^}]*)\}")

Environment = Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Where one account's calls go, and with which key; the key is in no `repr`."""

    name: str
    base_url: str
    api_key: str = field(repr=False)
    company_id: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """A file that was read and found right, with the keys of its accounts where they were asked for.

    `digest` is the SHA-256 of the file's bytes, in hexadecimal.
    """

    file: Path
    digest: str
    document: Document
    ruleset: Ruleset
    source: Source = field(repr=False)
    accounts: tuple[Account, ...] = ()
    warnings: tuple[Problem, ...] = ()


class _NoKeyError(Exception):
    """A key can't be had; the text says why. `elsewhere`: the service may have it, though this process hasn't."""

    def __init__(self, message: str, *, elsewhere: bool = False) -> None:
        super().__init__(message)
        self.elsewhere = elsewhere


def load(file: Path, environment: Environment | None = None) -> Settings:
    """Read a file of rules, and with an environment also the keys of its accounts: a plan can be made without.

    Raises:
        WrongFile: with every problem of the file, in its order.
    """
    content = _content(file)
    problems: list[Problem] = []
    try:
        source = parse(content)
        problems += _key_problems(source, file, environment or {}) if environment is not None else ()
        document = read(source)
    except SourceError as error:
        problems += error.problems
    if any(not problem.is_warning for problem in problems):
        raise WrongFile(str(file), tuple(sorted(problems)))
    return Settings(
        file=file,
        digest=sha256(content).hexdigest(),
        document=document,
        ruleset=compile_rules(document),
        source=source,
        accounts=tuple(_accounts(document, file, environment)) if environment is not None else (),
        warnings=tuple(problems),
    )


def database_url(settings: Settings, environment: Environment) -> str:
    """The URL of the ledger; a relative SQLite path counts from `$STATE_DIRECTORY`, else from the file's folder.

    Raises:
        WrongFile: it names a variable that isn't set.
    """
    try:
        url = _expand(settings.document.database or DEFAULT_DATABASE, environment)
    except _NoKeyError as error:
        raise WrongFile(str(settings.file), (settings.source.problem(("database",), str(error)),)) from None
    if not url.startswith(_SQLITE):
        return url
    # systemd gives a list where several are asked for; the first is ours.
    folder = environment.get("STATE_DIRECTORY", "").partition(":")[0] or settings.file.absolute().parent
    return f"{_SQLITE}{Path(folder, url.removeprefix(_SQLITE))}"


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "; say which file with --config" if isinstance(error, FileNotFoundError) else ""
        raise WrongFile(str(file), (Problem(Place(1, 1), render(()), f"{reason}{hint}"),)) from None


def _key_problems(source: Source, file: Path, environment: Environment) -> Iterator[Problem]:
    """What's wrong with the keys, also where the rest of the file is wrong: all errors come in one go."""
    for path, key, text in _key_texts(source.value):
        try:
            _key(key, text, file, environment)
        except _NoKeyError as error:
            yield source.problem(path, str(error), is_warning=error.elsewhere)


def _key_texts(value: object) -> Iterator[tuple[ValuePath, str, str]]:
    accounts = value.get("accounts") if isinstance(value, dict) else None
    for name, account in accounts.items() if isinstance(accounts, dict) else ():
        for key in _KEY_SOURCES:
            text = account.get(key) if isinstance(account, dict) else None
            if isinstance(text, str):
                yield ("accounts", name, key), key, text


def _accounts(document: Document, file: Path, environment: Environment) -> Iterator[Account]:
    for name, spec in document.accounts.items():
        key, text = _key_source(spec)
        try:
            api_key = _key(key, text, file, environment)
        except _NoKeyError:
            continue
        yield Account(name=name, base_url=spec.base_url, api_key=api_key, company_id=spec.company_id)


def _key_source(spec: AccountSpec) -> tuple[str, str]:
    if spec.api_key is not None:
        return "api_key", spec.api_key.get_secret_value()
    if spec.api_key_file is not None:
        return "api_key_file", spec.api_key_file
    return "credential", spec.credential or ""


def _key(key: str, text: str, file: Path, environment: Environment) -> str:
    if key == "api_key":
        return _well_formed(_expand(text, environment))
    if key == "api_key_file":
        return _well_formed(_read_key(file.parent / _expand(text, environment)))
    folder = environment.get("CREDENTIALS_DIRECTORY")
    if not folder:
        raise _NoKeyError("systemd credentials are there for the service only; not checked", elsewhere=True)
    if "/" in text:
        raise _NoKeyError("must be the name of a credential, not a path")
    return _well_formed(_read_key(Path(folder, text)))


def _expand(text: str, environment: Environment) -> str:
    def value(match: re.Match[str]) -> str:
        found = environment.get(match[1])
        if found is None:
            raise _NoKeyError(f"the variable {match[1]} isn't set")
        return found

    return _VARIABLE.sub(value, text)


def _read_key(path: Path) -> str:
    try:
        with path.open("rb") as opened:
            return opened.read(_MAX_KEY_BYTES).decode("ascii")
    except UnicodeDecodeError:
        raise _NoKeyError(f"{path} doesn't hold a key") from None
    except OSError as error:
        raise _NoKeyError(f"{path}: {(error.strerror or str(error)).lower()}") from None


def _well_formed(text: str) -> str:
    key = text.strip()
    if not key:
        raise _NoKeyError("the key is empty")
    if not (key.isascii() and key.isprintable()) or " " in key:
        raise _NoKeyError("a key has only visible ASCII characters, without spaces")
    return key
