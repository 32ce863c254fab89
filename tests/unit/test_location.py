"""Where a ledger is: URLs to paths and back, and what is no place for a ledger."""

from pathlib import Path

import pytest

from scheduler.ledger.location import Server, path_of, place_of, url_of


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
    assert path_of(url) == place_of(url) == Path(path)


@pytest.mark.parametrize(
    ("url", "password", "name"),
    [
        ("postgresql+psycopg://me:swordfish@db/curfew", "swordfish", "postgresql://me@db/curfew"),
        ("postgresql://me:swordfish@db:5433/curfew", "swordfish", "postgresql://me@db:5433/curfew"),
        ("postgresql://me:s%40%2Fx@db/curfew", "s@/x", "postgresql://me@db/curfew"),
        ("postgresql://db/curfew?sslmode=require&sslkey=/etc/swordfish", "", "postgresql://db/curfew"),
        ("postgresql://me@/curfew?host=/run/postgresql", "", "postgresql://me@/curfew"),
        ("postgresql:///curfew", "", "postgresql:///curfew"),
    ],
)
def test_a_url_leads_to_its_server_whose_text_has_no_secret(url: str, password: str, name: str) -> None:
    server = place_of(url)
    assert isinstance(server, Server)
    assert (server.url, server.password, str(server)) == (url, password, name)
    assert "swordfish" not in f"{server!r} {server}"


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
        ("sqlite://", "only SQLite and PostgreSQL"),
        ("sqlite:///", "only SQLite and PostgreSQL"),
        ("sqlite://host/curfew.db", "only SQLite and PostgreSQL"),
        ("mysql://me:swordfish@host/db", "only SQLite and PostgreSQL"),
        ("postgresql+asyncpg://me:swordfish@host/db", "only SQLite and PostgreSQL"),
        ("sqlite:///:memory:", "a file that stays"),
        ("sqlite:///file:x?mode=memory&uri=true", "a file that stays"),
        ("sqlite:///c.db?mode=ro", "no parameters; write %3F for a question mark"),
        ("sqlite:///c.db?", "no parameters"),
        ("sqlite:///a%00b", "zero byte"),
        ("postgresql://me:swordfish@db", "names no database"),
        ("postgresql://me:swordfish@db/", "names no database"),
        ("postgresql://me@db/curfew?password=swordfish", "doesn't belong after the question mark"),
        ("postgresql://me@db/curfew?sslpassword=swordfish", "doesn't belong after the question mark"),
        # What a password's own letters make of it.
        ("postgresql://me:x@swordfish@db/curfew", "are written as %XX"),
        ("postgresql://me:5/swordfish@db/curfew", "are written as %XX"),
        ("postgresql://me:5/swordfish/curfew", "are written as %XX"),
        ("postgresql://me:swordfish/x@db/curfew", "are written as %XX"),
        ("postgresql://me:5?swordfish@db/curfew", "names no database"),
        ("postgresql://me:x#swordfish@db/curfew", "are written as %XX"),
        ("postgresql://me:[swordfish@db/curfew", "are written as %XX"),
        ("postgresql://me:sword fish@db/curfew", "are written as %XX"),
        ("postgresql://me:swordfish@db/curfew\n", "are written as %XX"),
        ("postgresql://me:swordfish@db/curfew#x", "are written as %XX"),
        ("postgresql://me:swordfish@db:0x50/curfew", "are written as %XX"),
    ],
)
def test_what_is_no_place_for_a_ledger_is_refused_without_its_password(url: str, message: str) -> None:
    with pytest.raises(ValueError, match=message) as caught:
        place_of(url)
    assert "swordfish" not in str(caught.value)
