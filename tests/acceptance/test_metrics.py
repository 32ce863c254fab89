"""`/metrics` and `/healthz` of the daemon as a process."""

import json
import re
from datetime import timedelta
from pathlib import Path
from urllib.request import urlopen

from prometheus_client.parser import text_string_to_metric_families

from tests.acceptance.processes import KEY, daemon_process, sandbox_process, wait_until, window, write_rules

HOUR = timedelta(hours=1)


def test_a_daemon_that_is_told_where_to_listen_answers_there_from_its_start_to_its_end(tmp_path: Path) -> None:
    with sandbox_process(campaigns=2) as sandbox:
        file = write_rules(tmp_path, sandbox.base_url, window(-HOUR, HOUR))
        file.write_text(f"metrics: {{listen: '127.0.0.1:0'}}\n{file.read_text()}")
        with daemon_process(tmp_path) as daemon:
            (url,) = re.findall(r"metrics are served .*address=(\S+)", daemon.log.read_text())

            def metrics() -> dict[str, dict[tuple[str, ...], float]]:
                with urlopen(url, timeout=10) as answer:  # noqa: S310 -- loopback
                    text = answer.read().decode()
                assert KEY not in text
                found: dict[str, dict[tuple[str, ...], float]] = {}
                for family in text_string_to_metric_families(text):
                    for sample in family.samples:
                        found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
                return found

            def succeeded() -> float | None:
                return metrics().get("curfew_attempts_total", {}).get(("main", "pause", "succeeded"))

            wait_until(lambda: succeeded() == 2, "both are paused")
            wait_until(lambda: metrics()["curfew_at_work"][()] == 1, "it's looked at")
            found = metrics()
            assert found["curfew_missed_windows_total"] == {("quiet",): 0}
            assert found["process_open_fds"][()] > 0
            with urlopen(url.replace("/metrics", "/healthz"), timeout=10) as answer:  # noqa: S310 -- loopback
                assert (answer.status, json.load(answer)["healthy"]) == (200, True)
            daemon.process.terminate()
            assert daemon.ended() == 0
