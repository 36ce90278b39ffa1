"""The stream of events of runs and jobs, and the vocabulary of states that they share."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, get_args

import pytest

from flywheel.errors import BadOption
from flywheel.states import JOB_STATES, RUN_STATES, State
from flywheel.store.events import Cursor, Event, events_since
from flywheel.store.store import Store, open_store
from flywheel.store.tables.jobs import JobEventRow
from flywheel.store.tables.runs import RunEventRow, Status

NOON = datetime(2026, 11, 30, 12)
# What OpenAI's clients wait for: fine-tuning jobs, and runs of evals.
WIRE_JOB = {
    State.QUEUED: "queued",
    State.RUNNING: "running",
    State.PAUSED: "paused",
    State.FINISHED: "succeeded",
    State.FAILED: "failed",
    State.CANCELLED: "cancelled",
}
WIRE_RUN = {
    State.QUEUED: "queued",
    State.RUNNING: "in_progress",
    State.PAUSED: "in_progress",
    State.FINISHED: "completed",
    State.FAILED: "failed",
    State.CANCELLED: "canceled",
}


def at(second: int) -> datetime:
    return NOON + timedelta(seconds=second)


def write_run(store: Store, second: int, status: str, detail: str | None = None) -> None:
    row = RunEventRow("run-1", at(second), status, detail)
    store.write(f"run/{second}", {"run_events": [row]})


def write_job(store: Store, second: int, kind: str, detail: str = "{}") -> None:
    row = JobEventRow("job-1", second, at(second), kind, detail)
    store.write(f"job/{second}", {"job_events": [row]})


def kinds(events: list[Event]) -> list[str]:
    return [event.kind for event in events]


def test_a_stream_continues_where_it_stopped_also_after_a_restart(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    with open_store(db) as store:
        assert events_since(store) == ([], Cursor())
        write_run(store, 1, "started")
        write_job(store, 2, "accepted", '{"work": "training"}')
        write_run(store, 3, "failed", "OSError: no")
        page, cursor = events_since(store)
        assert [event.as_json() for event in page[1:]] == [
            {
                "kind": "job.accepted",
                "time": "2026-11-30T12:00:02.000000Z",
                "subject": "job-1",
                "state": "queued",
                "detail": {"work": "training"},
            },
            {
                "kind": "run.failed",
                "time": "2026-11-30T12:00:03.000000Z",
                "subject": "run-1",
                "state": "failed",
                "detail": {"text": "OSError: no"},
            },
        ]
        assert events_since(store, cursor) == ([], cursor)
        saved = str(cursor)
    with open_store(db) as store:
        write_job(store, 4, "started")
        page, cursor = events_since(store, Cursor.parse(saved))
        assert (kinds(page), str(cursor)) == (["job.started"], "2.2")


def test_a_long_stream_comes_in_pages_and_nothing_twice(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        for second in range(7):
            write_job(store, second, f"n{second}")
        write_run(store, 9, "started")
        seen: list[Event] = []
        cursor = Cursor()
        while (page := events_since(store, cursor, 3))[0]:
            seen += page[0]
            cursor = page[1]
    jobs = [event.kind for event in seen if event.subject == "job-1"]
    assert jobs == [f"job.n{second}" for second in range(7)]
    assert len(seen) == 8


def test_a_detail_that_cannot_be_read_hides_nothing_else(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        for second, detail in enumerate(["{}", "[1]", "{", "{}"]):
            write_job(store, second, f"n{second}", detail)
        page, cursor = events_since(store)
    assert (kinds(page), cursor.jobs) == (["job.n0", "job.n3"], 4)


@pytest.mark.parametrize(
    "text", ["", "1", "1.", "-1.2", "1.2.3", "1.1e3", "a.b", "1.2\n", "\u0663.1"]
)
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadOption, match=r"is no cursor of events; wanted one such as 3\.17"):
        Cursor.parse(text)


def test_a_cursor_of_another_store_is_refused(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        write_run(store, 1, "started")
        with pytest.raises(BadOption, match=r"cursor 1\.5 is of another store: .* has 1\.0; begin"):
            events_since(store, Cursor(1, 5))


def test_every_status_of_a_run_has_a_state() -> None:
    assert set(get_args(Status)) <= set(RUN_STATES)


def test_every_state_has_a_word_on_the_wire() -> None:
    assert set(WIRE_JOB) == set(WIRE_RUN) == set(State)
    reached = set(RUN_STATES.values()) | set(JOB_STATES.values())
    assert reached == set(State)


@pytest.mark.parametrize(
    ("words", "states"),
    [
        (["accepted", "claimed", "started", "finished"], ["queued", "running", "finished"]),
        (["accepted", "queued", "cancelled"], ["queued", "cancelled"]),
        (["accepted", "step", "paused", "queued", "claimed"], ["queued", "paused", "queued"]),
        (["started", "stalled", "started", "died"], ["running", "failed", "running", "failed"]),
    ],
)
def test_a_job_goes_through_states(words: list[str], states: list[str]) -> None:
    events = [Event(f"job.{word}", NOON, "job-1", {}) for word in words]
    passed: list[Any] = []
    for event in events:
        if event.state and (not passed or passed[-1] != event.state):
            passed.append(event.state)
    assert passed[: len(states)] == states
    assert json.dumps(events[0].as_json())
