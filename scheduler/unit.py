"""The systemd unit of this installation, made of the one in `deploy/`, whose paths are those of the README."""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

FOLDER: Final = Path("/etc/systemd/system")
NAME: Final = "curfew.service"
STATE: Final = Path("/var/lib/curfew")
# What the unit's ProtectHome= and PrivateTmp= hide from the service.
HIDDEN: Final = tuple(map(Path, ("/home", "/root", "/run/user", "/tmp", "/var/tmp")))  # noqa: S108 -- nothing is made there

# In a wheel it lies inside the package, in a checkout where an administrator looks for it.
_PACKAGED: Final = Path(__file__).parent / "_deploy" / NAME
_CHECKOUT: Final = Path(__file__).parent.parent / "deploy" / NAME

_COMMAND: Final = "/opt/curfew/bin/curfew"
_CONFIG: Final = Path("/etc/curfew/curfew.yaml")
_CREDENTIAL: Final = "api-key"
# The first version of systemd that has RestartSteps=.
_BACKS_OFF: Final = 254
_BACK_OFF: Final = "RestartSec=5s\nRestartSteps=6\nRestartMaxDelaySec=5min\n"
# What means nothing else in a unit file, and needs no quotes there.
_PLAIN: Final = re.compile(r"[\w./+@~-]+", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Installation:
    """What the unit must say of this machine: absolute paths, and the credentials that the file of rules names."""

    command: str
    file: Path
    credentials: tuple[str, ...] = (_CREDENTIAL,)
    systemd_version: int | None = None


def unit_text(installation: Installation) -> str:
    """The whole unit.

    Raises:
        ValueError: a path or a name has letters that mean something else in a unit file.
    """
    folder = installation.file.parent
    for each in (*installation.command.split(), str(installation.file), *installation.credentials):
        if not _PLAIN.fullmatch(each):
            raise ValueError(f"letters that a unit file can't have in a path or a name: {each}")
    text = _template().replace(_COMMAND, installation.command)
    text = text.replace(f"LoadCredential={_CREDENTIAL}:{_CONFIG.parent / _CREDENTIAL}\n", _credentials(installation))
    text = text.replace(str(_CONFIG), str(installation.file)).replace(f"{_CONFIG.parent}, ", f"{folder}, ")
    # It's a folder of systemd's own in /etc, or none.
    directory = f"ConfigurationDirectory={folder.name}\n" if folder.parent == Path("/etc") else ""
    text = text.replace(f"ConfigurationDirectory={_CONFIG.parent.name}\n", directory)
    can_back_off = (installation.systemd_version or 0) >= _BACKS_OFF
    return text.replace("RestartSec=5s\n", _BACK_OFF) if can_back_off else text


def _template() -> str:
    return (_PACKAGED if _PACKAGED.exists() else _CHECKOUT).read_text(encoding="utf-8")


def _credentials(installation: Installation) -> str:
    lines = [f"LoadCredential={name}:{installation.file.parent / name}\n" for name in installation.credentials]
    return "".join(lines) or "# Just now, no account of the file has one.\n"


def own_command() -> str:
    """How this installation is started, by a path that doesn't change with the user's PATH."""
    command = Path(sys.executable).parent / "curfew"
    return str(command) if command.exists() else f"{sys.executable} -m scheduler"


def own_paths() -> list[Path]:
    """What of this installation the service must be able to read."""
    return [Path(sys.executable), Path(sys.prefix), Path(sys.base_prefix), Path(__file__).parent]


def hidden(paths: Iterable[Path]) -> Iterator[Path]:
    """Those that the service couldn't see, be it by themselves or by what they are links to."""
    for path in paths:
        if any(each.is_relative_to(folder) for each in (path, path.resolve()) for folder in HIDDEN):
            yield path


def systemd_version() -> int | None:
    """The version of this machine's systemd; None where there's none."""
    command = shutil.which("systemctl")
    if command is None:
        return None
    done = subprocess.run([command, "--version"], capture_output=True, text=True, check=False)  # noqa: S603 -- no input
    found = re.match(r"systemd (\d+)", done.stdout)
    return int(found[1]) if found else None


def missing_credentials(installation: Installation) -> Sequence[Path]:
    """The files that the unit loads credentials from, and that aren't there."""
    paths = [installation.file.parent / name for name in installation.credentials]
    return [path for path in paths if not path.exists()]
