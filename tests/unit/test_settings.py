"""From file and environment to settings: every wrong key and path, with its place, all in one go."""

import os
from collections.abc import Mapping
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from rules.notation import Moment
from rules.source import MAX_BYTES
from scheduler.contents import stamp_now
from scheduler.errors import WrongFile
from scheduler.ledger.location import Server, path_of, place_of
from scheduler.settings import Alerts, Settings, database_url, ledger_of_content, load
from tests.scheduler_fakes import KEY

RULES = "rules:\n  - {name: weekend, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}\n"
NO_NAME = "what stands in ${...} isn't the name of a variable, as in ${WOODPECKER_API_KEY}"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "curfew.yaml"


def written(file: Path, account: str, *, head: str = "", rules: str = RULES) -> Path:
    """A file with one account, on line 2."""
    file.write_text(f"timezone: Europe/Warsaw\naccounts: {{main: {{{account}}}}}\n{head}{rules}")
    return file


def lines(file: Path, environment: dict[str, str] | None = None) -> list[str]:
    """What's said of a wrong file, without its path."""
    with pytest.raises(WrongFile) as caught:
        load(file, {} if environment is None else environment)
    return [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]


class TestFile:
    def test_a_file_that_is_not_there_says_how_to_name_another(self, file: Path) -> None:
        assert lines(file) == ["1:1: (file): no such file or directory; say which file with --config"]

    def test_a_directory_is_said_to_be_one(self, tmp_path: Path) -> None:
        assert lines(tmp_path) == ["1:1: (file): is a directory"]

    def test_a_file_as_a_folder_is_said_to_be_none(self, file: Path) -> None:
        file.write_text("")
        assert lines(file / "curfew.yaml") == ["1:1: (file): not a directory"]

    @pytest.mark.parametrize("content", [b"", b"# nothing yet\n"])
    def test_an_empty_file_says_where_to_begin(self, file: Path, content: bytes) -> None:
        file.write_bytes(content)
        (line,) = lines(file)
        assert line.startswith("1:1: (file): the file is empty")

    def test_bytes_that_are_not_utf8_have_their_place(self, file: Path) -> None:
        file.write_bytes(b"timezone: UTC\nx: \xff")
        assert lines(file) == ["2:4: (file): not UTF-8 (byte 0xff)"]

    @pytest.mark.parametrize("device", ["/dev/zero", "/dev/null"])
    def test_a_device_is_no_file_and_is_not_read_to_its_end(self, device: str) -> None:
        assert lines(Path(device)) == ["1:1: (file): not a regular file"]

    def test_a_pipe_is_no_file_and_is_not_waited_for(self, file: Path) -> None:
        os.mkfifo(file)
        assert lines(file) == ["1:1: (file): not a regular file"]

    def test_no_more_than_the_limit_is_read_of_a_file(self, file: Path) -> None:
        with file.open("wb") as opened:
            opened.truncate(MAX_BYTES * 1000)
        assert lines(file) == [f"1:1: (file): the file is too large; at most {MAX_BYTES} bytes are read"]

    def test_a_file_of_the_largest_size_is_read(self, file: Path) -> None:
        written(file, "api_key: x")
        file.write_text(file.read_text().ljust(MAX_BYTES))
        assert load(file).ruleset.rules

    def test_the_name_of_a_file_cannot_play_with_the_terminal(self, tmp_path: Path) -> None:
        with pytest.raises(WrongFile) as caught:
            load(tmp_path / "a\x1b[2J\nb")
        assert str(caught.value).startswith(f"{tmp_path}/a\ufffd[2J\ufffdb:1:1: (file): no such file")

    def test_a_long_value_is_not_repeated_whole(self, file: Path) -> None:
        written(file, "api_key: x", rules=RULES.replace("weekend", "a" * 180).replace("Fri 17:00", "x" * 300))
        (line,) = lines(file)
        assert "…" in line
        assert len(line) < 200

    def test_the_digest_is_that_of_the_bytes(self, file: Path) -> None:
        written(file, "api_key: x")
        assert load(file).digest == sha256(file.read_bytes()).hexdigest()

    def test_without_an_environment_no_key_is_looked_for(self, file: Path) -> None:
        """A plan can be made where the key isn't."""
        settings = load(written(file, "api_key: '${NO_SUCH_VARIABLE}'"))
        assert settings.accounts == ()
        assert [rule.name for rule in settings.ruleset.rules] == ["weekend"]


class TestKeys:
    def test_a_key_comes_from_a_variable(self, file: Path) -> None:
        (account,) = load(written(file, "api_key: '${WP_KEY}', company_id: 98765"), {"WP_KEY": KEY}).accounts
        assert (account.name, account.api_key, account.company_id) == ("main", KEY, 98765)
        assert account.base_url == "https://api.woodpecker.co/rest"

    def test_a_key_may_be_part_of_a_text_with_variables(self, file: Path) -> None:
        (account,) = load(written(file, "api_key: 'a${A}${B}z'"), {"A": "1", "B": "2"}).accounts
        assert account.api_key == "a12z"

    def test_a_key_comes_from_a_file_beside_the_rules_wherever_we_are(self, file: Path) -> None:
        (file.parent / "key").write_text(f"  {KEY}\n")
        (account,) = load(written(file, "api_key_file: key"), {}).accounts
        assert account.api_key == KEY

    def test_the_path_of_a_key_file_may_have_variables(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "key").write_text(KEY)
        (account,) = load(written(file, "api_key_file: '${SECRETS}/key'"), {"SECRETS": str(tmp_path)}).accounts
        assert account.api_key == KEY

    def test_a_key_comes_from_systemds_credentials(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "woodpecker").write_text(KEY)
        environment = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
        settings = load(written(file, "credential: woodpecker"), environment)
        assert (settings.accounts[0].api_key, settings.unchecked) == (KEY, ())

    def test_outside_the_service_a_credential_is_a_note_and_not_an_error(self, file: Path) -> None:
        settings = load(written(file, "credential: woodpecker"), {})
        assert settings.accounts == ()
        (note,) = settings.unchecked
        assert str(note) == (
            "2:31: accounts.main.credential: note: systemd credentials are there for the service only; not checked"
        )

    def test_who_needs_every_key_is_refused_with_what_to_do(self, file: Path) -> None:
        with pytest.raises(WrongFile) as caught:
            load(written(file, "credential: woodpecker"), {}, every_key=True)
        assert str(caught.value) == (
            f"{file}:2:31: accounts.main.credential: systemd credentials are there for the service only; "
            "start it as the service, or write api_key or api_key_file to run it by hand"
        )

    @pytest.mark.parametrize(
        ("account", "message"),
        [
            ("api_key: '${WP_KEY}'", "api_key: the variable WP_KEY isn't set"),
            ("api_key: '${EMPTY}'", "api_key: the key is empty"),
            ("api_key: ''", "api_key: the key is empty"),
            ("api_key: '   '", "api_key: the key is empty"),
            ("api_key: 'two words'", "api_key: a key has only visible ASCII characters, without spaces"),
            ("api_key: 'zażółć'", "api_key: a key has only visible ASCII characters, without spaces"),
            (r'api_key: "a\x07b"', "api_key: a key has only visible ASCII characters, without spaces"),
            (r'api_key: "a\nb"', "api_key: a key has only visible ASCII characters, without spaces"),
            ("api_key: '${}'", f"api_key: {NO_NAME}"),
            ("api_key: '${abc123.key}'", f"api_key: {NO_NAME}"),
            ("api_key: '${9abc}'", f"api_key: {NO_NAME}"),
            (f"api_key: '${{{'a' * 41}}}'", f"api_key: {NO_NAME}"),
            ("api_key_file: none", "api_key_file: the key can't be read: no such file or directory"),
            ("api_key_file: .", "api_key_file: the key can't be read: is a directory"),
            ("api_key_file: /dev/null", "api_key_file: the key can't be read: not a regular file"),
            ("api_key_file: fifo", "api_key_file: the key can't be read: not a regular file"),
            ("api_key_file: large", "api_key_file: the file doesn't hold a key"),
            ("api_key_file: binary", "api_key_file: the file doesn't hold a key"),
            ("api_key_file: two-lines", "api_key_file: a key has only visible ASCII characters, without spaces"),
            ("api_key_file: '${WP_KEY}/key'", "api_key_file: the variable WP_KEY isn't set"),
            ("credential: none", "credential: the key can't be read: no such file or directory"),
            ("credential: ../key", "credential: must be the name of a credential, not a path"),
        ],
    )
    def test_a_key_that_cannot_be_had_is_an_error_with_its_place(self, file: Path, account: str, message: str) -> None:
        (file.parent / "binary").write_bytes(b"\xff\xfe\x00")
        (file.parent / "two-lines").write_text("one\ntwo\n")
        (file.parent / "large").write_text("x" * 4097)
        os.mkfifo(file.parent / "fifo")
        environment = {"CREDENTIALS_DIRECTORY": str(file.parent), "EMPTY": ""}
        (line,) = lines(written(file, account), environment)
        place, shown = line.split(": ", 1)
        assert shown == f"accounts.main.{message}"
        assert place == f"2:{file.read_text().splitlines()[1].index(': ', 18) + 3}"

    def test_an_account_that_is_there_twice_is_an_error(self, file: Path) -> None:
        """Woodpecker takes one call at a time for each, and windows of one campaign are one only within an account."""
        accounts = (
            "  main: {api_key: '${A}'}",
            "  acme: {api_key: '${B}', base_url: 'https://api.woodpecker.co/rest'}",
            "  client: {api_key: '${A}', company_id: 7}",
            "  again: {api_key: '${B}', company_id: 7}",
            "  other: {api_key: '${A}', company_id: 8}",
            "  else: {api_key: '${A}', base_url: 'https://api.example.com/rest'}",
        )
        rules = "rules:\n  - {name: w, account: main, campaigns: [7], pause: {from: Fri 17:00, until: Mon 08:00}}\n"
        file.write_text("\n".join(("timezone: UTC", "accounts:", *accounts, rules)))
        end = "put its rules there, or say which client it is with company_id"
        assert lines(file, {"A": "k3y", "B": "k3y"}) == [
            f"4:3: accounts.acme: is the same account as 'main'; {end}",
            f"6:3: accounts.again: is the same account as 'client'; {end}",
        ]
        assert len(load(file, {"A": "k3y", "B": "other"}).accounts) == 6
        assert len(load(file).document.accounts) == 6

    def test_all_wrong_keys_come_in_one_go_with_the_errors_of_the_rest(self, file: Path) -> None:
        file.write_text(
            "timezone: Europe/Warsav\n"
            "accounts:\n"
            "  one: {api_key: '${ONE}'}\n"
            "  two: {api_key_file: none}\n"
            "  three: {api_key: good-key, colour: red}\n"
            "  four: {}\n"
            "rules:\n"
            "  - {name: weekend, account: one, campaigns: [7], pause: {from: Fri 17:00}}\n"
        )
        assert [line.partition(": ")[2] for line in lines(file)] == [
            "timezone: unknown time zone 'Europe/Warsav'; did you mean 'Europe/Warsaw'?",
            "accounts.one.api_key: the variable ONE isn't set",
            "accounts.two.api_key_file: the key can't be read: no such file or directory",
            "accounts.three: unknown key, not shown since it may be the API key; is there a space after each colon?",
            "accounts.four: needs one of api_key, api_key_file and credential",
            "rules[0].pause.from: needs until, or for",
        ]

    @pytest.mark.parametrize("accounts", ["[main]", "main", "{main: x}", "{main: [x]}", "{main: {api_key: [x]}}"])
    def test_accounts_of_a_wrong_type_are_the_documents_error_alone(self, file: Path, accounts: str) -> None:
        file.write_text(f"timezone: Europe/Warsaw\naccounts: {accounts}\n{RULES}")
        assert [line for line in lines(file) if "accounts" in line]

    def test_a_document_that_is_no_mapping_has_no_keys_to_look_for(self, file: Path) -> None:
        file.write_text("- api_key\n")
        assert len(lines(file)) == 1

    @pytest.mark.parametrize("key", ["two wordsecret", "ex\u00f6tic-secret", "double\nline-secret"])
    def test_an_error_about_a_key_does_not_show_it(self, file: Path, key: str) -> None:
        for line in lines(written(file, "api_key: '${WP_KEY}'"), {"WP_KEY": key}):
            assert not any(part in line for part in key.split())

    @pytest.mark.parametrize(
        "account",
        [
            "api_key: '${123.KEY}'",
            "api_key: 'two KEY'",
            "api_key_file: 123.KEY",
            "api_key_file: '123.KEY\0'",
            "api_key_file: 123.KEY, base_url: 123.KEY",
            "api_key: x, base_url: http://123.KEY:x",
            "api_key: x, base_url: 'https://KEY@api.woodpecker.co'",
            "api_key: x, company_id: 123.KEY",
            "credential: 123.KEY",
            "123.KEY",
            "123.KEY: x",
            "api_key: x, 123.KEY: ",
            "api_key: [123.KEY]",
        ],
    )
    @pytest.mark.parametrize("environment", [{}, {"CREDENTIALS_DIRECTORY": "/nowhere"}])
    def test_a_key_in_the_wrong_place_is_not_shown(self, file: Path, account: str, environment: dict[str, str]) -> None:
        written(file, account.replace("'", '"').replace("KEY", KEY))
        if account.startswith("credential") and not environment:
            environment = {"CREDENTIALS_DIRECTORY": str(file.parent)}
        for line in lines(file, environment):
            assert KEY not in line

    def test_an_unknown_name_that_may_be_a_key_is_told_by_its_place_alone(self, file: Path) -> None:
        (line,) = lines(written(file, f"api_key: x, {KEY}: "))
        assert line.startswith("2:31: accounts.main: unknown key, not shown since it may be the API key; ")

    def test_an_unknown_name_that_is_near_a_known_one_is_shown(self, file: Path) -> None:
        (line,) = lines(written(file, "api_key: x, base-url: 'https://example.com'"))
        assert line == "2:31: accounts.main.base-url: unknown key 'base-url'; did you mean 'base_url'?"

    def test_the_key_is_in_no_text_of_the_settings(self, file: Path) -> None:
        for account, environment in ((f"api_key: {KEY}", {}), ("api_key: '${WP_KEY}'", {"WP_KEY": KEY})):
            settings = load(written(file, account), environment)
            shown = [settings, settings.accounts, settings.accounts[0], settings.document]
            assert KEY not in "".join(f"{each!r} {each}" for each in shown)


class TestDatabase:
    def loaded(self, file: Path, head: str = "") -> Settings:
        return load(written(file, "api_key: x", head=head))

    def test_by_default_it_is_beside_the_file(self, file: Path) -> None:
        assert database_url(self.loaded(file), {}) == f"sqlite:///{file.parent}/curfew.db"

    def test_beside_the_file_means_so_also_for_a_relative_path(
        self, file: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.loaded(file)
        monkeypatch.chdir(file.parent)
        assert database_url(load(Path("curfew.yaml")), {}) == f"sqlite:///{file.parent}/curfew.db"

    @pytest.mark.parametrize("directory", ["/var/lib/curfew", "/var/lib/curfew:/var/lib/other"])
    def test_in_the_service_it_is_in_the_first_state_directory(self, file: Path, directory: str) -> None:
        url = database_url(self.loaded(file, "database: sqlite:///ledger.db\n"), {"STATE_DIRECTORY": directory})
        assert url == "sqlite:////var/lib/curfew/ledger.db"

    def test_an_empty_state_directory_is_none(self, file: Path) -> None:
        assert database_url(self.loaded(file), {"STATE_DIRECTORY": ""}) == f"sqlite:///{file.parent}/curfew.db"

    def test_an_absolute_path_stays(self, file: Path) -> None:
        url = database_url(self.loaded(file, "database: sqlite:////srv/c.db\n"), {"STATE_DIRECTORY": "/var/lib/curfew"})
        assert url == "sqlite:////srv/c.db"

    def test_variables_are_filled_in(self, file: Path) -> None:
        settings = self.loaded(file, "database: 'sqlite:///${NAME}.db'\n")
        assert database_url(settings, {"NAME": "night"}) == f"sqlite:///{file.parent}/night.db"

    def test_a_server_is_where_its_url_says(self, file: Path) -> None:
        url = "postgresql+psycopg://curfew@db.example.com:5433/curfew?sslmode=require"
        found = database_url(self.loaded(file, f"database: {url}\n"), {"STATE_DIRECTORY": "/var/lib/curfew"})
        assert found == url

    def test_a_password_from_a_variable_may_have_any_letters(self, file: Path) -> None:
        """They'd mean something else in a URL; what stands elsewhere in it is taken as it is."""
        settings = self.loaded(file, "database: 'postgresql://${ME}:${WORD}@${HOST}/curfew'\n")
        variables = {"ME": "c@me", "WORD": "s/w?o#r:d@f%41${ME} sh", "HOST": "db:5433"}
        found = place_of(database_url(settings, variables))
        assert isinstance(found, Server)
        assert (found.password, found.name) == (variables["WORD"], "postgresql://c%40me@db:5433/curfew")

    def test_a_variable_may_be_the_whole_url(self, file: Path) -> None:
        settings = self.loaded(file, "database: '${LEDGER}'\n")
        url = "postgresql+psycopg://curfew:sword%2Ffish@db/curfew"
        assert database_url(settings, {"LEDGER": url}) == url

    def test_the_password_is_in_no_text_of_the_settings(self, file: Path) -> None:
        settings = self.loaded(file, "database: postgresql://me:swordfish@db/curfew\n")
        shown = "".join(f"{each!r} {each}" for each in (settings, settings.document))
        assert "swordfish" not in shown

    @pytest.mark.parametrize("name", ["q?x", "p%20x", "100%", "a b", "a#b"])
    def test_a_folder_of_any_name_holds_its_own_ledger(self, tmp_path: Path, name: str) -> None:
        (tmp_path / name).mkdir()
        url = database_url(self.loaded(tmp_path / name / "curfew.yaml"), {})
        assert path_of(url) == tmp_path / name / "curfew.db"

    @pytest.mark.parametrize(
        ("url", "message"),
        [
            ("garbage", "isn't a URL such as EXAMPLE"),
            ("'${EMPTY}'", "isn't a URL such as EXAMPLE"),
            ("mysql://me:swordfish@db/curfew", "only SQLite and PostgreSQL are supported, as in EXAMPLE or SERVER"),
            ("sqlite:///", "only SQLite and PostgreSQL are supported, as in EXAMPLE or SERVER"),
            ("postgresql://me:swordfish@db", "names no database, as the last word does in SERVER"),
            ("'postgresql://me:${NOPE}@db/curfew'", "the variable NOPE isn't set"),
            ("'sqlite:///:memory:'", "a ledger must be a file that stays, as in EXAMPLE"),
            ("sqlite:///a?b", "takes no parameters; write %3F for a question mark of the path"),
            ("'sqlite:///${NOPE}.db'", "the variable NOPE isn't set"),
            ("'sqlite:///${no pe}.db'", NO_NAME),
        ],
    )
    def test_a_wrong_database_is_an_error_of_the_file_with_its_place(self, file: Path, url: str, message: str) -> None:
        written(file, "api_key: x", head=f"database: {url}\n")
        message = message.replace("EXAMPLE", "sqlite:////var/lib/curfew/curfew.db")
        said = f"3:11: database: {message.replace('SERVER', 'postgresql+psycopg://curfew@db.example.com/curfew')}"
        assert lines(file, {"EMPTY": ""}) == [said]
        if "$" in url:  # a plan can be made without the environment
            with pytest.raises(WrongFile) as caught:
                database_url(load(file), {"EMPTY": ""})
            assert str(caught.value) == f"{file}:{said}"
        else:
            with pytest.raises(WrongFile):
                load(file)

    @pytest.mark.parametrize("value", ["7", "[x]", '" "'])
    def test_a_database_of_a_wrong_type_is_the_documents_error_alone(self, file: Path, value: str) -> None:
        file.write_text(f"timezone: UTC\naccounts: {{main: {{api_key: x}}}}\ndatabase: {value}\n{RULES}")
        assert len(lines(file)) == 1

    @pytest.mark.parametrize(
        ("text", "name"),
        [
            ("database: sqlite:///night.db\nrules: []\n", "night.db"),
            ("rules: [\ndatabase: 'sqlite:///night.db'  # ours\n", "night.db"),
            ("database: sqlite:///night.db\ndatabase: sqlite:///day.db\n", "day.db"),
            ("rules: [\n", "curfew.db"),
            ("rules: [\ndatabase: [\n", "curfew.db"),
            ("\ufeffdatabase: sqlite:///night.db\nrules: {\n", "curfew.db"),
            ("", "curfew.db"),
        ],
    )
    def test_of_a_file_that_is_wrong_elsewhere_the_line_that_says_it_counts(
        self, file: Path, text: str, name: str
    ) -> None:
        """So that `status` can tell what a daemon says of that file."""
        file.write_text(text)
        with pytest.raises(WrongFile) as caught:
            load(file)
        assert ledger_of_content(caught.value.content, file, {}) == f"sqlite:///{file.parent}/{name}"

    def test_where_that_line_is_wrong_too_it_is_not_known(self, file: Path) -> None:
        file.write_text("rules: [\ndatabase: garbage\n")
        with pytest.raises(WrongFile) as caught:
            load(file)
        assert ledger_of_content(caught.value.content, file, {}) is None


class TestStamp:
    """All that a load was made of, so that a change of any of it is seen."""

    def files(self, stamp: Mapping[tuple[Path, int], str]) -> list[str]:
        return sorted(path.name for path, _ in stamp)

    def test_it_has_the_file_the_keys_and_what_it_includes_also_where_that_is_missing(self, file: Path) -> None:
        calendars = "calendars: {shared: {ics: closed.ics}}\n"
        written(file, "api_key_file: key", head=calendars)
        with pytest.raises(WrongFile) as caught:
            load(file, {})
        assert self.files(caught.value.stamp) == ["closed.ics", "curfew.yaml", "key"]
        written(file, "api_key_file: key")
        (file.parent / "key").write_text("a-key")
        stamp = load(file, {}).stamp
        assert self.files(stamp) == ["curfew.yaml", "key"]
        assert stamp_now(stamp) == stamp

    def test_of_a_file_that_is_no_yaml_it_has_only_that(self, file: Path) -> None:
        file.write_text("rules: [")
        with pytest.raises(WrongFile) as caught:
            load(file, {})
        assert self.files(caught.value.stamp) == ["curfew.yaml"]


class TestAlerts:
    """Where alerts go is a secret, and comes from the same places as a key."""

    def alerts(self, file: Path, alerts: str, environment: dict[str, str] | None = None, **more: Any) -> Settings:
        written(file, "api_key: x", head=f"alerts: {alerts}\n")
        return load(file, environment or {}, **more)

    def test_without_any_nobody_is_told(self, file: Path) -> None:
        settings = load(written(file, "api_key: x"), {})
        assert settings.alerts == Alerts()

    def test_an_address_comes_from_a_variable_a_file_or_a_credential(self, file: Path, tmp_path: Path) -> None:
        (tmp_path / "alert-url").write_text("json://localhost/file\n")
        (tmp_path / "alert").write_text("json://localhost/credential")
        environment = {"URL": "json://localhost/variable", "CREDENTIALS_DIRECTORY": str(tmp_path)}
        to = "[{credential: alert}, '${URL}', {url_file: alert-url}]"
        settings = self.alerts(file, f"{{to: {to}, ping: 'http://127.0.0.1/x', digest: weekly}}", environment)
        assert [(address.path[:3], address.url) for address in settings.alerts.to] == [
            (("alerts", "to", 0), "json://localhost/credential"),
            (("alerts", "to", 1), "json://localhost/variable"),
            (("alerts", "to", 2), "json://localhost/file"),
        ]
        assert settings.alerts.ping is not None
        assert settings.alerts.ping.url == "http://127.0.0.1/x"
        assert settings.alerts.digest == Moment(time=timedelta(hours=8), weekday=0)
        assert "localhost" not in repr(settings.alerts)
        # Another one takes effect while the daemon runs.
        assert (tmp_path / "alert-url", 4096) in settings.stamp

    def test_one_alone_may_stand_without_its_list(self, file: Path) -> None:
        (address,) = self.alerts(file, "{to: 'json://localhost'}").alerts.to
        assert address.path == ("alerts", "to", 0)

    @pytest.mark.parametrize(
        ("alerts", "message"),
        [
            ("{to: '${NONE}'}", "3:14: alerts.to: the variable NONE isn't set"),
            ("{to: ['${json://x}']}", f"3:15: alerts.to[0]: {NO_NAME}"),
            ("{to: 'two words'}", "3:14: alerts.to: an address has only visible ASCII characters, without spaces"),
            ("{to: '${EMPTY}'}", "3:14: alerts.to: the address is empty"),
            ("{to: {url_file: gone}}", "alerts.to.url_file: the address can't be read: no such file or directory"),
            ("{ping: 'ftp://SECRET'}", "3:16: alerts.ping: must be an https address, as in https://hc-ping.com/UUID"),
            ("{ping: SECRET}", "alerts.ping: must be an https address, as in https://hc-ping.com/UUID"),
            ("{ping: 'http://hc-ping.com/SECRET'}", "plain http would show the address to the network; write https"),
            ("{ping: 'https://a:SECRET@b.example'}", "must be an address without user, password or fragment"),
            ("{ping: 'https://b.example/#SECRET'}", "must be an address without user, password or fragment"),
        ],
    )
    def test_a_wrong_address_is_told_with_its_place_and_without_what_it_is(
        self, file: Path, alerts: str, message: str
    ) -> None:
        with pytest.raises(WrongFile) as caught:
            self.alerts(file, alerts, {"EMPTY": ""})
        assert message in str(caught.value)
        assert "SECRET" not in str(caught.value)

    def test_what_nothing_can_be_sent_to_is_told_with_all_the_rest(self, file: Path) -> None:
        head = "alerts: {to: ['slack://SECRET', 'json://localhost'], ping: 'http://a.example'}\n"
        written(file, "api_key: '${NONE}'", head=head, rules=RULES.replace("Fri", "Fry"))
        with pytest.raises(WrongFile) as caught:
            load(file, {}, check_address=lambda url: "nobody's" if url.startswith("slack") else None)
        assert [line.partition(f"{file}:")[2] for line in str(caught.value).splitlines()] == [
            "2:28: accounts.main.api_key: the variable NONE isn't set",
            "3:15: alerts.to[0]: nobody's",
            "3:60: alerts.ping: plain http would show the address to the network; write https",
            "5:51: rules[0].pause.from: 'Fry' isn't a weekday; did you mean 'friday'?",
        ]

    def test_a_credential_that_only_the_service_has_is_a_note(self, file: Path) -> None:
        settings = self.alerts(file, "{to: {credential: alert}, ping: {credential: ping}}")
        assert settings.alerts == Alerts()
        assert [str(note).partition("alerts.")[2] for note in settings.unchecked] == [
            "to.credential: note: systemd credentials are there for the service only; not checked",
            "ping.credential: note: systemd credentials are there for the service only; not checked",
        ]
        with pytest.raises(WrongFile, match="write an address or url_file to run it by hand"):
            self.alerts(file, "{to: {credential: alert}}", every_key=True)

    def test_without_an_environment_no_address_is_looked_for(self, file: Path) -> None:
        """A plan can be made where the addresses aren't."""
        written(file, "api_key: x", head="alerts: {to: '${NONE}', ping: SECRET}\n")
        assert load(file).alerts == Alerts()
