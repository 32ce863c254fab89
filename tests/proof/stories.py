"""Small histories, made by hand: one call after the other, each with its rows, so that a law can be broken by one."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any, Self

from tests.proof.history import (
    PAUSED,
    RUNNING,
    Act,
    AttemptRow,
    Call,
    Clock,
    CustodyRow,
    History,
    IntentRow,
    Key,
    Ledger,
    Look,
    Plan,
    PlannedHold,
    Quiet,
    Reign,
)

START = datetime(2026, 11, 27, 12, tzinfo=UTC)
ONE: Key = ("main", 1)
TWO: Key = ("main", 2)


def at(minutes: float) -> datetime:
    """So many minutes after the start."""
    return START + timedelta(minutes=minutes)


def quiet(start: float, end: float, **more: Any) -> Quiet:
    """A span, in minutes after the start."""
    return Quiet(start=at(start), end=at(end), **more)


class Story:
    """A run that is told step by step; campaigns run at first, and are looked at whenever `settle` says so."""

    def __init__(self, *spans: Quiet, holds: Sequence[float] = (), keys: Sequence[Key] = (ONE,)) -> None:
        planned = [PlannedHold(at=at(minutes)) for minutes in holds]
        self.reigns: list[tuple[Plan, float, float]] = []
        self.rules(0, Plan(spans=dict.fromkeys(keys, spans), holds=dict.fromkeys(keys, planned)))
        self.statuses: dict[Key, str] = dict.fromkeys(keys, RUNNING)
        self.first = dict(self.statuses)
        self.calls: list[Call] = []
        self.intents: list[IntentRow] = []
        self.attempts: list[AttemptRow] = []
        self.custody: list[CustodyRow] = []
        self.acts: list[Act] = []
        self.looks: list[Look] = []
        self.steps: list[tuple[datetime, timedelta]] = []
        self.life = 1

    def rules(self, minutes: float, plan: Plan, *, certain: float | None = None) -> None:
        """Another version of the file may be in force from then on, and surely is from `certain` on."""
        self.reigns.append((plan, minutes, minutes if certain is None else certain))

    def intent(self, action: str, due: float, expires: float, *, key: Key = ONE, **more: Any) -> IntentRow:
        """A change on record."""
        values: dict[str, Any] = {
            "state": "waiting",
            "reason": None,
            "attempts": 0,
            "status_before": RUNNING if action == "pause" else PAUSED,
            "owes_resume": action == "pause",
            "recorded_at": at(due),
        }
        values.update(more)
        row = IntentRow(
            id=len(self.intents) + 1,
            account=key[0],
            campaign=key[1],
            action=action,
            due_at=at(due),
            expires_at=at(expires),
            **values,
        )
        self.intents.append(row)
        return row

    def attempt(self, intent: IntentRow, minutes: float, outcome: str | None, status: int | None = None) -> None:
        """An attempt at it, which ends a second later."""
        is_cut_off = outcome in {None, "interrupted"}
        finished_at = None if is_cut_off else at(minutes) + timedelta(seconds=1)
        number = self.intents[intent.id - 1].attempts + 1
        row = AttemptRow(
            id=len(self.attempts) + 1,
            intent_id=intent.id,
            number=number,
            started_at=at(minutes),
            finished_at=finished_at,
            outcome=outcome,
            http_status=status,
        )
        self.attempts.append(row)
        state = {"retried": "waiting", "interrupted": "waiting", None: "calling"}.get(outcome, outcome)
        self.change(intent, attempts=number, state=state)

    def change(self, intent: IntentRow, **values: Any) -> None:
        """Another value in a row."""
        self.intents[intent.id - 1] = replace(self.intents[intent.id - 1], **values)

    def call(
        self,
        call: str,
        minutes: float,
        *,
        key: Key = ONE,
        status: int | None = 200,
        acts: bool = True,
        seconds: float = 1,
        **more: Any,
    ) -> Call:
        """A call in the sandbox's log, answered a second later."""
        is_change = call in {"pause", "run"}
        before = None if call == "list" else self.statuses[key]
        after = {"pause": PAUSED, "run": RUNNING}[call] if is_change and acts else before
        if after is not None:
            self.statuses[key] = after
        values: dict[str, Any] = {"fault": None, "life": self.life}
        made = Call(
            sequence=len(self.calls) + 1,
            account=key[0],
            call=call,
            campaign=None if call == "list" else key[1],
            received_at=at(minutes),
            answered_at=at(minutes) + timedelta(seconds=seconds),
            http_status=status,
            acted=is_change and acts,
            status_before=before,
            status_after=after,
            **{**values, **more},
        )
        self.calls.append(made)
        return made

    def pause(self, minutes: float, expires: float, *, key: Key = ONE, **more: Any) -> IntentRow:
        """A pause that is due, made and answered."""
        return self._made("pause", "pause", minutes, expires, key, **more)

    def resume(self, minutes: float, expires: float, *, key: Key = ONE, **more: Any) -> IntentRow:
        """A resume that is due, made and answered."""
        return self._made("resume", "run", minutes, expires, key, **more)

    def _made(self, action: str, call: str, minutes: float, expires: float, key: Key, **more: Any) -> IntentRow:
        intent = self.intent(action, minutes, expires, key=key, **more)
        self.call(call, minutes, key=key)
        self.attempt(intent, minutes, "succeeded", 200)
        return intent

    def person(self, minutes: float, status: str, *, key: Key = ONE, **more: Any) -> None:
        """Somebody else changes a campaign."""
        self.statuses[key] = status
        until = at(minutes) + timedelta(seconds=1)
        act = Act(account=key[0], campaign=key[1], since=at(minutes), until=until, status=status, **more)
        self.acts.append(act)

    def owes(self, intent: IntentRow, *, is_left: bool = False) -> None:
        """A campaign in custody."""
        row = CustodyRow(account=intent.account, campaign=intent.campaign, intent_id=intent.id, is_left=is_left)
        self.custody.append(row)

    def settle(self, minutes: float) -> Self:
        """All has settled, and campaigns are looked at."""
        self.looks.append(Look(at=at(minutes), statuses=dict(self.statuses)))
        return self

    def history(self, **more: Any) -> History:
        """All of it, as the checker is given it."""
        bounds = [at(minutes) for _, minutes, _ in self.reigns] + [at(10**6)]
        return History(
            reigns=[
                Reign(plan=plan, since=since, until=until, certain_from=at(certain))
                for (plan, _, certain), (since, until) in zip(self.reigns, pairwise(bounds), strict=True)
            ],
            statuses=self.first,
            calls=self.calls,
            ledger=Ledger(intents=self.intents, attempts=self.attempts, custody=self.custody),
            looks=self.looks,
            acts=self.acts,
            clock=Clock(self.steps),
            **more,
        )
