"""flywheel improve on the embedded model: really trained, killed, paused and gone on with."""

from __future__ import annotations

import json
import os
import random
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import pytest
import yaml

import flywheel as fw
from flywheel.cli.schemas import schema
from flywheel.jobs.control import ask, kill_job
from flywheel.jobs.folder import job_folders, jobs_root
from flywheel.jobs.follow import follow
from flywheel.jobs.records.job_state import stored_view, view
from flywheel.jobs.records.journal import read_events
from flywheel.jobs.records.ledger import Ledger
from flywheel.jobs.submit import Job, Launch, resume, submit
from flywheel.levers.kinds import KINDS, TRAINING, accelerator
from flywheel.levers.training.orders.order import load_order
from flywheel.store.store import open_store
from flywheel.store.tables.jobs import job_events
from flywheel.store.upkeep.check import check_store
from tests.cli.command import EXECUTABLE, flywheel
from tests.jobs.world import begin, end, launch, small_evalset

KILLS = int(os.environ.get("FLYWHEEL_KILLS", "3"))
STEPS = 10
# What a training that nothing disturbs says, and what of it may change in any version.
KNOWN = [
    *("run.started", "run.finished", "job.accepted", "job.started", "job.step", "job.exam"),
    *("job.checkpoint", "job.finished"),
]
INTERNAL = {"job.exam_items", "job.masks", "job.preflight", "job.progress"}


class Calm(NamedTuple):
    """A training that nothing disturbed: its folder, its store, and what the command printed.

    It is the first command in its folder: `complaint` is all that its user saw beside the result.
    """

    folder: Path
    db: Path
    said: str
    complaint: str
    seen: list[dict[str, Any]]


def write_config(folder: Path, **more: Any) -> Path:
    small_evalset(folder / "desk")
    config = {"evalset": "desk", "steps": STEPS, "batch_size": 4, "eval_samples": 4}
    config |= {"eval_interval": STEPS, "save_interval": 2, "keep": 2, **more}
    (folder / "sft.yaml").write_text(yaml.safe_dump(config))
    return folder / "sft.yaml"


@pytest.fixture(scope="module")
def calm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Calm]:
    """Trained once, through the command, while a second terminal looks."""
    place = tmp_path_factory.mktemp("calm")
    write_config(place)
    words = [EXECUTABLE, "improve", "sft", "sft.yaml", "--measure-first"]
    command = subprocess.Popen(
        [str(word) for word in words],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    seen: list[dict[str, Any]] = []
    while command.poll() is None and not seen:
        time.sleep(1)
        if job_folders(jobs_root(place / "flywheel.duckdb")):
            seen = json.loads(flywheel("jobs", "--json", cwd=place).stdout)
    said, complaint = command.communicate(timeout=300)
    assert command.returncode == 0, complaint
    (folder,) = job_folders(jobs_root(place / "flywheel.duckdb"))
    yield Calm(folder, place / "flywheel.duckdb", said, complaint, seen)


def test_nothing_is_trained_without_a_baseline(tmp_path: Path) -> None:
    write_config(tmp_path)
    done = flywheel("improve", "sft", "sft.yaml", cwd=tmp_path)
    assert done.returncode == 1
    assert f"flywheel baseline {tmp_path}/desk -m tiny, or add --measure-first" in done.stderr
    assert not (tmp_path / ".flywheel").exists()


def test_a_training_ends_with_its_exams_and_what_comes_next(calm: Calm) -> None:
    found = view(calm.folder)
    assert (found.status, found.step, sorted(found.exams)) == ("finished", STEPS, [0, STEPS])
    first, *rest = calm.said.splitlines()
    assert first == f"{calm.folder.name}  sft of tiny on desk: finished"
    assert any(line.startswith("exam  exact*") for line in rest)
    near = f".flywheel/jobs/{calm.folder.name}/out"
    assert f"the model of step {STEPS} is in {near}" in calm.said
    assert "-m tiny --split test" in calm.said
    assert f"-m {near} --split test" in calm.said
    assert [one["status"] for one in calm.seen] == ["running"]
    with open_store(calm.db) as store:
        runs = store.query('SELECT "run", "kind" FROM "runs"')
        kept = stored_view(store, calm.folder.name)
    assert runs == [{"run": found.row.baseline, "kind": "baseline"}]
    assert kept.as_json() == found.as_json()


def test_the_events_of_a_run_and_a_job_are_as_their_schema_says(calm: Calm) -> None:
    with fw.open(calm.db) as ws:
        found, _ = ws.events(most=10_000)
    for one in found:
        if one.kind not in INTERNAL:
            jsonschema.validate(one.as_json(), schema("event"))
    assert {one.kind for one in found} == {*INTERNAL, *KNOWN}


def test_no_library_speaks_in_a_first_training(calm: Calm) -> None:
    begins = ("24 rows", "reading the rows", "preparing 24 rows", "trying one step", "163,840 of")
    tells = ("job-", "row ", "weights, gradients", "about ", "step ", "exam ")
    strange = [line for line in calm.complaint.splitlines() if not line.startswith(begins + tells)]
    assert strange == []


def test_kills_and_a_pause_at_any_moment_change_nothing(calm: Calm, tmp_path: Path) -> None:
    rng, db = random.Random(3), tmp_path / "s.duckdb"
    job = submit(jobs_root(db), TRAINING, load_order(calm.folder), Launch())
    for number in range(KILLS):
        # Every other kill comes while the libraries are still loaded, as most of a short job is.
        kill_later(job, rng.uniform(0, 6) if number % 2 == 0 else None, rng.randint(1, 4))
        assert list(read_events(job.folder))[-1].kind == "died"
        job = resume(job.folder, KINDS, Launch())
    for _ in follow(job.folder, None, job.process):
        if view(job.folder).steps and job.process.poll() is None:
            ask(job.folder, "pause")
    assert view(job.folder).status == "paused"
    done = flywheel("job", job.folder.name, "--resume", "--follow", "--db", db)
    assert done.returncode == 0, done.stderr
    calmly, found = view(calm.folder), view(job.folder)
    # What was killed before it started to train is not counted.
    assert found.status == "finished" and 1 <= found.resumed <= KILLS + 1
    losses = {step: told["loss"] for step, told in calmly.steps.items()}
    assert {step: told["loss"] for step, told in found.steps.items()} == {
        step: pytest.approx(loss, abs=1e-4) for step, loss in losses.items()
    }
    graders = [calmly.exams[STEPS]["graders"], found.exams[STEPS]["graders"]]
    assert graders[0] == graders[1]
    check_events(job.folder, db)


def kill_later(job: Job, seconds: float | None, steps: int) -> None:
    """Kill a job after a time, or so many steps from where it is; watch its end."""
    deadline, until = time.monotonic() + (seconds or 300), view(job.folder).step + steps
    for _ in follow(job.folder, None, job.process):
        late = time.monotonic() > deadline
        if late or view(job.folder).step >= min(until, STEPS - 2):
            kill_job(job.folder)
            job.process.kill()


def check_events(folder: Path, db: Path) -> None:
    """Every event is in the store, once and in its order."""
    assert Ledger(db, folder).keep(now=True)
    events = [(event.n, event.kind) for event in read_events(folder)]
    assert [n for n, _ in events] == list(range(1, len(events) + 1))
    with open_store(db) as store:
        assert [(row.n, row.kind) for row in job_events(store, folder.name)] == events
    # The baseline of the order is in another store, and nothing else is amiss.
    assert [found.story for found in check_store(db).findings] == ["jobs without their baseline"]


def test_a_training_waits_while_another_job_has_the_device(calm: Calm) -> None:
    other = begin(jobs_root(calm.db), launch(resources=accelerator()), steps=9000, seconds=0.1)
    place = calm.db.parent
    done = flywheel("improve", "sft", "sft.yaml", "--detach", "--json", cwd=place)
    assert done.returncode == 0, done.stderr
    shown = json.loads(done.stdout)
    name = shown["job"]
    assert (shown["status"], shown["state"]) == ("queued", "queued")
    assert shown["behind"] == [other.folder.name]
    line = f"queued behind {other.folder.name}"
    assert f"{name} is {line}" in flywheel("jobs", cwd=place).stdout
    assert line in flywheel("job", name, cwd=place).stdout
    done = flywheel("job", name, "--pause", "--follow", cwd=place)
    assert f"{name}  sft of tiny on desk: paused" in done.stdout, done.stderr
    assert line in flywheel("job", name, "--resume", cwd=place).stdout
    with (place / "desk" / "train.jsonl").open("a") as rows:
        rows.write((place / "desk" / "dev.jsonl").read_text().splitlines()[0] + "\n")
    ask(other.folder, "cancel")
    assert end(other.folder, other.process)[-1].kind == "cancelled"
    last = end(other.folder.parent / name, stall=300)[-1]
    assert last.kind == "failed"
    assert "the training data changed since it was started" in last.detail["error"]
