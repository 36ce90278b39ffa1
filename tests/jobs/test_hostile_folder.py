"""A job's folder that somebody else filled: nothing in it hangs or stops the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from flywheel.cli.app import app
from flywheel.errors import BadFile
from flywheel.jobs.folder import jobs_root
from flywheel.jobs.outcomes import settle
from flywheel.jobs.records.job_state import views
from flywheel.jobs.records.ledger import update_store
from flywheel.levers.training.orders.order import load_order
from flywheel.review.trainings import training, training_lines
from flywheel.store.store import open_store
from flywheel.store.tables.jobs import list_jobs
from tests.jobs.world import order


def link_to_zero(path: Path) -> None:
    path.symlink_to("/dev/zero")


@pytest.mark.parametrize("name", ["order.json", "events.jsonl", "lock"])
@pytest.mark.parametrize("place", [os.mkfifo, link_to_zero])
def test_a_pipe_or_a_device_in_a_job_is_not_read(
    tmp_path: Path, name: str, place: Callable[[Path], None]
) -> None:
    folder = tmp_path / "job-a"
    order(steps=2).save(folder)
    (folder / name).unlink(missing_ok=True)
    place(folder / name)
    settle(folder)
    with open_store(tmp_path / "s.duckdb") as store:
        update_store(store, [folder])
        (found,) = views(tmp_path, store, 5)
    assert found.status == ("damaged" if name == "order.json" else "died")
    if name == "order.json":
        assert "not a regular file" in found.end["error"]
        with pytest.raises(BadFile, match="not a regular file"):
            load_order(folder)


def deep(folder: Path) -> None:
    (folder / "order.json").write_text("[" * 100_000)


def baseline_object(folder: Path) -> None:
    told = json.loads((folder / "order.json").read_text())
    (folder / "order.json").write_text(json.dumps({**told, "baseline": {"run": "a"}}))


def loop(name: str) -> Callable[[Path], object]:
    return lambda folder: (folder / name).symlink_to(name)


def first_at(at: str) -> Callable[[Path], object]:
    line = json.dumps({"n": 1, "at": at, "kind": "accepted"})
    return lambda folder: (folder / "events.jsonl").write_text(line + "\n")


@pytest.mark.parametrize(
    ("damage", "status"),
    [
        (deep, "damaged"),
        (baseline_object, "damaged"),
        (loop("lock"), "damaged"),
        (loop("events.jsonl"), "damaged"),
        (first_at("yesterday"), "died"),
        (first_at("0001-01-01T00:00:00+14:00"), "died"),
        (first_at("9999-12-31T23:59:59-14:00"), "died"),
    ],
)
def test_a_damaged_job_does_not_hide_the_others(
    tmp_path: Path, damage: Callable[[Path], object], status: str
) -> None:
    db = tmp_path / "s.duckdb"
    root = jobs_root(db)
    for name in ("job-a", "job-b"):
        order(steps=2).save(root / name)
    damage(root / "job-b")
    first_at("2026-11-20T12:00:00+00:00")(root / "job-a")
    open_store(db).close()
    for _ in range(2):  # the second time the store knows of them
        done = CliRunner().invoke(app, ["jobs", "--json", "--db", str(db)])
        assert done.exception is None
        shown = {one["job"]: one["status"] for one in json.loads(done.stdout)}
        assert shown == {"job-a": "died", "job-b": status}
    with open_store(db) as store:
        assert "job-a" in {row.job for row in list_jobs(store)}


def test_a_full_disk_hides_no_job(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    order(steps=2).save(jobs_root(db) / "job-a")
    first_at("2026-11-20T12:00:00+00:00")(jobs_root(db) / "job-a")
    open_store(db).close()
    code = (
        "import resource, sys; from flywheel.cli.main import main;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0)); main()"
    )
    command = [sys.executable, "-c", code, "jobs", "--db", str(db)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "job-a" in done.stdout, done.stderr
    assert "the disk is full" in done.stderr and "read from their folders" in done.stderr


GOOD = {"step": 1, "graders": {"exact": {"mean": 0.5, "n": 2, "ungraded": 0}}}
HUGE = 10**400


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("exam", {"step": 2}),
        ("exam", {"step": 2, "graders": None}),
        ("exam", {"step": 2, "graders": ["exact"]}),
        ("exam", {"step": 2, "graders": {"exact": 0.5}}),
        ("exam", {"step": 2, "graders": {"exact": {"mean": "high"}}}),
        ("exam", {"step": 2, "graders": {"exact": {"mean": HUGE}}}),
        ("exam", {"step": 2, "graders": {"exact": {"mean": 0.5, "ungraded": "none"}}}),
        ("exam", {"step": -1, "graders": {}}),
        ("exam", {"step": HUGE, "graders": {}}),
        ("exam_items", {"step": 1}),
        ("exam_items", {"step": 1, "items": {"a": {"exact": "high"}}}),
        ("step", {"loss": 0.1}),
        ("step", {"step": 1, "loss": "low"}),
        ("step", {"step": 1, "loss": HUGE}),
        ("step", {"step": 1, "loss": float("nan")}),
        ("checkpoint", {"step": "second", "path": 3}),
        ("alarm", {"samples": [1]}),
        ("masks", {"told": 3}),
        ("preflight", {"told": 3}),
        ("finished", {"best_step": [1]}),
    ],
)
def test_an_event_of_another_shape_is_damaged(
    tmp_path: Path, kind: str, detail: dict[str, Any]
) -> None:
    db = tmp_path / "s.duckdb"
    folder = jobs_root(db) / "job-a"
    order(steps=2).save(folder)
    events: list[tuple[str, dict[str, Any]]] = [
        ("accepted", {}),
        ("started", {}),
        ("exam", GOOD),
        (kind, detail),
        ("failed", {}),
    ]
    lines = (
        json.dumps({"n": n, "at": "2026-11-20T12:00:00", "kind": kind, **told})
        for n, (kind, told) in enumerate(events, 1)
    )
    (folder / "events.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    # Without a store the commands read the folder alone, and are quicker.
    for command in (["jobs"], ["job", "job-a"]):
        done = CliRunner().invoke(app, [*command, "--db", str(db)])
        assert (done.exit_code, done.exception) == (0, None), command
    done = CliRunner().invoke(app, ["job", "job-a", "--json", "--db", str(db)])
    shown = json.loads(done.stdout)
    assert (shown["damaged_events"], shown["exams"]) == (1, [GOOD])
    with open_store(db) as store:
        update_store(store, [folder])
        (line,) = training_lines(store, 5)
        assert (line.status, training(store, "job-a").events) == ("failed", 5)
    if kind in ("masks", "preflight"):  # what is told while a job is followed
        done = CliRunner().invoke(app, ["job", "job-a", "--follow", "--db", str(db)])
        assert isinstance(done.exception, SystemExit)
