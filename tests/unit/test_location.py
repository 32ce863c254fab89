"""Where a ledger is: URLs to paths and back, and what is no place for a ledger."""

from pathlib import Path

import pytest

from scheduler.ledger.location import path_of, url_of


@pytest.mark.parametrize(
    ("url", "path"),
    [
        ("sqlite:///curfew.db", "curfew.db"),
        ("sqlite:////var/lib/curfew.db", "/var/lib/curfew.db"),
        ("sqlite:///a%20b.db", "a b.db"),
        ("sqlite:///a%3Fb.db", "a?b.db"),
        ("sqlite:///100%.db", "100%.db"),
        ("sqlite:///a#b.db", "a#b.db"),
    ],
)
def test_a_url_leads_to_its_path(url: str, path: str) -> None:
    assert path_of(url) == Path(path)


@pytest.mark.parametrize(
    "path", ["/a/curfew.db", "curfew.db", "/q?x/c.db", "/p%20x/c.db", "/a b/%3F", "/żółć", "/a\udcff"]
)
def test_the_url_of_a_path_leads_back_to_it(path: str) -> None:
    assert path_of(url_of(Path(path))) == Path(path)


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "isn't a URL"),
        ("curfew.db", "isn't a URL"),
        ("sqlite:/curfew.db", "isn't a URL"),
        ("sqlite://", "only files of SQLite"),
        ("sqlite:///", "only files of SQLite"),
        ("sqlite://host/curfew.db", "only files of SQLite"),
        ("postgresql://me:swordfish@host/db", "only files of SQLite"),
        ("sqlite:///:memory:", "a file that stays"),
        ("sqlite:///file:x?mode=memory&uri=true", "a file that stays"),
        ("sqlite:///c.db?mode=ro", "no parameters; write %3F for a question mark"),
        ("sqlite:///c.db?", "no parameters"),
        ("sqlite:///a%00b", "zero byte"),
    ],
)
def test_what_is_no_place_for_a_ledger_is_refused_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        path_of(url)
    assert "swordfish" not in str(caught.value)
