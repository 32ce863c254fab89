"""`curfew init`: its questions, what's said of a wrong answer, and the files that come of it."""

import io
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest

from rules.document import DEFAULT_BASE_URL
from scheduler.cli.init import place_for
from scheduler.settings import load
from tests.acceptance.command_line import Curfew, Done
from tests.acceptance.processes import KEY, SandboxProcess, environment, sandbox_process, wait_until

# Nobody listens there.
NOWHERE = "http://127.0.0.1:9/rest"
OFFLINE = ("init", "--offline")
SILENT = ("init", "--yes", "--offline")


@pytest.fixture(scope="module")
def sandboxes() -> Iterator[SandboxProcess]:
    """One sandbox for all: what a test changes is undone by the next one that asks for it."""
    with sandbox_process(campaigns=12) as process:
        yield process


@pytest.fixture
def sandbox(sandboxes: SandboxProcess) -> SandboxProcess:
    sandboxes.ask("POST", "reset")
    return sandboxes


class Person:
    """Who types answers; without a terminal, as a script does it."""

    def __init__(self, curfew: Curfew, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self._curfew = curfew
        self._folder = folder
        self._monkeypatch = monkeypatch

    def types(self, lines: Sequence[str], *arguments: str, key: str = "", zone: str = "Europe/Warsaw") -> Done:
        self._monkeypatch.setattr(sys, "stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        return self._curfew(*arguments, cwd=self._folder, WOODPECKER_API_KEY=key, TZ=zone)


@pytest.fixture
def person(curfew: Curfew, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Person:
    return Person(curfew, tmp_path, monkeypatch)


def rules(folder: Path) -> dict[str, object]:
    """The rules in force of the file, with their campaigns."""
    document = load(folder / "curfew.yaml").document
    return {rule.name: rule.campaigns for rule in document.rules if rule.enabled}


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


class TestQuestions:
    def test_enter_takes_what_is_proposed(self, person: Person, tmp_path: Path, sandbox: SandboxProcess) -> None:
        done = person.types(["", "", KEY, "", "", "", "", ""], "init", "--base-url", sandbox.base_url)
        assert (done.returncode, done.stderr) == (0, "")
        settings = load(tmp_path / "curfew.yaml", {})
        assert settings.document.timezone.key == "Europe/Warsaw"
        assert settings.document.calendars["holidays"].country == "PL"
        assert [account.api_key for account in settings.accounts] == [KEY]
        assert rules(tmp_path) == {"public-holidays": None, "weekend": None}
        assert {name: (tmp_path / name).stat().st_mode & 0o777 for name in names(tmp_path)} == {
            "api-key": 0o600,
            "curfew.yaml": 0o644,
        }
        assert KEY not in done.stdout
        assert "the key works; the account has 12 campaigns, of which 12 run\n" in done.stdout
        shown = [line for line in done.stdout.splitlines() if line.startswith("10000")]
        assert len(shown) == 10
        assert "and 2 more, which `curfew campaigns` shows\n" in done.stdout
        assert {each["call"] for each in sandbox.ask("GET", "log")} == {"list"}
        assert set(sandbox.statuses().values()) == {"RUNNING"}

    def test_what_it_wrote_is_right_and_says_what_is_next(
        self, person: Person, curfew: Curfew, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        done = person.types(["", "", KEY, "", "", "", "", ""], "init", "--base-url", sandbox.base_url)
        said, _, following = done.stdout.partition("\nnext:\n")
        assert "\nthe first pause: " in said
        commands = [line.partition("  #")[0].split() for line in following.splitlines()]
        assert [command[1] for command in commands] == ["check", "plan", "run", "run"]
        for command in commands[:2]:
            assert curfew(*command[1:], cwd=tmp_path).returncode == 0
        assert curfew("check", "--strict", cwd=tmp_path).returncode == 0

    def test_each_wrong_answer_is_told_and_asked_for_again(
        self, person: Person, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        answers = [
            *("Europe/Berlim", "Europe/Berlin"),
            *("Germny", "germany"),
            *("Bayer", "bayern"),
            *("two words", KEY),
            *("1000001 and", "1000099", ",", "1000001, 1000002,1000001"),
            *("perhaps", "y"),
            *("y", "Fri 17:00", "Fri 17:00 until Fri 17:00", "Fri 16:30 until Mon 07:00"),
            *("y", "18:00 until noon", "19:00 until 07:30"),
        ]
        done = person.types(answers, "init", "--base-url", sandbox.base_url)
        assert (done.returncode, done.stderr) == (0, "")
        for words in (
            "  unknown time zone 'Europe/Berlim'; did you mean 'Europe/Berlin'?\n",
            "  no country is called 'Germny'; did you mean 'Germany'?\n",
            "  unknown subdivision 'Bayer'; those of DE are BB, BE, BW, BY",
            "  a key has only visible ASCII characters, without spaces\n",
            "  'and' isn't the id of a campaign; write ids, as in 1234567, 1234568, or all\n",
            "  the account has no campaign 1000099; did you mean '1000009'?\n",
            "  write ids, as in 1234567, 1234568, or all\n",
            "  write it as in Fri 17:00 until Mon 08:00, or 18:00 until 08:00\n",
            "  is the same as from",
            "  'noon' isn't a time",
        ):
            assert words in done.stdout
        assert "BW Baden-Württemberg, BY Bayern" in done.stdout
        assert "public holidays of Germany (BY)" in done.stdout
        assert rules(tmp_path) == {name: [1000001, 1000002] for name in ("public-holidays", "weekend", "nights")}
        assert load(tmp_path / "curfew.yaml").document.calendars["holidays"].subdivision == "BY"
        text = (tmp_path / "curfew.yaml").read_text()
        assert "{from: Fri 16:30, until: Mon 07:00}" in text
        assert "{on: mon-fri, from: 19:00, until: 07:30}" in text

    def test_a_refused_key_is_said_and_another_one_asked_for(
        self, person: Person, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.fault(status=401, detail="Invalid api key", times=1)
        answers = ["", "", "an-old-key", KEY, "", "", "", "", ""]
        done = person.types(answers, "init", "--base-url", sandbox.base_url)
        assert done.returncode == 0
        assert "  the API refuses this key: HTTP 401: " in done.stdout
        assert "an-old-key" not in done.stdout
        assert (tmp_path / "api-key").read_text() == f"{KEY}\n"

    def test_without_a_key_it_goes_on_and_says_how_to_add_it(
        self, person: Person, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.fault(status=403)
        done = person.types(["", "none", "refused", "", "7", "n", ""], "init", "--base-url", sandbox.base_url)
        assert done.returncode == 0
        assert "\n  install -m 0600 /dev/stdin api-key" in done.stdout
        assert names(tmp_path) == ["curfew.yaml"]
        assert rules(tmp_path) == {}, "nothing was wished for"
        assert load(tmp_path / "curfew.yaml").document.rules[0].campaigns == [7]

    def test_an_api_that_cannot_be_asked_is_said_and_the_key_is_kept(self, person: Person, tmp_path: Path) -> None:
        done = person.types(["", "none", KEY, "", "", "", ""], "init", "--base-url", NOWHERE)
        assert done.returncode == 0
        assert "  the API can't be asked, so the key isn't tested: ConnectError" in done.stdout
        assert (tmp_path / "api-key").read_text() == f"{KEY}\n"

    def test_names_of_campaigns_cannot_play_with_the_terminal(self, person: Person, sandbox: SandboxProcess) -> None:
        sandbox.set(1000001, name="\x1b[31mred\nnext:\n  rm -rf /" + "x" * 500)
        done = person.types(["", "none", KEY, "", "", "", ""], "init", "--base-url", sandbox.base_url)
        assert done.returncode == 0
        assert "\x1b" not in done.stdout
        assert "\n  rm -rf" not in done.stdout

    @pytest.mark.parametrize("answers", [[], ["UTC"], ["UTC", "none"], ["UTC", "none", "", "all", "y"]])
    def test_an_end_of_the_input_leaves_nothing(self, person: Person, tmp_path: Path, answers: list[str]) -> None:
        done = person.types(answers, *OFFLINE)
        assert (done.returncode, done.stderr) == (130, "\nnothing was written\n")
        assert names(tmp_path) == []


class TestKeys:
    def test_a_key_of_the_environment_stays_there(
        self, person: Person, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        done = person.types([], "init", "--yes", "--base-url", sandbox.base_url, key=KEY)
        assert (done.returncode, done.stderr) == (0, "")
        assert "API key: that of the variable WOODPECKER_API_KEY\n" in done.stdout
        assert "api_key: ${WOODPECKER_API_KEY}" in (tmp_path / "curfew.yaml").read_text()
        assert names(tmp_path) == ["curfew.yaml"]
        assert KEY not in done.stdout

    def test_it_can_be_written_to_a_file_instead(self, person: Person, tmp_path: Path) -> None:
        assert person.types([], *SILENT, "--key-in", "file", key=KEY).returncode == 0
        assert (tmp_path / "api-key").read_text() == f"{KEY}\n"
        assert load(tmp_path / "curfew.yaml", {}).accounts[0].api_key == KEY

    def test_a_key_file_that_is_there_is_used_and_left_as_it_is(
        self, person: Person, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        (tmp_path / "api-key").write_text(KEY)
        (tmp_path / "api-key").chmod(0o400)
        asked = ("init", "--yes", "--key-in", "file", "--base-url", sandbox.base_url)
        done = person.types([], *asked, key="another")
        assert "API key: that of api-key\n" in done.stdout
        assert (tmp_path / "api-key").stat().st_mode & 0o777 == 0o400
        sandbox.fault(status=401, times=1)
        done = person.types(["", "none", "new-key", "", "", "", ""], *asked[:1], *asked[2:], "--force")
        assert done.returncode == 0, done.stderr
        assert (tmp_path / "api-key").read_text() == "new-key\n", "the old one was refused, and a person gave this one"

    @pytest.mark.parametrize(
        ("content", "words"),
        [(b"", "the key is empty"), (b"a b", "a key has only visible"), (b"\xff", "the file doesn't hold a key")],
    )
    def test_a_key_file_that_holds_none_is_said(
        self, person: Person, tmp_path: Path, content: bytes, words: str
    ) -> None:
        (tmp_path / "api-key").write_bytes(content)
        done = person.types([], *SILENT)
        assert (done.returncode, names(tmp_path)) == (2, ["api-key"])
        assert done.stderr.startswith(f"curfew: api-key: {words}")

    def test_a_key_file_that_cannot_be_read_is_said(self, person: Person, tmp_path: Path) -> None:
        (tmp_path / "api-key").mkdir()
        assert person.types([], *SILENT).stderr == "curfew: api-key: is a directory\n"

    def test_for_a_script_a_refused_key_is_wrong_use(
        self, person: Person, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.fault(status=401, detail=f"{KEY} is no key")
        done = person.types([], "init", "--yes", "--base-url", sandbox.base_url, key=KEY)
        assert (done.returncode, names(tmp_path)) == (2, [])
        assert done.stderr == "curfew: the API refuses the key: HTTP 401: E_SESSION: [key] is no key\n"

    def test_for_the_service_it_is_a_credential_and_the_ledger_where_the_service_has_it(
        self, person: Person, tmp_path: Path
    ) -> None:
        done = person.types([], *SILENT, "--key-in", "credential", "--config", "etc/curfew/curfew.yaml", key=KEY)
        assert done.returncode == 0, done.stderr
        folder = tmp_path / "etc/curfew"
        settings = load(folder / "curfew.yaml", {"CREDENTIALS_DIRECTORY": str(folder)})
        assert [account.api_key for account in settings.accounts] == [KEY]
        assert settings.document.database == "sqlite:////var/lib/curfew/curfew.db"
        following = done.stdout.partition("\nnext:\n")[2]
        assert f"export CURFEW_CONFIG={folder}/curfew.yaml CREDENTIALS_DIRECTORY={folder} " in following
        assert "\n  curfew service --install " in following

    def test_in_etc_that_is_what_is_proposed(self) -> None:
        assert place_for(Path("/etc/curfew/curfew.yaml"), {"WOODPECKER_API_KEY": KEY}) == "credential"
        assert place_for(Path("curfew.yaml"), {"WOODPECKER_API_KEY": KEY}) == "variable"
        assert place_for(Path("curfew.yaml"), {}) == "file"


class TestScripts:
    def test_everything_can_be_said_on_the_command_line(self, person: Person, tmp_path: Path) -> None:
        options = ("--timezone", "Europe/Berlin", "--country", "de", "--subdivision", "Bayern", "--campaigns", "[7, 8]")
        done = person.types([], *SILENT, *options, "--no-holidays", "--no-weekends", "--nights")
        assert (done.returncode, done.stderr) == (0, "")
        document = load(tmp_path / "curfew.yaml").document
        assert (document.timezone.key, document.calendars["holidays"].subdivision) == ("Europe/Berlin", "BY")
        assert rules(tmp_path) == {"nights": [7, 8]}
        assert document.accounts["main"].base_url == DEFAULT_BASE_URL

    def test_what_is_said_there_is_not_asked_for(self, person: Person) -> None:
        options = ("--timezone", "UTC", "--country", "none", "--campaigns", "all", "--no-weekends", "--no-nights")
        assert person.types([""], *OFFLINE, *options).returncode == 0, "only the key is asked for"

    def test_without_a_zone_that_the_machine_knows_it_is_utc_and_without_a_country(
        self, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("scheduler.cli.init.answers.own_zones", lambda _: iter(["Nowhere/Land"]))
        assert person.types([], *SILENT).returncode == 0
        document = load(tmp_path / "curfew.yaml").document
        assert (document.timezone.key, document.calendars) == ("UTC", {})

    def test_for_a_zone_of_a_country_without_holiday_data_there_is_none(self, person: Person, tmp_path: Path) -> None:
        done = person.types([], *SILENT, zone="Asia/Pyongyang")
        assert done.returncode == 0, done.stderr
        assert load(tmp_path / "curfew.yaml").document.timezone.key == "Asia/Pyongyang"

    @pytest.mark.parametrize(
        ("options", "words"),
        [
            (("--timezone", "Europe/Warsav"), "--timezone: unknown time zone 'Europe/Warsav'; did you mean"),
            (("--country", "Polnd"), "--country: no country is called 'Polnd'; did you mean 'Poland'?"),
            (("--country", "DE", "--subdivision", "XX"), "--subdivision: unknown subdivision 'XX'; those of DE are"),
            (("--country", "none", "--subdivision", "BY"), "--subdivision: goes with a country only"),
            (("--country", "none", "--holidays"), "--holidays: needs a country"),
            (("--campaigns", "x"), "--campaigns: 'x' isn't the id of a campaign"),
            (("--base-url", "http://example.com"), "--base-url: plain http would show the key to the network"),
            (("--config", "curfew.yaml/x/y"), "curfew.yaml: is no folder"),
        ],
    )
    def test_a_wrong_option_is_wrong_use_and_nothing_is_written(
        self, person: Person, tmp_path: Path, options: tuple[str, ...], words: str
    ) -> None:
        if "curfew.yaml/x/y" in options:
            (tmp_path / "curfew.yaml").touch()
        before = names(tmp_path)
        done = person.types([], *SILENT, *options)
        assert (done.returncode, names(tmp_path)) == (2, before)
        assert words in done.stderr

    def test_a_file_that_is_there_is_only_replaced_by_force(self, person: Person, tmp_path: Path) -> None:
        (tmp_path / "curfew.yaml").write_text("mine\n")
        done = person.types([], *SILENT)
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "curfew: curfew.yaml is there already; --force writes another one in its place\n"
        assert (tmp_path / "curfew.yaml").read_text() == "mine\n"
        assert person.types([], *SILENT, "--force").returncode == 0
        assert "public-holidays" in rules(tmp_path)

    def test_a_folder_is_no_file_by_force_either(self, person: Person, tmp_path: Path) -> None:
        (tmp_path / "curfew.yaml").mkdir()
        done = person.types([], *SILENT, "--force")
        assert (done.returncode, done.stderr) == (2, "curfew: curfew.yaml: is a directory\n")

    def test_where_it_may_not_write_it_says_so_before_it_asks(
        self, person: Person, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(os, "access", lambda *_: False)
        done = person.types([], "init", "--config", "a/b/curfew.yaml")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == f"curfew: {tmp_path}: permission denied\n"

    def test_a_disk_that_takes_nothing_is_said(self, person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("scheduler.cli.init.write_whole", full)
        done = person.types([], *SILENT)
        assert (done.returncode, done.stderr) == (1, "curfew: curfew.yaml: no space left on device\n")


class Terminal:
    """`curfew init` on a terminal."""

    def __init__(self, folder: Path, *options: str) -> None:
        self._main, other = pty.openpty()
        command = [sys.executable, "-m", "scheduler", "init", *options]
        own = environment(WOODPECKER_API_KEY="", TZ="Europe/Warsaw", TERM="dumb")
        self.process = subprocess.Popen(
            command, cwd=folder, env=own, stdin=other, stdout=other, stderr=other, start_new_session=True
        )
        os.close(other)
        self.text = ""

    def read_until(self, words: str) -> None:
        """Read what is shown, up to these words and then what comes with them."""

        def has_come() -> bool:
            with suppress(OSError):  # which is how the end of a terminal is told
                self.text += os.read(self._main, 65536).decode()
            return words in self.text or self.process.poll() is not None

        wait_until(has_come, words)
        assert words in self.text, self.text

    def type(self, line: str) -> None:
        os.write(self._main, f"{line}\n".encode())

    def close(self) -> int:
        code = self.process.wait(15)
        os.close(self._main)
        return code


def test_on_a_terminal_the_key_is_not_shown(tmp_path: Path, sandbox: SandboxProcess) -> None:
    terminal = Terminal(tmp_path, "--base-url", sandbox.base_url, "--country", "none", "--no-weekends", "--no-nights")
    terminal.read_until("[Europe/Warsaw]: ")
    terminal.type("")
    terminal.read_until("Enter: later): ")
    terminal.type(KEY)
    terminal.read_until("or all [all]: ")
    terminal.type("1000002")
    terminal.read_until("the daemon")
    assert terminal.close() == 0
    assert KEY not in terminal.text
    assert (tmp_path / "api-key").read_text() == f"{KEY}\n"


def test_an_interrupt_while_the_api_is_asked_leaves_nothing(tmp_path: Path, sandbox: SandboxProcess) -> None:
    sandbox.fault(effect="delay", call="list", delay_seconds=30)
    terminal = Terminal(tmp_path, "--base-url", sandbox.base_url, "--timezone", "UTC", "--country", "none")
    terminal.read_until("Enter: later): ")
    terminal.type(KEY)
    terminal.read_until("asking ")
    wait_until(lambda: bool(sandbox.ask("GET", "log")), "the API is asked")
    terminal.process.send_signal(signal.SIGINT)
    terminal.read_until("nothing was written")
    assert terminal.close() == 130
    assert names(tmp_path) == []
