"""The arrows of docs/architecture.md: who may import whom, and who alone may import which library."""

import ast
import sys
from collections.abc import Container, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
# Each third-party library, and the one module or folder that imports it.
HOMES = {
    "aiohttp": "scheduler/sandbox",
    "alembic": "scheduler/schema.py",
    "apprise": "scheduler/notify.py",
    "apscheduler": "scheduler/jobs.py",
    "click": "scheduler/cli",
    "cronsim": "rules/cron.py",
    "holidays": "rules/calendars.py",
    "httpx": "scheduler/client.py",
    "icalendar": "rules/ics",
    "prometheus_client": "scheduler/metrics.py",
    "pydantic": "rules/document",
    "pydantic_core": "rules/document",
    "recurring_ical_events": "rules/ics",
    "rich": "scheduler/cli",
    "sqlalchemy": "scheduler/ledger",
    "structlog": "scheduler/logs.py",
    "tzdata": "scheduler/zonedata.py",
    "watchfiles": "scheduler/watching.py",
    "yaml": "rules/source.py",
}
# What the pure half may use of the standard library beyond plain values: nothing that acts.
IMPURE = {"os", "pathlib", "socket", "subprocess", "asyncio", "threading", "logging", "time", "random", "sqlite3"}


def modules(package: str) -> list[Path]:
    return sorted((ROOT / package).rglob("*.py"))


def imports(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


def imported_modules(path: Path, known: Container[str]) -> Iterator[str]:
    """Those of the known modules that are imported: `from package import module` is the module, not the package."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom):
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield from (name for name in [inner if inner in known else node.module or ""] if name in known)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("path", modules("rules"), ids=named)
def test_rules_never_import_the_scheduler_nor_anything_that_acts(path: Path) -> None:
    tops = {name.partition(".")[0] for name in imports(path)}
    assert "scheduler" not in tops
    assert not tops & IMPURE


@pytest.mark.parametrize("path", [*modules("rules"), *modules("scheduler")], ids=named)
def test_each_library_is_imported_by_one_module(path: Path) -> None:
    for name in imports(path):
        top = name.partition(".")[0]
        if top in {"rules", "scheduler"} or top in sys.stdlib_module_names:
            continue
        assert top in HOMES, f"{top} has no home yet; add it to the table, or do without"
        assert named(path).startswith(HOMES[top]), f"{top} is imported in {HOMES[top]} only"


def test_the_table_has_no_library_that_nobody_imports() -> None:
    used = {name.partition(".")[0] for path in [*modules("rules"), *modules("scheduler")] for name in imports(path)}
    assert set(HOMES) <= used


@pytest.mark.parametrize("path", [*modules("rules"), *modules("scheduler")], ids=named)
def test_the_time_of_day_is_read_in_one_place(path: Path) -> None:
    """`scheduler/clock.py`, the sandbox (a program of its own) and the demo, which plays the person who looks on."""
    if named(path).startswith(
        ("scheduler/clock.py", "scheduler/sandbox", "scheduler/demo.py", "scheduler/cli/demo.py")
    ):
        return
    text = path.read_text(encoding="utf-8")
    for call in ("datetime.now", "utcnow", "date.today", "time.time("):
        assert call not in text


@pytest.mark.parametrize("path", [*modules("rules"), *modules("scheduler")], ids=named)
def test_nobody_asks_apschedulers_calendar_trigger(path: Path) -> None:
    """It loses whole fires around clock changes."""
    assert "Cron" + "Trigger" not in path.read_text(encoding="utf-8")


def test_no_import_goes_round_in_a_circle() -> None:
    paths = [*modules("rules"), *modules("scheduler")]
    graph = {named(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in paths}
    seen: set[str] = set()

    def walk(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " -> ".join((*trail, module))
        if module not in seen:
            for target in set(imported_modules(graph[module], graph)):
                walk(target, (*trail, module))
            seen.add(module)

    for module in graph:
        walk(module, ())


@pytest.mark.parametrize(
    ("verb", "library"),
    [
        ("check", "sqlalchemy"),
        ("plan", "sqlalchemy"),
        ("audit", "apscheduler"),
        ("audit", "httpx"),
        ("status", "alembic"),
    ],
)
def test_a_verb_does_not_pay_for_another(verb: str, library: str) -> None:
    """Everything that a verb's module imports, followed through our own modules."""
    todo, seen, libraries = [f"scheduler.cli.{verb}"], set[str](), set[str]()
    while todo:
        module = todo.pop()
        path = ROOT / (module.replace(".", "/") + ".py")
        path = path if path.exists() else ROOT / module.replace(".", "/") / "__init__.py"
        if module in seen or not path.exists():
            continue
        seen.add(module)
        for name in imports(path):
            libraries.add(name.partition(".")[0])
            todo.append(name)
    assert library not in libraries


def test_no_test_folder_shadows_a_package() -> None:
    assert not (ROOT / "tests" / "rules").exists()
    assert not (ROOT / "tests" / "scheduler").exists()
