"""The parts of the chaos run, and a short one: one seed of what `make chaos` does for minutes."""

import os
import random
import subprocess
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path

import pytest

from rules.document import read
from rules.entries import compile_rules
from rules.ruleset import Ruleset
from rules.source import SourceError, parse
from tests.proof.chaos.clock import SteppedClock, find_library
from tests.proof.chaos.daemon import Life
from tests.proof.chaos.disk import small_disk
from tests.proof.chaos.file import RuleFile
from tests.proof.chaos.play import play
from tests.proof.chaos.report import own_faults
from tests.proof.chaos.run import Played, Scale, Tally
from tests.proof.chaos.script import FOLDERS, Kinds, campaigns, deaths, edited, happenings, rules_of, with_windows
from tests.proof.chaos.versions import Versions
from tests.proof.checker import check
from tests.proof.stories import Story

NOON = datetime(2026, 11, 27, 12, tzinfo=UTC)
IDS = campaigns(6)


def a_file(seed: int, rounds: int = 3) -> RuleFile:
    """A file as it is after some rounds, each with an edit."""
    chance = random.Random(seed)  # noqa: S311 -- it's to be repeatable
    rules = {rule.name: rule for name in ("main", "acme") for rule in rules_of(name, IDS)}
    file = RuleFile(accounts=dict.fromkeys(("main", "acme"), "{api_key: x}"), database="sqlite:///x.db", rules=rules)
    for number in range(rounds):
        start = NOON + timedelta(seconds=30 * number)
        file = with_windows(file, start, 20, chance)
        _, file = edited(file, start + timedelta(seconds=10), chance)
    return file


def compiled(file: RuleFile) -> Ruleset:
    return compile_rules(read(parse(file.text().encode())))


class TestFile:
    @pytest.mark.parametrize("seed", range(20))
    def test_its_plan_is_what_the_rules_make_of_its_text(self, seed: int) -> None:
        """The checker judges by the plan, and the daemon goes by the text: neither has been made from the other."""
        file = a_file(seed)
        ruleset, plan = compiled(file), file.plan()
        for account in ("main", "acme"):
            for number, campaign in enumerate(IDS):
                names = {"name": f"Campaign {number + 1}", "folder": FOLDERS[number % len(FOLDERS)]}
                timeline = ruleset.timeline(account, campaign, **names)
                spans = timeline.spans(NOON - timedelta(days=1), NOON + timedelta(days=1))
                planned = plan.spans.get((account, campaign), ())
                assert [(each.start, each.end) for each in spans] == [(each.start, each.end) for each in planned]
                for span, quiet in zip(spans, planned, strict=True):
                    labels = [window.label for window in span.windows]
                    assert quiet.is_given_back == all(label.is_resumed for label in labels)
                    assert quiet.is_enforced == any(label.is_enforced for label in labels)
                holds = timeline.holds(NOON - timedelta(days=1), NOON + timedelta(days=1))
                planned_holds = plan.holds.get((account, campaign), ())
                assert [each.at for each in holds] == sorted({each.at for each in planned_holds})

    def test_a_spoilt_version_is_none_and_the_last_good_one_comes_back(self, tmp_path: Path) -> None:
        versions = Versions(tmp_path, tmp_path / "curfew.db")
        versions.write(a_file(1))
        versions.spoil()
        with pytest.raises(SourceError):
            read(parse((tmp_path / "curfew.yaml").read_bytes()))
        versions.mend()
        assert (tmp_path / "curfew.yaml").read_text() == a_file(1).text()
        assert [since <= until for since, until in versions.spoilt] == [True]

    def test_a_version_reigns_until_a_life_began_that_has_read_the_next_one(self, tmp_path: Path) -> None:
        versions = Versions(tmp_path, tmp_path / "curfew.db")
        versions.write(a_file(1))
        versions.write(a_file(2))
        written = versions.all[1].written_at
        lives = [Life(number=1, started_at=written + timedelta(seconds=3))]
        end = written + timedelta(seconds=60)
        first, second = versions.reigns(lives, end)
        assert (first.until, second.since, second.until) == (lives[0].started_at, written, end)


class TestScript:
    def test_a_seed_draws_the_same_round_again(self) -> None:
        drawn = [
            [(each.at, each.kind, each.values) for each in happenings(Kinds(), 20, random.Random(7))]  # noqa: S311
            for _ in range(2)
        ]
        assert drawn[0] == drawn[1]
        assert a_file(3).text() == a_file(3).text()

    def test_what_is_left_out_leaves_the_rest_as_it_is(self) -> None:
        everything = happenings(Kinds(), 20, random.Random(7))  # noqa: S311
        without = happenings(Kinds(steps=False, acts=False), 20, random.Random(7))  # noqa: S311
        kept = [each for each in everything if each.kind not in {"step", "act"}]
        assert [(each.at, each.kind) for each in without] == [(each.at, each.kind) for each in kept]

    def test_lives_end_at_every_kind_of_moment(self) -> None:
        ends = list(islice(deaths(random.Random(7)), 100))  # noqa: S311
        assert {each.after for each in ends} == {"start", "ready", "call"}
        assert 30 < sum(each.after == "call" for each in ends) < 70


class TestClock:
    @pytest.mark.skipif(find_library() is None, reason="libfaketime isn't installed (package faketime)")
    def test_a_process_sees_its_steps_at_once_and_its_monotonic_clock_doesnt(self, tmp_path: Path) -> None:
        clock = SteppedClock(tmp_path, find_library())
        code = "import time; print(time.time(), time.monotonic(), flush=True); input()\n" * 2
        with subprocess.Popen(
            [sys.executable, "-c", code],
            env={**os.environ, **clock.environment()},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            before = [float(each) for each in process.stdout.readline().split()]
            clock.step(timedelta(hours=-2))
            process.stdin.write("\n")
            process.stdin.flush()
            after = [float(each) for each in process.stdout.readline().split()]
            process.communicate("\n")
        assert -7200 <= after[0] - before[0] < -7000
        assert 0 <= after[1] - before[1] < 200
        assert clock.history().ahead(clock.steps[0][0]) == timedelta(hours=-2)


class TestDisk:
    def test_when_it_is_full_nothing_fits_any_more_and_then_it_does_again(self, tmp_path: Path) -> None:
        with small_disk(tmp_path / "disk") as disk:
            if not disk.can_be_filled:
                pytest.skip("no tmpfs can be mounted here (root is needed)")
            disk.fill()
            with pytest.raises(OSError, match="No space left"):
                (disk.folder / "more").write_bytes(b"x" * 5000)
            disk.empty()
            (disk.folder / "more").write_bytes(b"x" * 5000)


class TestOwnFaults:
    """What a daemon may not do, whatever is done to it."""

    def played(self, life: Life, tally: Tally | None = None, unsettled: str | None = None) -> Played:
        history = Story().settle(1).history()
        return Played(history=history, lives=[life], tally=tally or Tally(), unsettled=unsettled)

    def life(self, code: int | None, words: str = "") -> Life:
        return Life(number=1, started_at=NOON, ended_at=NOON, exit_code=code, last_words=words)

    @pytest.mark.parametrize("code", [1, 2, 3, -11])
    def test_to_end_by_itself_is_one(self, code: int) -> None:
        (fault,) = own_faults(self.played(self.life(code, "no idea")))
        assert fault == f"life 1 ended with {code}: no idea"

    def test_a_traceback_is_one_and_a_state_that_never_settles(self) -> None:
        life = replace(self.life(None), has_traceback=True)
        assert len(list(own_faults(self.played(life, unsettled="a call")))) == 2

    def test_a_full_disk_and_a_wrong_file_excuse_their_own_ends_and_no_other(self) -> None:
        around = [(NOON, NOON)]
        full, spoilt = Tally(full=around), Tally(spoilt=around)
        assert list(own_faults(self.played(self.life(1), full))) == []
        assert list(own_faults(self.played(self.life(2), spoilt))) == []
        assert len(list(own_faults(self.played(self.life(3), full)))) == 1
        assert len(list(own_faults(self.played(self.life(1), spoilt)))) == 1


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Played:
    scale = Scale(rounds=1, kills=2, accounts=2, campaigns=6, chaos_seconds=5, has_time_outs=False)
    return play(tmp_path_factory.mktemp("chaos"), seed=5, scale=scale, kinds=Kinds())


@pytest.mark.xdist_group("chaos")
class TestShortRun:
    def test_no_promise_is_broken(self, played: Played) -> None:
        assert check(played.history).violations == ()

    def test_the_daemon_has_ended_only_as_it_may(self, played: Played) -> None:
        assert list(own_faults(played)) == []

    def test_it_was_killed_and_something_was_due(self, played: Played) -> None:
        assert sum(life.is_killed for life in played.lives) >= 2
        figures = check(played.history).figures
        assert figures.due > 0
        assert (figures.lost, figures.doubled) == (0, 0)
        assert any(call.call == "pause" for call in played.history.calls)
