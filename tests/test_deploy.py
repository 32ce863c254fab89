"""What `deploy/` has for Prometheus and Grafana, and what is said of it: it fits the metrics that there are."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from scheduler.metrics import METRICS, exposed
from scheduler.observing import Look
from scheduler.tally import Tally
from tests.readme import ROOT, blocks

DEPLOY = ROOT / "deploy"
RULES = DEPLOY / "prometheus-rules.yaml"
RULES_TEST = DEPLOY / "prometheus-rules.test.yaml"
DASHBOARD = DEPLOY / "grafana-dashboard.json"
OPERATIONS = "docs/operations.md"
# What the library tells of the process, and Prometheus of a scrape.
OTHERS = {"process_start_time_seconds", "process_cpu_seconds_total", "process_resident_memory_bytes", "up"}
SUFFIXES = {"histogram": ("_bucket", "_count", "_sum"), "counter": ("",), "gauge": ("",)}
SERIES = {f"{metric.name}{suffix}": metric for metric in METRICS for suffix in SUFFIXES[metric.kind]}

needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="THE ALERT RULES AREN'T TESTED: no promtool (Debian: package prometheus)"
)


def promtool(*arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    command = [str(shutil.which("promtool")), *arguments]
    return subprocess.run(command, input=given, capture_output=True, text=True, check=False, timeout=60)


@needs_promtool
def test_prometheus_takes_the_rules() -> None:
    done = promtool("check", "rules", str(RULES))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_each_alert_fires_when_it_should_and_only_then() -> None:
    done = promtool("test", "rules", str(RULES_TEST))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_takes_what_the_dashboard_asks(tmp_path: Path) -> None:
    asked = [
        {"record": f"panel:{number}", "expr": expression.replace("$__rate_interval", "5m")}
        for number, expression in enumerate(expressions())
    ]
    file = tmp_path / "rules.yaml"
    file.write_text(yaml.safe_dump({"groups": [{"name": "dashboard", "rules": asked}]}))
    done = promtool("check", "rules", str(file))
    assert done.returncode == 0, done.stdout + done.stderr


@needs_promtool
def test_prometheus_minds_nothing_in_a_scrape() -> None:
    tally = Tally()
    tally.expect("main")
    with tally.call("pause"):
        pass
    look = Look(at=0.0, wrong=(), work=None)
    text, kind = exposed(look, tally, is_healthy=True, is_dry_run=False, accept="")
    assert kind.startswith("text/plain")
    done = promtool("check", "metrics", given=text.decode())
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_names_units_and_endings_are_those_that_prometheus_advises() -> None:
    """https://prometheus.io/docs/practices/naming/"""
    for metric in METRICS:
        assert re.fullmatch(r"curfew(_[a-z]+)+", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == "counter")
        assert "campaign" not in metric.labels
    for words in ("timestamp", "duration", "lateness"):
        assert all(metric.name.endswith("_seconds") for metric in METRICS if words in metric.name)


def alerts() -> list[dict[str, Any]]:
    (group,) = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    return list(group["rules"])


def expressions() -> Iterator[str]:
    yield from (rule["expr"] for rule in alerts())
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    yield from (target["expr"] for panel in board["panels"] for target in panel["targets"])
    yield from (each["expr"] for each in board["annotations"]["list"])


@pytest.mark.parametrize("expression", sorted(set(expressions())))
def test_every_metric_and_label_that_is_asked_for_is_one(expression: str) -> None:
    without_strings = re.sub(r'"[^"]*"', "", expression)
    names = re.findall(r"\b(?:curfew|process)_\w+|\bup\b", without_strings)
    assert names
    assert set(names) <= SERIES.keys() | OTHERS
    for name, selector in re.findall(r"(\w+)\{([^}]*)\}", expression):
        labels = {"job", "instance", "le", *(SERIES[name].labels if name in SERIES else ())}
        assert set(re.findall(r"(\w+)=", selector)) <= labels


def test_every_alert_says_what_to_do_in_the_rules_in_their_test_and_to_the_operator() -> None:
    tested = {
        each["alertname"]
        for test in yaml.safe_load(RULES_TEST.read_text(encoding="utf-8"))["tests"]
        for each in test.get("alert_rule_test", ())
        if each["exp_alerts"]
    }
    rows = set(re.findall(r"^\| `(Curfew\w+)` \| (\w+) \| \S", (ROOT / OPERATIONS).read_text(encoding="utf-8"), re.M))
    assert {rule["alert"] for rule in alerts()} == tested
    assert {(rule["alert"], rule["labels"]["severity"]) for rule in alerts()} == rows
    assert all(rule["annotations"].keys() == {"summary", "description"} for rule in alerts())


def test_the_dashboard_has_a_place_for_each_panel_and_asks_the_source_that_is_chosen() -> None:
    board = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        place = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(place["x"], place["x"] + place["w"])
            for y in range(place["y"], place["y"] + place["h"])
        }
        assert not cells & taken, panel["title"]
        assert all(x < 24 for x, _ in cells)
        taken |= cells
        assert panel["datasource"]["uid"] == "${datasource}"
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])
    assert {each["name"] for each in board["templating"]["list"]} == {"datasource", "instance"}


def test_the_operator_reads_of_each_metric_what_prometheus_is_told_of_it() -> None:
    text = (ROOT / OPERATIONS).read_text(encoding="utf-8")
    table = text.partition("| metric | type | labels | what |\n|---|---|---|---|\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in line.split("|")[1:-1]] for line in table.splitlines()]
    assert rows == [
        [f"`{each.name}`", each.kind, ", ".join(f"`{label}`" for label in each.labels), each.words] for each in METRICS
    ]


def test_the_configuration_to_copy_names_the_rules_and_the_port_that_is_shown() -> None:
    ours, theirs = (yaml.safe_load(block) for block in blocks("yaml", OPERATIONS) if "9464" in block)
    (job,) = theirs["scrape_configs"]
    assert job["job_name"] == "curfew"
    assert [each["targets"] for each in job["static_configs"]] == [[ours["metrics"]["listen"]]]
    assert theirs["rule_files"] == [RULES.name]
