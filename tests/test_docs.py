"""The README is true: each of its commands is run here, or in the test that is named beside it."""

import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from importlib.metadata import version
from pathlib import Path

import pytest

from rules.document import Account, CalendarSpec, CampaignsSpec, Document, Entry, MetricsSpec, Rule, read
from rules.ruleset import Action
from rules.source import parse
from scheduler import settings
from scheduler.alerts.concerns import ABOUT, Kind
from scheduler.ledger.records import Outcome, State
from tests.acceptance.processes import KEY, SandboxProcess, environment, sandbox_process, wait_until
from tests.readme import ROOT, block_with, blocks, commands
from tests.scheduler_fakes import ledger_in
from tests.systemd.scores import OURS, score

DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with sandbox_process() as process:
        yield process


@pytest.fixture
def path(tmp_path: Path) -> str:
    """The PATH of a new user, on which only the README's own line puts `curfew`."""
    opt, folder = tmp_path / "opt/curfew/bin", tmp_path / "usr/local/bin"
    opt.mkdir(parents=True)
    folder.mkdir(parents=True)
    (opt / "curfew").symlink_to(Path(sys.executable).parent / "curfew")
    others = [each for each in os.environ["PATH"].split(os.pathsep) if not Path(each, "curfew").exists()]
    found = os.pathsep.join([str(folder), *others])
    assert shutil.which("curfew", path=found) is None
    for command in block_with("make wheel"):
        if "/usr/local/bin" in command:
            shell(command.replace(" /", f" {tmp_path}/"), tmp_path).check_returncode()
    return found


def shell(command: str, cwd: Path, typed: str = "", **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-ec", command],
        cwd=cwd,
        env=environment(**more),
        input=typed,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_no_command_of_the_readme_is_left_out() -> None:
    """Whoever adds a block of commands adds its test."""
    tested = [
        "make demo",  # tests/acceptance/test_demo.py, and every CI run
        "make wheel",  # tests/test_packaging.py runs the block as it stands
        "curfew init",
        "curfew service --install",
        "curfew status",
        "curfew audit --config /etc/curfew/curfew.yaml",
        "sqlite3 curfew.db",
        "curfew skip weekend",
    ]
    assert [block for block in blocks("sh") if not any(words in block for words in tested)] == []


def test_the_two_commands_are_targets_of_the_makefile() -> None:
    for command in block_with("make demo"):
        done = shell(f"{command} --dry-run", ROOT)
        assert done.returncode == 0, done.stderr


def test_the_commands_of_a_first_run(tmp_path: Path, path: str, sandbox: SandboxProcess) -> None:
    """Begun, checked, planned and run dry, in a folder that stands for /etc; only the address is the sandbox's."""
    first, export, *commands = (each.replace("/etc/", f"{tmp_path}/etc/") for each in block_with("curfew init"))
    typed = "\n".join(["", "PL", KEY, "", "", "", "", ""]) + "\n"
    asked = f"{first} --base-url {sandbox.base_url} --key-in credential"
    done = shell(asked, tmp_path, typed, PATH=path, WOODPECKER_API_KEY="")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "etc/curfew/api-key").stat().st_mode & 0o777 == 0o600
    assert export.startswith("export ")
    of_this_shell = dict(each.split("=") for each in export.split()[1:])
    for command in commands:
        if command.startswith("curfew run"):
            assert run_until_ready(command, tmp_path, path, **of_this_shell) == 130
        else:
            done = shell(command, tmp_path, PATH=path, **of_this_shell)
            assert done.returncode == 0, done.stderr
            assert done.stdout
    (tmp_path / "dry-run.db").rename(tmp_path / "curfew.db")
    for command in block_with("curfew status"):
        done = shell(command, tmp_path, PATH=path, CURFEW_DATABASE=f"sqlite:///{tmp_path}/curfew.db", **of_this_shell)
        assert done.returncode == 0, done.stderr
    (command,) = block_with("sqlite3 curfew.db")
    query(command, "curfew.db", tmp_path)
    the_service_is_installed(tmp_path, path, of_this_shell)


def the_service_is_installed(root: Path, path: str, of_this_shell: dict[str, str]) -> None:
    """What that file is for. tests/systemd/test_readme.py does it for real, systemctl included."""
    (root / "etc/systemd/system").mkdir(parents=True)
    for command in block_with("curfew service --install"):
        if not command.startswith("systemctl "):
            # Neither this machine's systemd nor wherever the tests are installed is its business here.
            command += f" --force --into {root}/etc/systemd/system"
            done = shell(command, root, PATH=path, **of_this_shell)
            assert done.returncode == 0, done.stderr
    unit = (root / "etc/systemd/system/curfew.service").read_text(encoding="utf-8")
    assert f"\nLoadCredential=api-key:{root}/etc/curfew/api-key\n" in unit
    loaded = settings.load(root / "etc/curfew/curfew.yaml", of_this_shell)
    assert [account.api_key for account in loaded.accounts] == [KEY]
    assert settings.database_url(loaded, {}) == "sqlite:////var/lib/curfew/curfew.db"
    ask, sql = block_with("curfew audit --config /etc/curfew/curfew.yaml")
    ledger = f"sqlite:///{root}/curfew.db"
    done = shell(ask.replace("/etc/", f"{root}/etc/"), root, PATH=path, CURFEW_DATABASE=ledger)
    assert done.returncode == 0, done.stderr
    query(sql, "/var/lib/curfew/curfew.db", root)


def test_the_commands_of_a_person_who_knows_better(tmp_path: Path, path: str) -> None:
    """In the README's order, on its own example: what is resumed was paused just before."""
    (tmp_path / "curfew.yaml").write_text(blocks("yaml")[0])
    assert shell("curfew db upgrade", tmp_path, PATH=path).returncode == 0
    said = []
    # Its dates will have been one day.
    to_come = str(datetime.now(UTC).date() + timedelta(days=30))
    for command in block_with("curfew skip weekend"):
        done = shell(command.replace("2026-12-01", to_come), tmp_path, PATH=path, CURFEW_AUTHOR="ada")
        assert done.returncode == 0, done.stderr
        said.append(done.stdout)
    assert [text.partition(",")[0] for text in said[:4]] == [
        "override 1: skip rule weekend",
        "override 2: extend rule weekend",
        "override 3: pause campaign 1234567",
        "override 4: resume campaign 1234567",
    ]
    assert said[5].startswith("revoked override 2: ")
    assert "resume campaign 1234567" in said[6]
    assert said[6].endswith("taken back\n")


def test_what_the_design_notes_show_of_apscheduler_is_what_it_says() -> None:
    page = "docs/design-notes.md"
    script = "\n".join(blocks("python", page))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout == "".join(blocks("text", page))
    assert f"what version {version('apscheduler')} says" in (ROOT / page).read_text(encoding="utf-8")


def run_until_ready(command: str, folder: Path, path: str, **more: str) -> int:
    """Start the daemon, and stop it as its reader is told to."""
    log = folder / "run.log"
    with log.open("w") as output:
        process = subprocess.Popen(
            ["/bin/sh", "-c", f"exec {command}"], cwd=folder, env=environment(PATH=path, **more), stderr=output
        )
    wait_until(lambda: "daemon started" in log.read_text(), command)
    process.send_signal(signal.SIGINT)
    return process.wait(15)


def query(command: str, ledger: str, folder: Path) -> None:
    """A query of the README's, by `sqlite3` where that's installed."""
    assert command.startswith(f"sqlite3 {ledger} ")
    file = folder / Path(ledger).name
    if shutil.which("sqlite3"):
        done = shell(command.replace(ledger, str(file)), folder)
        assert done.returncode == 0, done.stderr
    (statement,) = re.findall(r'"(SELECT .*)"', command)
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement).fetchall()


def test_the_unit_starts_a_command_that_exists(tmp_path: Path, path: str) -> None:
    unit = (ROOT / "deploy/curfew.service").read_text(encoding="utf-8")
    assert set(re.findall(r"/opt/\S+", unit)) == {"/opt/curfew/bin/curfew"}, "nothing else is installed there"
    (start,) = re.findall(r"^ExecStart=/opt/curfew/bin/(.*)$", unit, re.MULTILINE)
    assert start == "curfew run --config /etc/curfew/curfew.yaml"
    assert shell(f"{start.partition(' --config')[0]} --help", tmp_path, PATH=path).returncode == 0
    for line in ("Type=notify", "StateDirectory=curfew", "Restart=on-failure", "RestartPreventExitStatus=2"):
        assert f"\n{line}\n" in unit
    assert "\nLoadCredential=api-key:" in unit
    assert "\nExecReload=/bin/kill -HUP $MAINPID\n" in unit


def test_systemd_has_nothing_to_say_of_the_unit(tmp_path: Path) -> None:
    """`systemd-analyze verify` exits 0 on keys that it doesn't know: any line is a failure."""
    if not shutil.which("systemd-analyze"):
        pytest.skip("NOT CHECKED: there is no systemd-analyze on this machine")
    unit = (ROOT / "deploy/curfew.service").read_text(encoding="utf-8")
    (tmp_path / "curfew.service").write_text(unit.replace("/opt/curfew/bin/curfew", "/bin/true"))
    done = shell("systemd-analyze verify ./curfew.service", tmp_path)
    assert [line for line in done.stderr.splitlines() if "curfew.service" in line] == []


@pytest.mark.parametrize("number", range(len(blocks("yaml"))))
def test_the_examples_are_right(number: int) -> None:
    read(parse(blocks("yaml")[number].encode()))


def test_the_first_example_is_short() -> None:
    assert len(blocks("yaml")[0].splitlines()) <= 10


def test_the_example_file_is_right_and_uses_the_whole_language() -> None:
    content = (ROOT / "config.example.yaml").read_text(encoding="utf-8")
    read(parse(content.encode()))
    for part in (Document, Account, CalendarSpec, CampaignsSpec, MetricsSpec, Rule, Entry):
        for name, field in part.model_fields.items():
            assert re.search(rf"\b{field.alias or name}:", content), f"{field.alias or name} isn't shown"


def test_the_queries_of_the_operator_are_right(tmp_path: Path) -> None:
    with closing(sqlite3.connect(ledger_in(tmp_path).path)) as connection:
        statements = [
            each for block in blocks("sql", "docs/operations.md") for each in block.split(";") if each.strip()
        ]
        for each in statements:
            assert connection.execute(each).fetchall() == []
        columns = [row[1] for row in connection.execute("PRAGMA table_info(audit)")]
    assert len(statements) == 3
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8").partition("### In SQL")[2].partition("```sql")[0]
    assert set(columns) <= set(re.findall(r"`(\w+)`", text))


def test_the_sandbox_starts_as_the_readme_says(tmp_path: Path) -> None:
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"`(curfew sandbox [^`]*)`", text)
    assert command == "curfew sandbox --port 8080 --campaigns 20"
    # The port may be in use here.
    arguments = command.replace("8080", "0").split()[1:]
    with subprocess.Popen(
        [sys.executable, "-m", "scheduler", *arguments], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    ) as process:
        sandbox = SandboxProcess(process)
        assert "not Woodpecker" in sandbox.first_line
        assert len(sandbox.statuses()) == 20
        process.terminate()
    assert process.returncode == 0


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_every_link_leads_somewhere(document: Path) -> None:
    targets = re.findall(r"\]\((?!https?://)([^)#]+)", document.read_text(encoding="utf-8"))
    for target in targets:
        assert (document.parent / target).exists(), target


@pytest.mark.parametrize("folder", ["rules", "scheduler", "migrations", "deploy"])
def test_every_document_that_the_code_names_is_there(folder: str) -> None:
    for path in [each for each in (ROOT / folder).rglob("*") if each.suffix in {".py", ".service"}]:
        for name in re.findall(r"\bdocs/[\w-]+\.md\b", path.read_text(encoding="utf-8")):
            assert (ROOT / name).exists(), f"{path} names {name}"


def test_commands_are_taken_from_a_block_without_their_remarks() -> None:
    assert commands("make demo    # half a minute\n# nothing\n\ncurfew plan --days 3\n") == [
        "make demo",
        "curfew plan --days 3",
    ]


def test_every_event_that_the_operator_reads_of_is_one() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    table = text.partition("| event | priority |")[2].partition("\n\n")[0]
    said = re.findall(r"`([^`]+)`", "".join(line.split("|")[1] for line in table.splitlines()[2:]))
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "scheduler").rglob("*.py"))
    ends = {str(each) for each in (*State, *Outcome)}
    assert len(said) > 15
    for event in said:
        action, _, end = event.partition(" ")
        assert f'"{event}"' in code or (action in set(Action) and end in ends), event


def test_the_operator_is_told_what_each_alert_means_and_what_to_do() -> None:
    text = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    rows = text.partition("| alert | what it means | what to do |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [[cell.strip() for cell in row.strip("|").split("|")] for row in rows]
    assert [cell[0] for cell in cells] == [f"`{kind}`" for kind in Kind]
    assert all(len(cell) == 3 and all(cell) for cell in cells)
    ended = {kind: "Has no end." in " ".join(cell) for kind, cell in zip(Kind, cells, strict=True)}
    assert ended == {kind: ABOUT[kind].is_moment for kind in Kind}


def test_the_exposure_that_is_claimed_is_that_of_the_unit() -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze")
    assert f"| curfew | {score(OURS)} |" in (ROOT / "docs/operations.md").read_text(encoding="utf-8")
