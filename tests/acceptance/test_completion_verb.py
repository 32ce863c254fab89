"""What the tab key completes: by click's protocol, and in real shells as far as they are installed."""

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

import pytest
from click.shell_completion import get_completion_class

from scheduler.cli import VERBS, shells
from scheduler.cli import curfew as root
from tests.acceptance.command_line import FILE, Curfew
from tests.acceptance.processes import environment

# Each would do something if a shell took it for more than a name.
HOSTILE = [
    "$(touch owned)",
    "a; touch owned",
    "b`touch owned`",
    "c\" ; touch owned ; '",
    "d's & touch owned | x > owned #",
    "*",
    "~root",
    "!!",
    "emea:nights, and more",
    "ż=ó",
]


@pytest.fixture(autouse=True)
def _here(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.delenv("CURFEW_CONFIG", raising=False)
    monkeypatch.delenv("CURFEW_DATABASE", raising=False)
    monkeypatch.delenv("STATE_DIRECTORY", raising=False)


def hostile_file(folder: Path) -> None:
    """A file whose rules have the names above; what isn't printable is refused by every verb, and not offered."""
    names = [*HOSTILE, "quiet hours", "new\nline", "\x1b[31m"]
    rules = [{"name": name, "campaigns": "all", "pause": {"on": "sat"}} for name in names]
    (folder / "curfew.yaml").write_text(json.dumps({"timezone": "UTC", "accounts": {"main": {}}, "rules": rules}))


def found(*words: str, shell: str = "bash") -> dict[str, str | None]:
    """What the last of these words may become, with what's said of it."""
    kind = get_completion_class(shell)
    assert kind is not None
    items = kind(root, {}, "curfew", "_CURFEW_COMPLETE").get_completions(list(words[:-1]), words[-1])
    return {item.value: item.help for item in items}


class TestWords:
    def test_verbs_come_with_what_they_are_for_and_none_is_imported(self) -> None:
        assert found("") == VERBS
        assert list(found("c")) == ["check", "calendar", "campaigns", "completion"]
        script = (
            "import sys; from scheduler.cli import perform\n"
            "try: perform([])\nexcept SystemExit: pass\n"
            "print([name for name in sys.modules if name.startswith(('scheduler.cli.', 'pydantic', 'sqlalchemy'))])"
        )
        asked = {"COMP_WORDS": "curfew s", "COMP_CWORD": "1", "_CURFEW_COMPLETE": "bash_complete"}
        done = subprocess.run(
            [sys.executable, "-c", script], env=environment(**asked), capture_output=True, text=True, check=True
        )
        *verbs, imported = done.stdout.splitlines()
        assert verbs == ["plain,sandbox", "plain,service", "plain,status", "plain,skip", "plain,schema"]
        assert imported == "['scheduler.cli.problems', 'scheduler.cli.shells']"

    def test_options_are_completed(self) -> None:
        assert list(found("plan", "--ca")) == ["--campaign", "--calendar"]
        assert {"--help", "-h", "--version"} <= found("-").keys()
        assert list(found("db", "re")) == ["restore"]

    @pytest.mark.parametrize(
        "words",
        [("plan", "--rule"), ("audit", "--rule"), ("campaigns", "--rule"), ("skip",), ("extend", "--until", "x")],
    )
    def test_names_of_rules(self, words: Sequence[str]) -> None:
        assert list(found(*words, "")) == ["weekend", "holidays", "stop"]
        assert list(found(*words, "we")) == ["weekend"]

    @pytest.mark.parametrize("verb", ["audit", "campaigns", "why", "pause", "resume"])
    def test_names_of_accounts(self, verb: str) -> None:
        assert list(found(verb, "--account", "")) == ["main"]

    def test_names_of_calendars(self) -> None:
        assert list(found("calendar", "p")) == ["poland"]

    @pytest.mark.parametrize(
        "words", [("why",), ("pause",), ("resume",), ("plan", "--campaign"), ("audit", "--campaign")]
    )
    def test_ids_of_campaigns_are_those_of_the_file(self, words: Sequence[str]) -> None:
        assert found(*words, "1") == {"11": None, "12": None}

    def test_and_those_of_the_ledger_with_their_names(self, curfew: Curfew, folder: Path) -> None:
        assert curfew("db", "upgrade", cwd=folder).returncode == 0
        seen = "2026-11-27T16:00:00.000000Z"
        rows = [("main", 11, "Spring offer"), ("main", 1013, "\x1b[31mred\n" + "x" * 99), ("gone", 1014, "of another")]
        with closing(sqlite3.connect(folder / "curfew.db")) as database:
            database.executemany(f"INSERT INTO campaigns VALUES (?, ?, ?, NULL, 'RUNNING', '{seen}')", rows)  # noqa: S608
            database.commit()
        red = f"\ufffd[31mred\ufffd{'x' * 99}"[:60]
        assert found("why", "1") == {"11": "Spring offer", "12": None, "1013": red}
        (folder / "curfew.db").rename(folder / "other.db")
        assert list(found("why", "10")) == []
        assert list(found("why", "--database", f"sqlite:///{folder}/other.db", "10")) == ["1013"]

    def test_ids_of_a_selector(self, folder: Path) -> None:
        (folder / "curfew.yaml").write_text(FILE.replace("campaigns: [11, 12]", "campaigns: {ids: 31, folders: x}"))
        assert list(found("why", "3")) == ["31"]

    @pytest.mark.parametrize(
        "content", [None, "", "rules: [", "rules: 7", "- a", "rules: [7, {name: 7}, {}]", "accounts: x\ndatabase: 7"]
    )
    def test_a_file_that_is_missing_or_wrong_completes_nothing_and_says_nothing(
        self, folder: Path, content: str | None, capfd: pytest.CaptureFixture[str]
    ) -> None:
        (folder / "curfew.yaml").unlink()
        if content is not None:
            (folder / "curfew.yaml").write_text(content)
        for words in (("skip", "w"), ("why", "1"), ("calendar", "p"), ("audit", "--account", "m")):
            assert found(*words) == {}
        assert capfd.readouterr() == ("", "")

    @pytest.mark.parametrize("url", ["nonsense", "postgresql://nobody@127.0.0.1:9/x", "sqlite:///curfew.yaml"])
    def test_a_ledger_that_is_wrong_or_on_a_server_is_left_out(
        self, url: str, capfd: pytest.CaptureFixture[str]
    ) -> None:
        assert list(found("why", "--database", url, "1")) == ["11", "12"]
        assert capfd.readouterr() == ("", "")

    def test_another_file_is_read_where_it_is_named(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (folder / "curfew.yaml").rename(folder / "b.yaml")
        assert found("skip", "we") == {}
        assert list(found("skip", "--config", "b.yaml", "we")) == ["weekend"]
        monkeypatch.setenv("CURFEW_CONFIG", "b.yaml")
        assert list(found("skip", "we")) == ["weekend"]


class TestScripts:
    @pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
    def test_the_script_is_printed(self, curfew: Curfew, folder: Path, shell: str) -> None:
        done = curfew("completion", shell, cwd=folder)
        assert (done.returncode, done.stderr) == (0, "")
        assert f"_CURFEW_COMPLETE={shell}_complete" in done.stdout

    def test_any_other_shell_is_wrong_use(self, curfew: Curfew, folder: Path) -> None:
        done = curfew("completion", "tcsh", cwd=folder)
        assert done.returncode == 2
        assert "'bash', 'zsh', 'fish'" in done.stderr

    def test_what_is_changed_of_clicks_script_for_fish_is_there(self) -> None:
        assert "split --max 1" in shells.Fish.source_template


# Calls the function as bash does, then lets bash read what it would put on the command line: behind a quote that is
# open already, and before the one that closes it.
BASH = """
eval "$(curfew completion bash)"
at() {
    COMP_WORDS=(curfew "$@"); COMP_CWORD=$#; COMPREPLY=()
    local quote=${!#}
    [[ $quote == [\\"\\']* ]] && quote=${quote:0:1} || quote=
    _curfew_completion curfew
    for reply in "${COMPREPLY[@]}"; do
        eval "words=($quote$reply$quote)"
        printf '%s\\0' "${#words[@]}" "${words[0]}"
    done
    printf 'end\\0end\\0'
}
"""


def in_bash(folder: Path, *calls: str) -> list[list[str]]:
    """What each call offers, as bash would read it if it were put on the command line."""
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("NOT CHECKED: there is no bash on this machine")
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        [bash, "--norc", "-c", BASH + "\n".join(calls)],
        cwd=folder,
        env=environment(PATH=path, LC_ALL="C.UTF-8"),
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == ""
    told = [each.split("\0") for each in done.stdout.split("end\0end\0")]
    assert all(set(words[:-1:2]) <= {"1"} for words in told), "each is one word"
    return [words[1::2] for words in told[:-1]]


class TestBash:
    def test_a_name_is_one_word_and_runs_nothing(self, folder: Path) -> None:
        hostile_file(folder)
        plain, double, single, option = in_bash(
            folder, "at skip ''", "at skip '\"'", 'at skip "\'"', "at plan --rule = q"
        )
        assert plain == [*HOSTILE, "quiet hours"]
        assert double == single == ["a; touch owned", "*", "~root", "emea:nights, and more", "ż=ó", "quiet hours"]
        assert option == ["quiet hours"]
        assert not (folder / "owned").exists()
