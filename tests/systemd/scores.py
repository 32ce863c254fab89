"""How exposed services are, by `systemd-analyze security`: ours beside others, in one run. Less is better.

    python -m tests.systemd.scores [UNIT...]

Without units, it's those of systemd's own services that are installed here.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from tests.readme import ROOT

OURS = ROOT / "deploy/curfew.service"
_INSTALLED = Path("/lib/systemd/system")
_OTHERS = ("hostnamed", "timesyncd", "networkd", "logind", "journald", "udevd")


def analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    """`systemd-analyze`, which needs no systemd that runs."""
    command = [str(shutil.which("systemd-analyze")), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)


def score(unit: Path) -> float:
    """The overall exposure of a unit, from 0 to 10."""
    done = analyze("security", "--offline=true", "--no-pager", str(unit))
    (found,) = re.findall(r"Overall exposure level for \S+: ([\d.]+)", done.stdout)
    return float(found)


def table(units: Iterable[Path]) -> Iterator[str]:
    """A line for each unit, the least exposed first."""
    found = sorted((score(unit), unit.name) for unit in [OURS, *units])
    width = max(len(name) for _, name in found)
    for value, name in found:
        yield f"{name:<{width}}  {value:>4}{'   <- ours' if name == OURS.name else ''}"


if __name__ == "__main__":
    installed = (_INSTALLED / f"systemd-{name}.service" for name in _OTHERS)
    print("\n".join(table(map(Path, sys.argv[1:]) if sys.argv[1:] else (unit for unit in installed if unit.exists()))))
