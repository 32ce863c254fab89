"""Keys, and addresses of alerts, that every user of the machine can read."""

import stat
from collections.abc import Iterator
from pathlib import Path

from rules.document import Account, AddressSource, AlertsSpec
from rules.source import Path as ValuePath
from rules.source import Problem
from scheduler.glance import VARIABLE, Environment, expand
from scheduler.settings import Settings


def exposed_keys(settings: Settings, environment: Environment) -> Iterator[Problem]:
    """A warning for each key, and each address of alerts, that stands in a file which any user may read."""
    for name, account in settings.document.accounts.items():
        source = _source(settings, account, environment)
        if source is not None and _is_open(source[1]):
            message = "every user of this machine can read the key; let its owner alone read that file (chmod 600)"
            yield settings.source.problem(("accounts", name, source[0]), message, is_warning=True)
    for path, file in _addresses(settings, settings.document.alerts, environment):
        if _is_open(file):
            message = "every user of this machine can read this address, which may hold a password or a token"
            yield settings.source.problem(("alerts", *path), message, is_warning=True)


def _addresses(
    settings: Settings, alerts: AlertsSpec | None, environment: Environment
) -> Iterator[tuple[ValuePath, Path]]:
    """The places of addresses that stand in a file, and which."""
    for path, address in (alerts.addresses if alerts else {}).items():
        if not isinstance(address, AddressSource):
            # What's left beside a variable is no secret.
            if not VARIABLE.search(address.get_secret_value()):
                yield path, settings.file
        elif address.url_file is not None:
            yield (*path, "url_file"), settings.file.parent / expand(address.url_file, environment)


def _source(settings: Settings, account: Account, environment: Environment) -> tuple[str, Path] | None:
    """The account's entry for its key, and the file in which the key stands."""
    if account.api_key is not None:
        is_inline = VARIABLE.sub("", account.api_key.get_secret_value()).strip()
        return ("api_key", settings.file) if is_inline else None
    if account.api_key_file is not None:
        return "api_key_file", settings.file.parent / expand(account.api_key_file, environment)
    return None


def _is_open(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IROTH)
    except OSError:
        # It was there a moment ago; whoever uses the key says what's wrong.
        return False
