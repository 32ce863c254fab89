"""`curfew campaigns` and `curfew check --online`, as processes that ask a sandbox."""

import csv
import io
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rules.overrides import Override, OverrideKind
from scheduler.ledger.overrides import add_override
from tests.acceptance.processes import KEY, SandboxProcess, curfew, rows, sandbox_process, window
from tests.scheduler_fakes import ledger_in

FIRST, SECOND, THIRD = 1000001, 1000002, 1000003
KEYS = [
    "account",
    "campaign",
    "campaign_name",
    "folder",
    "status",
    "rules",
    "quiet",
    "because",
    "until",
    "can_resume",
    "why_not",
    "prospect_timezone",
    "bounce_shield_at",
]
# Nobody listens there.
NOWHERE = "http://127.0.0.1:9/rest"
QUIET = window(-timedelta(hours=1), timedelta(hours=1))
LATER = window(timedelta(hours=1), timedelta(hours=2))


@pytest.fixture
def sandbox() -> Iterator[SandboxProcess]:
    with sandbox_process() as process:
        yield process


def write(folder: Path, base_url: str, *rules: str, accounts: str = "", key: str = "${WOODPECKER_API_KEY}") -> None:
    main = f"  main: {{api_key: '{key}', base_url: '{base_url}'}}\n"
    lines = "".join(f"  - {rule}\n" for rule in rules)
    file = folder / "curfew.yaml"
    file.write_text(f"timezone: UTC\naccounts:\n{main}{accounts}rules:\n{lines}")
    file.chmod(0o600)


def rule(campaigns: str, pause: str = QUIET, name: str = "quiet", account: str = "main") -> str:
    return f"{{name: {name}, account: {account}, campaigns: {campaigns}, pause: {pause}}}"


def exception(kind: OverrideKind, campaign: int) -> Override:
    """From an hour ago until in an hour."""
    now, hour = datetime.now(UTC), timedelta(hours=1)
    return Override(
        id=0, kind=kind, account="main", campaign=campaign, starts_at=now - hour, ends_at=now + hour, author="ada"
    )


class TestCampaigns:
    def test_as_json_it_keeps_its_contract(self, tmp_path: Path, sandbox: SandboxProcess) -> None:
        sandbox.set(SECOND, unsupported=True)
        sandbox.set(FIRST, prospect_timezone=True, bounce_shield_autopaused_at="2026-11-27 15:00:00")
        write(tmp_path, sandbox.base_url, rule(f"[{FIRST}, {SECOND}]"), rule(f"[{FIRST}]", LATER, "later"))
        first, second, third = rows("campaigns", tmp_path)
        assert list(first) == KEYS
        assert (first["account"], first["campaign"], first["campaign_name"], first["folder"], first["status"]) == (
            *("main", FIRST, "Campaign 1"),
            *("EMEA", "RUNNING"),
        )
        assert (first["rules"], first["quiet"]) == (["quiet", "later"], True)
        assert first["because"][0].startswith("quiet: 20")
        assert first["until"].endswith("Z")
        assert (first["can_resume"], first["why_not"], first["prospect_timezone"]) == (True, None, True)
        assert first["bounce_shield_at"] == "2026-11-27 15:00:00"
        assert (second["can_resume"], second["prospect_timezone"]) == (False, None)
        assert "HTTP 409" in second["why_not"]
        # One that nothing selects is shown, and not asked about.
        assert (third["campaign"], third["rules"], third["quiet"], third["can_resume"]) == (THIRD, [], False, None)
        assert third["until"] is None

    def test_only_read_only_calls_are_made(self, tmp_path: Path, sandbox: SandboxProcess) -> None:
        write(tmp_path, sandbox.base_url, rule(f"[{FIRST}, {SECOND}]"))
        rows("campaigns", tmp_path)
        log = sandbox.ask("GET", "log")
        assert [(each["call"], each["campaign"]) for each in log] == [("list", None), ("get", FIRST), ("get", SECOND)]
        assert set(sandbox.statuses().values()) == {"RUNNING"}
        assert not (tmp_path / "curfew.db").exists(), "asking needs no ledger"

    def test_as_csv_each_campaign_is_a_line_of_the_same_keys(self, tmp_path: Path, sandbox: SandboxProcess) -> None:
        write(tmp_path, sandbox.base_url, rule("all"), rule(f"[{FIRST}]", LATER, "later"))
        done = curfew("campaigns", "--format", "csv", cwd=tmp_path)
        head, first, *others = csv.reader(io.StringIO(done.stdout))
        assert (done.returncode, head, len(others)) == (0, KEYS, 2)
        found = dict(zip(head, first, strict=True))
        assert (found["rules"], found["quiet"], found["can_resume"], found["why_not"]) == (
            "later; quiet",
            *("true", "true", ""),
        )

    def test_as_a_table_a_person_sees_until_when_each_is_quiet_and_why_one_cannot_be_resumed(
        self, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.set(SECOND, unsupported=True)
        write(tmp_path, sandbox.base_url, rule(f"[{FIRST}]"), rule(f"[{SECOND}]", LATER, "later"))
        done = curfew("campaigns", cwd=tmp_path)
        head, first, second, third = done.stdout.splitlines()
        assert (done.returncode, done.stderr) == (0, "")
        assert re.split(" {2,}", head) == ["campaign", "status", "quiet (UTC)", "resume", "selected by"]
        assert first.startswith(f"{FIRST} Campaign 1  RUNNING  until ")
        assert first.split()[-2:] == ["yes", "quiet"]
        assert second.startswith(f"{SECOND} Campaign 2  RUNNING  from ")
        assert "  no      later; can't be resumed: the API doesn't support" in second
        assert third == f"{THIRD} Campaign 3  RUNNING"

    def test_exceptions_count(self, tmp_path: Path, sandbox: SandboxProcess) -> None:
        write(tmp_path, sandbox.base_url, rule(f"[{FIRST}]"))
        with ledger_in(tmp_path).writing() as connection:
            for campaign, kind in ((FIRST, OverrideKind.RESUME), (THIRD, OverrideKind.PAUSE)):
                add_override(connection, exception(kind, campaign), datetime.now(UTC))
        first, second, third = rows("campaigns", tmp_path)
        assert [each["quiet"] for each in (first, second, third)] == [False, False, True]
        assert third["because"] == [f"override 2: pause campaign {THIRD}, by ada"]
        assert (third["rules"], third["can_resume"]) == ([], None), "the file's rules say who is selected, and asked"
        line = curfew("campaigns", cwd=tmp_path).stdout.splitlines()[-1]
        assert line.endswith(f"override 2: pause campaign {THIRD}, by ada")

    def test_it_can_be_asked_for_one_account_or_rule(self, tmp_path: Path) -> None:
        with sandbox_process(campaigns=2) as sandbox:
            acme = f"  acme: {{api_key: x, company_id: 9001, base_url: '{sandbox.base_url}'}}\n"
            rules = rule("all"), rule(f"[{SECOND}]", LATER, "theirs", "acme")
            write(tmp_path, sandbox.base_url, *rules, accounts=acme)
            found = [(row["account"], row["campaign"]) for row in rows("campaigns", tmp_path)]
            assert found == [("main", FIRST), ("main", SECOND), ("acme", FIRST), ("acme", SECOND)]
            sandbox.ask("DELETE", "log")
            assert {row["account"] for row in rows("campaigns", tmp_path, "--account", "acme")} == {"acme"}
            assert [row["campaign"] for row in rows("campaigns", tmp_path, "--rule", "theirs")] == [SECOND]
            assert rows("campaigns", tmp_path, "--rule", "theirs", "--account", "main") == []
            assert {each["account"] for each in sandbox.ask("GET", "log")} == {"9001"}
            assert "account acme" in curfew("campaigns", cwd=tmp_path).stdout

    @pytest.mark.parametrize(
        ("option", "words"),
        [
            (("--account", "mian"), "no account is called 'mian'; did you mean 'main'?"),
            (("--rule", "quite"), "no rule is called 'quite'; did you mean 'quiet'?"),
        ],
    )
    def test_a_name_that_the_file_has_not_is_wrong_use(
        self, tmp_path: Path, option: tuple[str, str], words: str
    ) -> None:
        write(tmp_path, NOWHERE, rule("all"))
        done = curfew("campaigns", *option, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert words in done.stderr

    def test_an_account_that_cannot_be_asked_is_exit_code_1_and_the_others_are_shown(
        self, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        broken = f"  broken: {{api_key: x, base_url: '{NOWHERE}'}}\n"
        write(tmp_path, sandbox.base_url, rule("all"), accounts=broken)
        done = curfew("campaigns", cwd=tmp_path)
        assert done.returncode == 1
        assert done.stdout.count("Campaign ") == 3
        assert done.stderr.startswith("curfew.yaml:4:")
        assert ": accounts.broken.base_url: the API can't be asked: ConnectError" in done.stderr

    def test_without_campaigns_it_says_so(self, tmp_path: Path) -> None:
        with sandbox_process(campaigns=0) as sandbox:
            write(tmp_path, sandbox.base_url, rule("all"))
            assert curfew("campaigns", cwd=tmp_path).stdout == "no campaigns\n"


class TestCheckOnline:
    def test_a_file_that_is_right_is_asked_about_and_nothing_is_changed(
        self, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        write(tmp_path, sandbox.base_url, rule("all"))
        done = curfew("check", "--online", "--strict", cwd=tmp_path)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout.startswith("curfew.yaml: right (1 rule, 1 account, ")
        assert done.stdout.endswith(", 3 campaigns asked about)\n")
        assert {each["call"] for each in sandbox.ask("GET", "log")} == {"list", "get"}

    def test_what_the_api_does_not_know_is_a_warning_at_its_place_and_fails_if_strict(
        self, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.set(SECOND, prospect_timezone=True)
        sandbox.set(THIRD, unsupported=True)
        folders = rule("{folders: [Emea, Ameericas], except: [7]}", name="b")
        write(tmp_path, sandbox.base_url, rule(f"[{FIRST}, {SECOND}, {THIRD}, 77]"), folders)
        done = curfew("check", "--online", cwd=tmp_path)
        assert done.returncode == 0
        assert done.stdout.startswith("curfew.yaml: right, with 5 warnings (")
        places = [line.partition(": warning: ")[0].partition(": ")[2] for line in done.stderr.splitlines()]
        assert places == [
            "rules[0].campaigns[1]",
            "rules[0].campaigns[2]",
            "rules[0].campaigns[3]",
            "rules[1].campaigns.folders[1]",
            "rules[1].campaigns.except[0]",
        ]
        assert all(line.startswith(("curfew.yaml:5:", "curfew.yaml:6:")) for line in done.stderr.splitlines())
        assert "did you mean 'Americas'?" in done.stderr
        assert curfew("check", "--online", "--strict", cwd=tmp_path).returncode == 2
        assert curfew("check", "--strict", cwd=tmp_path).returncode == 0, "offline, nobody knows"

    def test_a_wrong_file_is_told_offline_and_nothing_is_asked(self, tmp_path: Path, sandbox: SandboxProcess) -> None:
        write(tmp_path, sandbox.base_url, rule("al"))
        done = curfew("check", "--online", cwd=tmp_path)
        assert (done.returncode, done.stdout) == (2, "")
        assert sandbox.ask("GET", "log") == []

    def test_a_refused_key_is_an_error_where_it_stands_and_is_not_shown(
        self, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.fault(status=401, detail=f"{KEY} isn't a key")
        write(tmp_path, sandbox.base_url, rule("all"))
        for verb in (("check", "--online"), ("campaigns",)):
            done = curfew(*verb, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (2, "")
            assert done.stderr == (
                "curfew.yaml:3:19: accounts.main.api_key: "
                "the API refuses the key: HTTP 401: E_SESSION: [key] isn't a key\n"
            )

    def test_an_api_that_cannot_be_asked_is_an_error_with_exit_code_1(self, tmp_path: Path) -> None:
        write(tmp_path, NOWHERE, rule("all"))
        for verb in (("check", "--online"), ("campaigns",)):
            done = curfew(*verb, cwd=tmp_path)
            assert (done.returncode, done.stdout) == (1, "")
            assert ": accounts.main.base_url: the API can't be asked: ConnectError" in done.stderr
            assert len(done.stderr.splitlines()) == 1

    def test_a_refused_key_outweighs_an_account_that_cannot_be_asked(
        self, tmp_path: Path, sandbox: SandboxProcess
    ) -> None:
        sandbox.fault(status=403)
        write(tmp_path, sandbox.base_url, rule("all"), accounts=f"  b: {{api_key: x, base_url: '{NOWHERE}'}}\n")
        done = curfew("check", "--online", cwd=tmp_path)
        assert (done.returncode, len(done.stderr.splitlines())) == (2, 2)

    @pytest.mark.parametrize("verb", [("check", "--online"), ("campaigns",)])
    def test_every_key_is_needed(self, tmp_path: Path, verb: tuple[str, ...]) -> None:
        write(tmp_path, NOWHERE, rule("all"), accounts="  acme: {credential: woodpecker}\n")
        done = curfew(*verb, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("curfew.yaml:4:")
        assert "systemd credentials are there for the service only" in done.stderr

    def test_a_credential_is_read_where_it_is_said_to_be(self, tmp_path: Path, sandbox: SandboxProcess) -> None:
        """As root, with the folder of the service's own key: `CREDENTIALS_DIRECTORY=/etc/curfew`."""
        write(tmp_path, sandbox.base_url, rule("all"), key="x")
        file = tmp_path / "curfew.yaml"
        file.write_text(file.read_text().replace("api_key: 'x'", "credential: api-key"))
        (tmp_path / "api-key").write_text(KEY)
        done = curfew("check", "--online", cwd=tmp_path, CREDENTIALS_DIRECTORY=str(tmp_path))
        assert done.returncode == 0, done.stderr
