# pyright: standard
"""Trackers hear what a training tells, each step once, and never take it down."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption
from flywheel.extras import missing
from flywheel.jobs.records.journal import Journal, read_events
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.trackers.trackers import OPENERS, Facts, How, Job
from flywheel.levers.training.trackers.tracking import tracked
from flywheel.levers.training.train import run
from tests.levers.training import scripted, world
from tests.levers.training.world import settled
from tests.lookups import note_lookups

Chart = dict[str, dict[int, float]]
# Of steps 1 to 6 with an exam at each second one.
LOSSES = {step: 1 / step for step in range(1, 7)}
EXACT = {step: step / 10 for step in (0, 2, 4, 6)}
# What would tell a tracker where to go, or that it is tested and has to be quiet.
SETTINGS = ("WANDB_", "MLFLOW_", "TRACKIO_", "HF_", "PYTEST_", "CI", "DO_NOT_TRACK")


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Order:
    """An order for the small evalset, six steps."""
    return world.order(tmp_path_factory.mktemp("plain"), steps=6, eval_interval=2)


def job(plain: Order, folder: Path, *names: str) -> Path:
    """The folder of a job that has these trackers."""
    config = plain.config.model_copy(update={"trackers": names})
    made = folder / "job-1"
    plain.model_copy(update={"config": config}).save(made)
    return made


def tell_steps(folder: Path, first: int, last: int, end: str, **env: str) -> str:
    """Tell steps in a process of their own, as a job does. What it printed."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    guard, _ = note_lookups(folder.parent)
    kept = {k: v for k, v in os.environ.items() if not k.startswith(SETTINGS)}
    path = f"{guard}:{Path(__file__).parents[3]}"
    # A token is no wish to be asked whose it is.
    kept |= {"HOME": str(home), "PYTHONPATH": path, "HF_TOKEN": "hf_nobody"}
    done = subprocess.run(
        [sys.executable, scripted.__file__, str(folder), str(first), str(last), end],
        env={**kept, **env},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=600,
    )
    assert done.returncode == {"finished": 0, "paused": 10, "failed": 1, "killed": -9}[end], (
        done.stderr
    )
    return done.stdout


def notices(folder: Path) -> list[str]:
    return [event.detail["text"] for event in read_events(folder) if event.kind == "notice"]


def scalars(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """All that TensorBoard shows of a folder."""
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    read = accumulator.EventAccumulator(str(folder))
    read.Reload()
    return {tag: [(e.step, e.value) for e in read.Scalars(tag)] for tag in read.Tags()["scalars"]}


def test_tensorboard_shows_steps_and_exams_of_a_training_that_was_stopped(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    order = world.order(tmp_path, steps=4, eval_interval=2, save_interval=2)
    assert order.config.trackers == ("tensorboard",), "it is what one has without a wish"
    folder, told, step = tmp_path / "job", list[tuple[str, Mapping[str, Any]]](), [0]

    def tell(kind: str, detail: Mapping[str, Any]) -> None:
        told.append((kind, detail))
        step[0] = detail["step"] if kind == "step" else step[0]

    run(order, folder, tell, lambda: "pause" if step[0] == 2 else "go")
    run(order, folder, tell, lambda: "go")
    shown = scalars(folder / "tensorboard")
    losses = {d["step"]: d["loss"] for kind, d in told if kind == "step"}
    assert shown["train/loss"] == [(n, pytest.approx(losses[n])) for n in (1, 2, 3, 4)]
    exams = [(d["step"], d["graders"]["exact"]["mean"]) for kind, d in told if kind == "exam"]
    assert shown["exam/exact"] == exams
    assert [n for n, _ in exams] == [0, 2, 4]
    assert [kind for kind, _ in told if kind == "notice"] == []


def stopped_and_gone_on(folder: Path, **env: str) -> None:
    """Steps 1 to 4, and from the checkpoint of step 2 on to step 6: all of it here."""
    assert tell_steps(folder, 1, 4, "paused", **env) == ""
    assert tell_steps(folder, 3, 6, "finished", **env) == ""
    assert not (folder.parent / "asked").exists(), "somebody was asked over the network"
    assert list((folder.parent / "home").rglob("*")) == [], "all is in the job's folder"


def test_tensorboard_shows_no_step_twice_after_a_kill(plain: Order, tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    folder = job(plain, tmp_path, "tensorboard")
    tell_steps(folder, 1, 4, "killed")
    tell_steps(folder, 3, 6, "finished")
    shown = scalars(folder / "tensorboard")
    losses, exams = (dict(shown[name]) for name in ("train/loss", "exam/exact"))
    assert len(losses) + len(exams) == len(shown["train/loss"]) + len(shown["exam/exact"])
    assert len(losses) + len(exams) >= 9, "only what was being told when it was killed is missing"
    assert exams == {n: pytest.approx(EXACT[n]) for n in exams}
    charts = {"train/loss", "train/seconds", "exam/exact", "exam/tone", "ungraded/tone"}
    assert set(shown) == charts, "what is no number is in no chart"


def history(folder: Path) -> tuple[set[str], Chart]:
    """The ids of the runs that W&B keeps in a folder, and what they were told, in order."""
    pb: Any = pytest.importorskip("wandb.proto.wandb_internal_pb2")
    ids, chart = set[str](), Chart()
    for path in sorted(folder.glob("offline-run-*/*.wandb")):
        for raw in records(path.read_bytes()):
            record = pb.Record.FromString(raw)
            if record.HasField("run"):
                ids.add(record.run.run_id)
            row = {
                (item.key or "/".join(item.nested_key)): json.loads(item.value_json)
                for item in record.history.item
            }
            for name, value in row.items():
                steps = chart.setdefault(name, {})
                assert name.startswith("_") or row["_step"] not in steps, "a step came twice"
                steps[row["_step"]] = value
    return ids, chart


def records(raw: bytes) -> Iterator[bytes]:
    """The records of a LevelDB log, as which W&B keeps a run: blocks of 32 KiB."""
    at, held, block = 7, b"", 2**15
    while at < len(raw):
        if block - at % block < 7:
            at += block - at % block
            continue
        length, kind = int.from_bytes(raw[at + 4 : at + 6], "little"), raw[at + 6]
        held += raw[at + 7 : at + 7 + length]
        at += 7 + length
        if kind in (1, 4):  # a whole record, or the last part of one
            yield held
            held = b""


def test_wandb_without_a_login_is_offline_and_gone_on_with(plain: Order, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    folder = job(plain, tmp_path, "wandb")
    stopped_and_gone_on(folder)
    ids, chart = history(folder / "wandb")
    assert ids == {json.loads((folder / "wandb.json").read_text())["run"]}
    assert chart["train/loss"] == LOSSES
    assert chart["exam/exact"] == EXACT
    assert "has no login, so the run is offline" in notices(folder)[0]


def test_wandb_that_cannot_be_reached_is_left_out(plain: Order, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    folder = job(plain, tmp_path, "wandb")
    nowhere = {"WANDB_BASE_URL": "http://127.0.0.1:9", "WANDB_INIT_TIMEOUT": "2"}
    tell_steps(folder, 1, 2, "finished", WANDB_API_KEY="0" * 40, **nowhere)
    (notice,) = notices(folder)
    assert notice.startswith("the tracker wandb is disabled: it raised")


def metrics(folder: Path) -> dict[str, list[tuple[int, float]]]:
    """All that MLflow keeps in the files of a folder: of one run."""
    (of_run,) = folder.glob("*/*/metrics")
    found: dict[str, list[tuple[int, float]]] = {}
    for path in of_run.glob("*/*"):
        lines = [line.split() for line in path.read_text().splitlines()]
        found[f"{path.parent.name}/{path.name}"] = [(int(n), float(v)) for _, v, n in lines]
    return found


@pytest.mark.parametrize("uri", ["", "file:{}/kept"])
def test_mlflow_goes_on_with_its_run(plain: Order, tmp_path: Path, uri: str) -> None:
    pytest.importorskip("mlflow")
    folder = job(plain, tmp_path, "mlflow")
    env = {"MLFLOW_TRACKING_URI": uri.format(tmp_path)} if uri else {}
    stopped_and_gone_on(folder, **env)
    told = metrics(tmp_path / "kept" if uri else folder / "mlflow")
    assert told["train/loss"] == list(LOSSES.items())
    assert told["exam/exact"] == list(EXACT.items())
    assert notices(folder) == []


def test_trackio_keeps_its_rows_in_the_folder(plain: Order, tmp_path: Path) -> None:
    pytest.importorskip("trackio")
    import sqlite3

    folder = job(plain, tmp_path, "trackio")
    stopped_and_gone_on(folder)
    kept = sqlite3.connect(folder / "trackio" / "flywheel.db")
    rows = kept.execute("SELECT run_name, step, metrics FROM metrics ORDER BY id").fetchall()
    kept.close()
    told = [(step, json.loads(found)) for _, step, found in rows]
    assert {name for name, _, _ in rows} == {"job-1"}
    losses = [(step, found["train/loss"]) for step, found in told if "train/loss" in found]
    assert losses == list(LOSSES.items())
    exams = [(step, found["exam/exact"]) for step, found in told if "exam/exact" in found]
    assert exams == list(EXACT.items())
    assert notices(folder) == []


class Kept:
    """A tracker in a list. It raises where it is asked to, or waits for ever."""

    where, run, note = "", "kept", ""

    def __init__(self, fault: str = "") -> None:
        self.rows: list[tuple[int, Mapping[str, float]]] = []
        self.ended: list[How] = []
        self.facts: Facts = {}
        self._fault = fault

    def open(self, job: Job) -> Kept:
        self.facts = job.facts
        self._fail("open")
        return self

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        if step >= 2:
            self._fail("log")
        self.rows.append((step, numbers))

    def end(self, how: How) -> None:
        self._fail("end")
        self.ended.append(how)

    def _fail(self, where: str) -> None:
        if self._fault == where:
            raise ConnectionError("nobody answers\nat all")
        if self._fault == f"{where}, never":
            threading.Event().wait()


class Heard:
    """What was told, and a tracker beside it."""

    def __init__(self, order: Order, folder: Path, fault: str = "") -> None:
        self.kept = Kept(fault)
        self.events: list[tuple[str, Mapping[str, Any]]] = []
        openers = {"tensorboard": self.kept.open}
        self.tracked = tracked(order, folder, self.tell, openers, patience=0.2)

    def tell(self, kind: str, detail: Mapping[str, Any]) -> None:
        self.events.append((kind, detail))

    @property
    def notices(self) -> list[str]:
        return [detail["text"] for kind, detail in self.events if kind == "notice"]


def test_a_tracker_that_raises_takes_no_training_down(tmp_path: Path) -> None:
    order = world.order(tmp_path, steps=3, eval_interval=1)
    heard = Heard(order, tmp_path / "job", "log")
    alone = order.model_copy(update={"config": order.config.model_copy(update={"trackers": ()})})
    with heard.tracked as tell:
        assert run(alone, tmp_path / "job", tell, lambda: "go").ended == "finished"
    kinds = [kind for kind, _ in heard.events]
    assert kinds.count("step") == 3
    assert kinds[-1] == "finished"
    assert [step for step, _ in heard.kept.rows] == [0, 1, 1]
    assert heard.notices == [RAISED]


RAISED = "the tracker tensorboard is disabled: it raised ConnectionError: nobody answers"
LATE = "the tracker tensorboard has not {} within 0.2 "


@pytest.mark.parametrize(
    ("fault", "steps", "said"),
    [
        ("", [1, 2, 3], []),
        ("open", [], [RAISED]),
        ("log", [1], [RAISED]),
        ("end", [1, 2, 3], [RAISED]),
        ("open, never", [], [LATE.format("opened"), LATE.format("ended")]),
        ("log, never", [1], [LATE.format("ended")]),
        ("end, never", [1, 2, 3], [LATE.format("ended")]),
    ],
)
def test_what_is_wrong_with_a_tracker_is_told_once(
    plain: Order, tmp_path: Path, fault: str, steps: list[int], said: list[str]
) -> None:
    heard = Heard(plain, tmp_path, fault)
    with heard.tracked as tell:
        for step in (1, 2, 3):
            tell("step", {"step": step, "loss": 0.5})
        tell("finished", {})
    assert [step for step, _ in heard.kept.rows] == steps
    assert [text[: len(start)] for text, start in zip(heard.notices, said, strict=True)] == said
    assert [kind for kind, _ in heard.events if kind != "notice"] == ["step"] * 3 + ["finished"]
    assert heard.events[-1][0] == "finished", "nothing comes after the end"


def test_a_training_that_fails_has_failed_in_its_tracker(plain: Order, tmp_path: Path) -> None:
    heard = Heard(plain, tmp_path)
    with pytest.raises(FloatingPointError), heard.tracked:
        raise FloatingPointError("the loss is no number")
    assert heard.kept.ended == ["failed"]


def test_a_tracker_hears_what_the_journal_has_and_it_has_not(plain: Order, tmp_path: Path) -> None:
    """The first process had the tracker left out after the first step."""
    for fault, first in (("log", 1), ("", 3)):
        heard, journal = Heard(plain, tmp_path, fault), Journal(tmp_path)
        with heard.tracked as tell:
            for step in (first, first + 1):
                journal.append("step", {"step": step, "loss": 0.5})
                tell("step", {"step": step, "loss": 0.5})
            tell("paused", {})
        journal.close()
    assert [step for step, _ in heard.kept.rows] == [2, 3, 4]


def test_a_tracker_is_told_what_is_trained(plain: Order, tmp_path: Path) -> None:
    heard = Heard(plain, tmp_path)
    with heard.tracked:
        pass
    facts = heard.kept.facts
    assert (facts["lever"], facts["model"], facts["steps"]) == ("sft", "tiny", 6)
    assert (facts["method.r"], facts["learning_rate"]) == (16, plain.numbers.learning_rate)


@pytest.mark.parametrize("name", sorted(set(OPENERS) - {"tensorboard"}))
def test_a_tracker_that_is_named_and_missing_is_refused_before_there_is_a_job(
    tmp_path: Path, name: Any
) -> None:
    if missing(name) is None:
        pytest.skip(f"{name} is installed")
    made = world.config(tmp_path, trackers=(name,))
    line = (
        f"the tracker {name} needs the package {name}, which is not installed; pip install {name}"
    )
    with pytest.raises(BadOption, match=line):
        settled(made)


def test_a_folder_of_runs_is_no_package(tmp_path: Path) -> None:
    (tmp_path / "wandb").mkdir()
    code = "from flywheel.extras import missing; print(missing('wandb') is None)"
    path = {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **path}, capture_output=True, check=True
    )
    assert done.stdout == (b"False\n" if missing("wandb") else b"True\n")
