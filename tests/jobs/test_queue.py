"""The queue: who waits for whom, what ends a claim, and that nothing runs twice."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from itertools import takewhile
from pathlib import Path
from typing import Literal

import pytest

from flywheel.errors import FlywheelError
from flywheel.files import lock_file
from flywheel.jobs.control import ask
from flywheel.jobs.folder import HEARTBEAT, jobs_root
from flywheel.jobs.follow import follow
from flywheel.jobs.queue import QueueLocked, Turn, is_queued, jobs_ahead, join
from flywheel.jobs.records.job_state import view, views
from flywheel.jobs.records.journal import read_events, take_lock
from flywheel.jobs.records.ledger import Ledger
from flywheel.jobs.submit import Job, resume
from flywheel.levers.kinds import accelerator
from flywheel.store.store import open_store
from tests.jobs.world import KINDS, ROOT, begin, end, launch, wait_for

CPU = {"cpu": 1}
STOPS = [("pause", "paused", 10), ("cancel", "cancelled", 11)]


def kinds(folder: Path) -> list[str]:
    return [event.kind for event in read_events(folder)]


class Living:
    """A job of this process: it holds its folder's lock, and nothing else."""

    def __init__(self, root: Path, name: str) -> None:
        self.folder = root / name
        self.folder.mkdir()
        lock = take_lock(self.folder)
        assert lock is not None
        self._lock = lock

    def die(self) -> None:
        os.close(self._lock)


def has_turn(job: Living) -> bool:
    return Turn(job.folder).try_claim()


def line(root: Path, *needs: Mapping[str, int]) -> tuple[list[Living], list[list[str]]]:
    """Jobs a, b, c ... that join in this order, and what each of them waits for."""
    jobs = [Living(root, name) for name, _ in zip("abcdef", needs, strict=False)]
    return jobs, [join(job.folder, need) for job, need in zip(jobs, needs, strict=True)]


@pytest.mark.parametrize(
    ("needs", "ahead"),
    [
        ([CPU, CPU], ["", "a"]),
        ([CPU, {"gpu:0": 1}], ["", ""]),
        ([CPU, {}, CPU], ["", "", "a"]),  # what needs nothing is in nobody's way
        # First in, first out for each resource; a job that waits for one holds none.
        ([CPU, CPU, CPU], ["", "a", "ab"]),
        ([CPU, {"cpu": 1, "gpu:0": 1}, {"gpu:0": 1}], ["", "a", "b"]),
        ([CPU, {"gpu:0": 1}, {"cpu": 1, "gpu:0": 1}], ["", "", "ab"]),
        # Several may share one, when all of them allow it.
        ([{"cpu": 2}, {"cpu": 2}, {"cpu": 2}], ["", "", "ab"]),
        ([{"cpu": 2}, CPU, {"cpu": 2}], ["", "a", "b"]),
        ([CPU, {"cpu": 9}], ["", "a"]),
    ],
)
def test_who_waits_for_whom(
    tmp_path: Path, needs: list[Mapping[str, int]], ahead: list[str]
) -> None:
    jobs, found = line(tmp_path, *needs)
    assert ["".join(names) for names in found] == ahead
    assert ["".join(jobs_ahead(job.folder)) for job in jobs] == ahead
    assert [is_queued(job.folder) for job in jobs] == [bool(names) for names in ahead]


def test_a_claim_lasts_as_long_as_its_process(tmp_path: Path) -> None:
    (a, b, c), _ = line(tmp_path, CPU, CPU, CPU)
    assert not has_turn(b)
    # Entries say nothing of time: what a clock or a file's age shows makes no difference.
    for entry in (tmp_path / "queue").glob("*.json"):
        os.utime(entry, (0, 0))
    assert not has_turn(b)
    a.die()
    assert not has_turn(c)  # b came first
    assert has_turn(b)
    assert has_turn(b)
    b.die()
    assert has_turn(c)
    # What the dead left is cleared away.
    assert [entry.stem for entry in (tmp_path / "queue").glob("*.json")] == ["c"]


@pytest.mark.parametrize(
    "text",
    [
        *("", "{", "[1]", "[" * 9999, "\x00", '{"ticket": 1}'),
        '{"ticket": "1", "resources": {"cpu": 1}, "claimed": true}',
        '{"ticket": 1, "resources": {"cpu": 0}, "claimed": true}',
    ],
)
def test_a_damaged_entry_stops_nobody(tmp_path: Path, text: str) -> None:
    damaged = Living(tmp_path, "z")
    (tmp_path / "queue").mkdir()
    (tmp_path / "queue" / "z.json").write_text(text)
    _, found = line(tmp_path, CPU, CPU)
    assert found == [[], ["a"]]
    assert has_turn(damaged)


def test_a_queue_whose_lock_is_never_free_says_so(
    tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    (a,), _ = line(tmp_path, CPU)
    held = lock_file(tmp_path / "queue" / "lock")
    assert held is not None
    request.addfinalizer(lambda: os.close(held))
    assert not has_turn(a)
    with pytest.raises(QueueLocked, match=r"queue/lock is held by another process"):
        join(a.folder, CPU, patience=0.05)


RACER = """
import sys, time
from pathlib import Path
from flywheel.jobs.records.journal import take_lock
from flywheel.jobs.queue import join
root, me, begin = Path(sys.argv[1]), sys.argv[2], float(sys.argv[3])
for number in range(int(sys.argv[4])):
    folder = root / str(number) / me
    folder.mkdir(parents=True)
    lock = take_lock(folder)  # held to the end: a claim of a living process
    while time.monotonic() < begin + number / 100:
        pass
    if not join(folder, {"cpu": 1}, patience=300):
        print(number)
print("end", flush=True)
sys.stdin.read()
"""


def test_of_processes_that_join_at_once_one_claims(tmp_path: Path) -> None:
    rounds, begin_at = 100, str(time.monotonic() + 2)
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", RACER, str(tmp_path), name, begin_at, str(rounds)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in "abc"
    ]
    # None may end, and give up what it claimed, before all have tried.
    won = [
        line
        for racer in racers
        if racer.stdout
        for line in takewhile(lambda line: line != "end\n", racer.stdout)
    ]
    for racer in racers:
        racer.communicate(timeout=300)
    assert sorted(map(int, won)) == list(range(rounds))


PASSER = """
import os, sys, time
from pathlib import Path
from flywheel.files import lock_file
from flywheel.jobs.records.journal import take_lock
from flywheel.jobs.queue import claim, join
root, me, rounds = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
for number in range(rounds):
    folder = root / f"{me}-{number}"
    folder.mkdir()
    lock = take_lock(folder)
    if join(folder, {"cpu": 1}, patience=300):
        while claim(folder) != []:
            time.sleep(0.001)
    alone = lock_file(root / "alone")
    assert alone is not None, "two hold it at once"
    os.close(alone)
    os.close(lock)
print("done")
"""


def test_processes_that_pass_on_a_resource_never_hold_it_together(tmp_path: Path) -> None:
    racers = [
        subprocess.Popen(
            [sys.executable, "-c", PASSER, str(tmp_path), name, "40"],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for name in "abc"
    ]
    for racer in racers:
        said, complaint = racer.communicate(timeout=300)
        assert said == "done\n", complaint


def wait_for_claim(folder: Path) -> None:
    for events in follow(folder, None):
        if any(event.kind == "claimed" for event in events):
            return
    raise AssertionError(kinds(folder))


def wait_for_beats(folder: Path, count: int) -> None:
    """Wait until a job's heartbeat has said this many different things."""
    beats: set[str] = set()
    while len(beats) < count:
        time.sleep(0.05)
        if (folder / HEARTBEAT).exists():
            beats.add((folder / HEARTBEAT).read_text())


def stop(job: Job) -> None:
    ask(job.folder, "cancel")
    assert end(job.folder, job.process)[-1].kind == "cancelled"


def queued(root: Path, resources: Mapping[str, int] = CPU, steps: int = 3) -> Job:
    """A scripted job that needs these resources."""
    return begin(root, launch(resources=resources), steps=steps)


def test_five_jobs_share_two_resources_in_their_order(tmp_path: Path) -> None:
    gpu = {"gpu:0": 1}
    jobs = [queued(tmp_path, needs) for needs in (CPU, gpu, CPU, {**CPU, **gpu}, gpu)]
    names = [job.folder.name for job in jobs]
    behind = [list(view(job.folder).behind) for job in jobs]
    assert behind[3] and set(behind[3]) <= set(names[:3])
    # Each locks what it was given: `failed` would say that two had it at once.
    assert [end(job.folder, job.process)[-1].kind for job in jobs] == ["finished"] * 5
    assert kinds(jobs[3].folder)[:4] == ["accepted", "queued", "claimed", "started"]
    for earlier, later in ((0, 2), (1, 3), (2, 3), (3, 4)):
        began = next(e for e in read_events(jobs[later].folder) if e.kind in ("started",))
        assert list(read_events(jobs[earlier].folder))[-1].at < began.at


CLAIM_AND_DIE = """
import os, signal, sys
from pathlib import Path
from flywheel.jobs.folder import HEARTBEAT
from flywheel.jobs.follow import follow
from flywheel.jobs.records.journal import take_lock
from flywheel.jobs.queue import join
folder = Path(sys.argv[1])
folder.mkdir()
lock = take_lock(folder)
assert not join(folder, {"cpu": 1})
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_claimer_that_is_killed_before_it_starts_holds_nothing(tmp_path: Path) -> None:
    command = [sys.executable, "-c", CLAIM_AND_DIE, str(tmp_path / "job-a")]
    assert subprocess.run(command, cwd=ROOT, check=False).returncode == -signal.SIGKILL
    job = queued(tmp_path)
    assert "queued" not in kinds(job.folder)
    assert end(job.folder, job.process)[-1].kind == "finished"


@pytest.mark.parametrize("victim", [0, 1])
def test_a_job_that_is_killed_lets_the_next_one_start(tmp_path: Path, victim: int) -> None:
    jobs = [queued(tmp_path, steps=400) for _ in range(3)]
    wait_for(jobs[0].folder, 1)
    jobs[victim].process.kill()
    last = end(jobs[victim].folder, jobs[victim].process)[-1]
    assert last.kind == "died"
    assert "killed (signal 9)" in last.detail["error"]
    # The dead one is in nobody's way, and can be resumed: behind the others.
    again = resume(jobs[victim].folder, KINDS, launch(resources=CPU))
    assert view(again.folder).status == "queued"
    assert jobs[2].folder.name in view(again.folder).behind
    for job in (*jobs[:victim], *jobs[victim + 1 :], again):
        if job is not jobs[0]:
            wait_for_claim(job.folder)
        stop(job)


@pytest.mark.parametrize(("command", "status", "code"), STOPS)
def test_a_queued_job_can_be_stopped_before_it_starts(
    tmp_path: Path, command: Literal["pause", "cancel"], status: str, code: int
) -> None:
    first, second = queued(tmp_path, steps=400), queued(tmp_path, steps=400)
    assert view(second.folder).as_json()["behind"] == [first.folder.name]
    ask(second.folder, command)
    end(second.folder, second.process)
    assert second.process.wait() == code
    assert kinds(second.folder) == ["accepted", "queued", status]
    assert view(second.folder).behind == ()
    if status == "paused":
        again = resume(second.folder, KINDS, launch(resources={}))  # needs nothing: starts now
        wait_for(again.folder, 1)
        assert view(again.folder).resumed == 1
        stop(again)
    stop(first)


def test_a_queued_job_whose_store_is_gone_fails(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    open_store(db).close()
    first, second = (queued(jobs_root(db), steps=400) for _ in range(2))
    wait_for(first.folder, 1)
    ledger = Ledger(db, first.folder)
    wait_for_beats(second.folder, 2)  # it has asked for its command, so it knows the store
    db.unlink()
    last = end(second.folder, second.process)[-1]
    assert last.kind == "failed"
    assert f"the store {db} is gone, so the queued job does not start" in last.detail["error"]
    # One that runs loses nothing: its events are in its folder, and no new store is made.
    with pytest.raises(FlywheelError, match=r"s.duckdb is gone; .* holds the job's events"):
        ledger.keep(now=True)
    assert not db.exists()
    stop(first)


def test_the_list_of_jobs_shows_who_waits(tmp_path: Path) -> None:
    first, second = queued(tmp_path, steps=400), queued(tmp_path, steps=400)
    found = {one.row.job: one.as_json() for one in views(tmp_path, None, 9)}
    assert (found[first.folder.name]["state"], found[second.folder.name]["state"]) == (
        "running",
        "queued",
    )
    # To wait is no stall: the heartbeat goes on.
    wait_for_beats(second.folder, 3)
    stop(first)
    wait_for_claim(second.folder)
    assert view(second.folder).behind == ()
    stop(second)


@pytest.mark.parametrize(
    ("visible", "needs"),
    [
        ("0", {"gpu:0": 1}),
        ("1, 3", {"gpu:1": 1, "gpu:3": 1}),
        ("GPU-5f1e", {"gpu:GPU-5f1e": 1}),
        ("", CPU),
        ("-1", CPU),
    ],
)
def test_a_training_needs_the_gpus_that_it_sees(
    monkeypatch: pytest.MonkeyPatch, visible: str, needs: Mapping[str, int]
) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert accelerator() == needs


def test_an_entry_is_one_line_of_json(tmp_path: Path) -> None:
    line(tmp_path, CPU)
    entry = json.loads((tmp_path / "queue" / "a.json").read_text())
    assert entry == {"job": "a", "ticket": 1, "resources": {"cpu": 1}, "claimed": True}
