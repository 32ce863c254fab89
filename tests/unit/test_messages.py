"""What a person reads: short, with what to do, and nothing in it but text."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from scheduler.alerts.concerns import ABOUT, Facts, Kind, concerns_of
from scheduler.alerts.messages import LONGEST_BODY, Level, Message, Sender, alert, together
from scheduler.alerts.messages import test_message as message_of_a_test
from scheduler.alerts.stock import Entry
from scheduler.texts import inert
from tests.scheduler_fakes import CAMPAIGN, FRIDAY, MINUTE
from tests.unit.test_concerns import HOSTILE, failing

SENDER = Sender("alpha", "/etc/curfew/curfew.yaml", ZoneInfo("Europe/Warsaw"))
FOOTER = "\n\n--\nCurfew on alpha, /etc/curfew/curfew.yaml"


def entry(
    kind: Kind = Kind.PAUSE_FAILING, number: int = 0, *, over: timedelta | None = None, text: str | None = None
) -> Entry:
    campaign = f"main/{CAMPAIGN + number}"
    over_at = None if over is None else FRIDAY + over
    text = text or f"{campaign} Alpha: UNKNOWN: try again later"
    return Entry(id=number, kind=kind, subject=campaign, text=text, began_at=FRIDAY, over_at=over_at)


def test_what_has_begun_is_told_with_what_to_do() -> None:
    assert alert([entry()], [], SENDER) == Message(
        "Curfew: a campaign can't be paused, and may be sending",
        "A campaign can't be paused, and may be sending (since Fri 2026-11-27 17:00):\n"
        "- main/1000001 Alpha: UNKNOWN: try again later\n"
        f"What to do: {ABOUT[Kind.PAUSE_FAILING].advice}{FOOTER}",
        Level.FAILURE,
    )


def test_many_of_a_kind_are_one_message_that_names_a_few() -> None:
    message = alert([entry(number=number) for number in range(212)], [], SENDER)
    assert message.title == "Curfew: 212 campaigns can't be paused, and may be sending"
    assert message.body.count("\n- ") == 4
    assert "\n- and 209 more\n" in message.body


def test_several_kinds_are_one_message_the_worst_first() -> None:
    message = alert([entry(Kind.PREFLIGHT), entry(Kind.KEY_REFUSED)], [entry(over=20 * MINUTE)], SENDER)
    assert message.title == "Curfew: Woodpecker refuses the key of an account (and 2 more)"
    parts = message.body.split("\n\n")
    assert [part.partition(" (")[0] for part in parts[:-1]] == [
        "Woodpecker refuses the key of an account",
        "Rules don't fit the campaigns of an account",
        "Over: a campaign can't be paused, and may be sending",
    ]
    assert message.level is Level.FAILURE


def test_what_is_over_says_from_when_until_when_and_what_is_so_now() -> None:
    message = alert([], [entry(over=20 * MINUTE), entry(number=1, over=30 * MINUTE)], SENDER)
    assert message.title == "Curfew: over: 2 campaigns can't be paused, and may be sending"
    assert message.body.startswith(
        "Over: 2 campaigns can't be paused, and may be sending (from Fri 2026-11-27 17:00 until Fri 2026-11-27 17:30): "
        "paused by now, or not wanted any more.\n- main/1000001 Alpha: UNKNOWN"
    )
    assert message.level is Level.SUCCESS


def test_what_can_wait_is_marked_as_that() -> None:
    assert alert([entry(Kind.PREFLIGHT)], [], SENDER).level is Level.WARNING


@pytest.mark.parametrize("kind", list(Kind))
def test_each_kind_has_words_for_one_for_many_for_its_end_and_for_what_to_do(kind: Kind) -> None:
    about = ABOUT[kind]
    one, many = alert([entry(kind)], [], SENDER), alert([entry(kind), entry(kind, 1)], [], SENDER)
    assert about.one in one.title
    assert about.many.format(2) in many.title
    assert f"What to do: {about.advice}" in one.body
    assert about.advice.endswith((".", "journalctl -u curfew"))
    assert about.is_moment == (about.over == "")


def test_whatever_there_is_to_tell_a_message_has_bounds() -> None:
    entries = [entry(kind, number, text="x" * 5_000) for kind in Kind for number in range(50)]
    message = alert(entries, [], SENDER)
    assert len(message.body) < LONGEST_BODY + 200
    assert "The rest is in `curfew alert` and `curfew status`." in message.body
    assert message.body.endswith(FOOTER)
    assert len(message.title) < 120


class TestHostile:
    def message(self) -> Message:
        row = failing(campaign_name=HOSTILE, error=HOSTILE)
        (concern,) = concerns_of(Facts(failing=[row]), SENDER.zone, FRIDAY)
        told = Entry(id=1, kind=concern.kind, subject=concern.subject, text=concern.text, began_at=FRIDAY)
        return alert([told], [], SENDER)

    def test_the_title_has_none_of_it(self) -> None:
        assert self.message().title == "Curfew: a campaign can't be paused, and may be sending"

    def test_it_is_one_line_of_the_body_and_short(self) -> None:
        _, line, *rest = self.message().body.split("\n")
        assert line.startswith(f"- main/{CAMPAIGN} �[2J�Forged: line��=cmd()|'")
        assert len(line) < 300
        assert rest[0].startswith("What to do: ")

    def test_it_can_neither_mention_anybody_nor_be_a_link(self) -> None:
        text = inert("@channel <!here> <@U1> https://evil.example www.evil.example ``` [x](http://evil.example)")
        assert "@c" not in text
        assert "<!" not in text
        assert "://" not in text
        assert "www." not in text
        assert "``" not in text
        assert text.replace("\N{WORD JOINER}", "") == (
            "@channel <!here> <@U1> https://evil.example www.evil.example ``` [x](http://evil.example)"
        )


def test_messages_that_had_to_wait_come_as_one() -> None:
    first, second = alert([entry()], [], SENDER), alert([], [entry(over=MINUTE)], SENDER)
    assert together([first]) == first
    both = together([first, second])
    assert both.title == f"{second.title} (and what came before)"
    assert both.body == (f"2 messages that couldn't be sent before, the newest first:\n\n{second.body}\n\n{first.body}")
    assert both.level is Level.FAILURE
    many = together([*[first] * 100, second])
    assert len(many.body) < LONGEST_BODY + 200
    assert second.body in many.body, "its title is that of the newest"


def test_a_test_says_that_it_is_one() -> None:
    message = message_of_a_test(SENDER)
    assert message.title == "Curfew: a test of its alerts"
    assert "nothing needs to be done" in message.body
    assert message.level is Level.INFO
