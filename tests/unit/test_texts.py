"""Text from elsewhere: unable to play with the terminal, and not longer than a person reads."""

import pytest

from scheduler.texts import brief, escaped, printable


def test_nothing_can_move_the_cursor_or_forge_a_line() -> None:
    assert printable("a\x1b[2J\nb\u202ec") == "a�[2J�b�c"
    assert printable(None) == ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("żółć 漢字 🙂", "żółć 漢字 🙂"),
        ("a\x1b[2J\r\nb\x7f\x9b1m", r"a\x1b[2J\r\nb\x7f\x9b1m"),
        ("runs \u202ebackwards\u2066 \u200e\ufeff", r"runs \u202ebackwards\u2066 \u200e\ufeff"),
        ("one\u2028two\u2029three\x85four", r"one\u2028two\u2029three\x85four"),
        ("half an emoji: \ud83d", r"half an emoji: \ud83d"),
        ("\U000e0041", r"\U000e0041"),
    ],
)
def test_what_cannot_be_seen_is_shown_as_what_it_is(text: str, shown: str) -> None:
    assert escaped(text) == shown
    assert escaped(text).isprintable()


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("must be a list, not 'short'", "must be a list, not 'short'"),
        (f"must be true or false, not {'x' * 500!r}", f"must be true or false, not '{'x' * 59}…'"),
        (f"{'two words ' * 50!r} isn't a time; it's long", f"'{('two words ' * 50)[:59]}…' isn't a time; it's long"),
        (f"unknown key {'it.s ' * 50!r}", f"unknown key '{('it.s ' * 50)[:59]}…'"),
        (f"not {chr(39) * 500!r}", f'not "{chr(39) * 59}…"'),
        (f"rules[0].{'k' * 500}: unknown key", f"rules[0].{'k' * 60}…: unknown key"),
        ("'a' isn't one, " + "and so on " * 20 + "did you mean 'b'?", None),
        ("/a/path" * 40 + "/curfew.db: no such file", None),
    ],
)
def test_a_value_that_is_repeated_is_cut_and_the_rest_is_not(message: str, shown: str | None) -> None:
    assert brief(message) == (shown or message)
