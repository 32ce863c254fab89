"""The open questions of the API: one field for each, and every answer that Woodpecker may give."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Literal

from scheduler.sandbox.campaigns import Status

CommandStatus = Literal[200, 400, 409]
ErrorBody = Literal["title", "code", "v1", "empty", "text"]
RetryAfterForm = Literal["seconds", "date"]
SuccessBody = Literal["none", "json", "text"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Variants:
    """How Woodpecker behaves where nobody could check; the defaults are the documented or the plainer guess.

    Attributes:
        pause_on_paused: status of `/pause` on a PAUSED campaign; likewise for the statuses that follow. The default of
            those is 400 because the reference lists it for `/pause`, and no 409.
        pause_on_unsupported: with 200, `/pause` works and `/run` answers 409 all the same.
        idle_pause_changes: whether a 200 makes PAUSED of a campaign that wasn't RUNNING, or leaves it as it was.
        run_on_running: status of `/run` on a RUNNING campaign.
        forbidden_body: shape of v2's 403; `text` isn't JSON.
        forbidden_detail: what a 403 says.
        conflict_body: shape of v2's 409.
        retry_after: the header on 429, on v1's E_TOO_MANY_REQUESTS and on 503; None leaves it out.
        retry_after_form: both forms of RFC 9110, section 10.2.3.
        success_body: what comes with the 200 of `/pause`, `/run` and `/stop`.
        timestamp_offset: whether the `timestamp` of an error carries `+00:00`.
    """

    pause_on_paused: CommandStatus = 200
    pause_on_completed: CommandStatus = 400
    pause_on_draft: CommandStatus = 400
    pause_on_stopped: CommandStatus = 400
    pause_on_edited: CommandStatus = 400
    pause_on_unsupported: Literal[200, 409] = 409
    idle_pause_changes: bool = True
    run_on_running: CommandStatus = 200
    forbidden_body: ErrorBody = "title"
    forbidden_detail: str = "No API addon"
    conflict_body: ErrorBody = "title"
    retry_after: timedelta | None = None
    retry_after_form: RetryAfterForm = "seconds"
    success_body: SuccessBody = "none"
    timestamp_offset: bool = False

    def pause_on(self, status: Status) -> int:
        """The HTTP status of `/pause` on a campaign in that status."""
        replies: dict[Status, int] = {
            "RUNNING": 200,
            "PAUSED": self.pause_on_paused,
            "COMPLETED": self.pause_on_completed,
            "DRAFT": self.pause_on_draft,
            "STOPPED": self.pause_on_stopped,
            "EDITED": self.pause_on_edited,
        }
        return replies[status]

    def run_on(self, status: Status) -> int:
        """The HTTP status of `/run` on a campaign in that status."""
        return self.run_on_running if status == "RUNNING" else 200

    def retry_headers(self, at: datetime) -> dict[str, str]:
        """The `Retry-After` header of an answer given at that instant, if there's to be one."""
        if self.retry_after is None:
            return {}
        if self.retry_after_form == "date":
            return {"Retry-After": format_datetime((at + self.retry_after).astimezone(UTC), usegmt=True)}
        return {"Retry-After": str(round(self.retry_after.total_seconds()))}
