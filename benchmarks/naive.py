"""What a user would write instead of Curfew: an APScheduler job for each campaign, httpx, and a line in SQLite.

    python -m benchmarks.naive BASE_URL ACCOUNTS CAMPAIGNS AT DATABASE [--patient]

AT is when all campaigns are to be paused, as `2027-01-01T17:00:00+00:00`. It ends when no job is left. As APScheduler
comes, ten threads work on the jobs, and a job that is a second late is dropped; --patient lets it come at any time.
"""

import argparse
import sqlite3
import time
from datetime import UTC, datetime

import httpx
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.cron import CronTrigger

from benchmarks.calls import company, pause_path


class Script:
    """All that the jobs share."""

    def __init__(self, base_url: str, database: str) -> None:
        self._http = httpx.Client(base_url=base_url, timeout=30)
        self._database = database
        with sqlite3.connect(database) as connection:
            connection.execute("CREATE TABLE pauses (account INTEGER, campaign INTEGER, status INTEGER, at TEXT)")
        connection.close()

    def pause(self, account: int, campaign: int) -> None:
        """Pause one campaign, and write down what came of it."""
        response = self._http.post(pause_path(campaign), headers=company(account))
        connection = sqlite3.connect(self._database, timeout=30)
        row = (account, campaign, response.status_code, datetime.now(UTC).isoformat())
        connection.execute("INSERT INTO pauses VALUES (?, ?, ?, ?)", row)
        connection.commit()
        connection.close()


def main() -> None:
    """Set all jobs, and wait until each was done or dropped."""
    parser = argparse.ArgumentParser()
    parser.add_argument("base_url")
    parser.add_argument("accounts", type=int)
    parser.add_argument("campaigns", type=int)
    parser.add_argument("at", type=datetime.fromisoformat)
    parser.add_argument("database")
    parser.add_argument("--patient", action="store_true")
    chosen = parser.parse_args()
    script, at = Script(chosen.base_url, chosen.database), chosen.at
    options = {"misfire_grace_time": None} if chosen.patient else {}
    timer = BackgroundScheduler(timezone=UTC, job_defaults=options)
    moment = {name: getattr(at, name) for name in ("year", "month", "day", "hour", "minute", "second")}
    for account in range(chosen.accounts):
        for campaign in range(chosen.campaigns):
            timer.add_job(script.pause, CronTrigger(**moment, timezone=UTC), args=(account, campaign))
    timer.start()
    print("READY", flush=True)
    # One whose time had come before the start is kept, and never called.
    while any(job.next_run_time for job in timer.get_jobs()):
        time.sleep(0.2)
    timer.shutdown()


if __name__ == "__main__":
    main()
