"""A key that every user of the machine can read is told, and one that only its owner can read isn't."""

from pathlib import Path

import pytest

from scheduler.exposure import exposed_keys
from scheduler.settings import load
from tests.scheduler_fakes import KEY

RULES = "rules:\n  - {name: weekend, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}\n"


def told(folder: Path, account: str, *, mode: int, key_mode: int = 0o600) -> list[str]:
    file, key = folder / "curfew.yaml", folder / "api-key"
    key.write_text(KEY)
    key.chmod(key_mode)
    file.write_text(f"timezone: Europe/Warsaw\naccounts: {{main: {{{account}}}}}\n{RULES}")
    file.chmod(mode)
    environment = {"THE_KEY": KEY, "FOLDER": str(folder)}
    return [str(problem) for problem in exposed_keys(load(file, environment), environment)]


@pytest.mark.parametrize("mode", [0o644, 0o604])
def test_a_file_with_a_key_that_everybody_can_read_is_a_warning_at_the_key(tmp_path: Path, mode: int) -> None:
    assert told(tmp_path, f"api_key: {KEY}", mode=mode) == [
        "2:28: accounts.main.api_key: warning: every user of this machine can read the key; "
        "let its owner alone read that file (chmod 600)"
    ]


@pytest.mark.parametrize("mode", [0o600, 0o640])
def test_its_owner_and_their_group_may_read_it(tmp_path: Path, mode: int) -> None:
    assert told(tmp_path, f"api_key: {KEY}", mode=mode) == []


def test_a_file_that_only_names_a_variable_holds_no_key(tmp_path: Path) -> None:
    assert told(tmp_path, "api_key: '${THE_KEY}'", mode=0o644) == []


@pytest.mark.parametrize("path", ["api-key", "'${FOLDER}/api-key'"])
def test_a_key_file_is_looked_at_wherever_it_is(tmp_path: Path, path: str) -> None:
    (told_of,) = told(tmp_path, f"api_key_file: {path}", mode=0o644, key_mode=0o644)
    assert told_of.startswith("2:33: accounts.main.api_key_file: warning: every user of this machine can read the key")
    assert told(tmp_path, f"api_key_file: {path}", mode=0o644, key_mode=0o600) == []


def test_a_credential_is_systemds_to_guard(tmp_path: Path) -> None:
    assert told(tmp_path, "credential: api-key", mode=0o644) == []


def test_a_key_file_that_is_gone_meanwhile_is_no_warning(tmp_path: Path) -> None:
    file, key = tmp_path / "curfew.yaml", tmp_path / "api-key"
    key.write_text(KEY)
    file.write_text(f"timezone: Europe/Warsaw\naccounts: {{main: {{api_key_file: api-key}}}}\n{RULES}")
    settings = load(file, {})
    key.unlink()
    assert list(exposed_keys(settings, {})) == []


def test_addresses_of_alerts_that_everybody_can_read_are_warnings_at_each(tmp_path: Path) -> None:
    """A variable in one stands for what is secret in it."""
    (tmp_path / "open").write_text("json://localhost/token")
    (tmp_path / "open").chmod(0o644)
    file = tmp_path / "curfew.yaml"
    to = "['json://localhost/token', 'mailto://a:${PASSWORD}@example.com', {url_file: open}, {credential: alert}]"
    accounts = "accounts: {main: {api_key: '${THE_KEY}'}}"
    file.write_text(
        f"timezone: Europe/Warsaw\n{accounts}\nalerts: {{to: {to}, ping: 'https://hc-ping.com/uuid'}}\n{RULES}"
    )
    file.chmod(0o644)
    environment = {"THE_KEY": KEY, "PASSWORD": "x"}
    found = [str(problem) for problem in exposed_keys(load(file, environment), environment)]
    message = "warning: every user of this machine can read this address, which may hold a password or a token"
    assert [each.partition(": ")[2] for each in found] == [
        f"alerts.to[0]: {message}",
        f"alerts.to[2].url_file: {message}",
        f"alerts.ping: {message}",
    ]
