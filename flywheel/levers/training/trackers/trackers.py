# pyright: standard
"""Experiment trackers by name: how a run is opened, told and ended in each of them.

A run is kept in the job's folder, in a folder of the tracker's name, unless the tracker's own
environment variables say where else; those stay the user's. Nothing goes over the network that they
do not ask for: error reports and usage statistics are off, and W&B without a login is offline.
Trackio reads its folder once, when it is imported: of two trainings in one process, the second is a
run in the first one's folder, and a notice says so. A job has a process of its own.
"""

# Transformers has callbacks for these. They know no exam and no run to go on with, leave a run open
# when a training fails, and give each of a hundred arguments of the trainer as a parameter.

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Mapping
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol

from flywheel.errors import BadOption
from flywheel.extras import missing
from flywheel.levers.training.config import TrainingConfig
from flywheel.store.rows.digest import digest

How = Literal["finished", "paused", "cancelled", "failed"]
Facts = Mapping[str, str | int | float | bool]
_PROJECT = "flywheel"
_MLFLOW_ENDS = {"finished": "FINISHED", "paused": "SCHEDULED", "cancelled": "KILLED"}
_NO_NAME = re.compile(r"[^0-9A-Za-z_\-. :/]")


@dataclass(frozen=True, slots=True)
class Job:
    """What a run is opened with: the job's folder, what the training is, and what was kept of it.

    `run` was its name in the tracker and `where` the place, both empty for a run that is new.
    """

    folder: Path
    facts: Facts
    where: str = ""
    run: str = ""

    def kept(self, where: str) -> str:
        """The run to go on with at this place, empty when there is none."""
        return self.run if self.where == where else ""


class Service(Protocol):
    """An open run. `where` and `run` find it again; `note` is worth telling, where it is any."""

    where: str
    run: str
    note: str

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Take what a step told."""
        ...

    def end(self, how: How) -> None:
        """Write down what is left, and that it is over."""
        ...


Opener = Callable[[Job], Service]


def check_trackers(config: TrainingConfig) -> None:
    """Raise BadOption for a tracker that the user names and does not have."""
    if "trackers" in config.model_fields_set:
        for name in config.trackers:
            if line := missing(name, user=f"the tracker {name}"):
                raise BadOption(f"{line}; or leave it out of `trackers`")


def _place(address: str) -> str:
    """What is kept of an address, which may hold a password; empty for the job's folder."""
    return digest(address) if address else ""


class TensorBoard:
    """Event files in `tensorboard/`, flushed at each step."""

    where, run, note = "", "tensorboard", ""

    def __init__(self, job: Job) -> None:
        from torch.utils.tensorboard import SummaryWriter

        self._writer: Any = SummaryWriter(str(job.folder / "tensorboard"))
        if not job.kept(self.where):
            lines = (f"    {name}: {value}" for name, value in job.facts.items())
            self._writer.add_text("order", "\n".join(lines))

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """A scalar for each number."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, how: How) -> None:
        """Close the file."""
        self._writer.close()


class Wandb:
    """A run in W&B: online with a login, else in `wandb/`, one folder for each time it goes on."""

    def __init__(self, job: Job) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        os.environ.setdefault("WANDB_CACHE_DIR", str(job.folder / "wandb" / "cache"))

        wandb: Any = import_module("wandb")
        mode, self.note = wandb.setup().settings.mode, ""
        home = Path(os.environ.get("WANDB_DIR", job.folder))
        (home / "wandb").mkdir(parents=True, exist_ok=True)
        no_wish = mode == "online" and "WANDB_MODE" not in os.environ
        # Asked to be online without a login it would ask for one, and nobody is there to answer.
        if no_wish and not wandb.login(prompt=False, verify=False):
            mode, runs = "offline", home / "wandb" / "offline-run-*"
            self.note = f"finds no login, so the run is offline; to upload it: wandb sync {runs}"
        self.where = "" if mode == "offline" else mode
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            name=os.environ.get("WANDB_NAME", job.folder.name),
            id=job.kept(self.where) or None,
            resume="allow" if mode == "online" else None,
            dir=home,
            mode=mode,
            config=dict(job.facts),
            # Another run in this process is somebody else's.
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.run = self._run.id
        if not self._run.offline and self._run.url:
            self.note = f"shows this run at {self._run.url}"

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """A row of the history. W&B itself leaves out a step that is behind the last one."""
        self._run.log(dict(numbers), step=step)

    def end(self, how: How) -> None:
        """Upload what is left, which may take its time."""
        self._run.finish(exit_code=1 if how == "failed" else 0)


class MLflow:
    """A run in the tracking server of MLFLOW_TRACKING_URI, else in the files of `mlflow/`."""

    note = ""

    def __init__(self, job: Job) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # Files need no database, and mlflow-skinny has none.
        os.environ.setdefault("MLFLOW_ALLOW_FILE_STORE", "true")

        entities = import_module("mlflow.entities")
        self._metric: Any = entities.Metric
        given = os.environ.get("MLFLOW_TRACKING_URI", "")
        self.where = _place(given)
        home = (job.folder / "mlflow").absolute().as_uri()
        self._client: Any = import_module("mlflow").MlflowClient(tracking_uri=given or home)
        self.run = job.kept(self.where) or os.environ.get("MLFLOW_RUN_ID", "")
        if self.run:
            self._client.update_run(self.run, status="RUNNING")
            return
        made = self._client.create_run(self._experiment(), run_name=job.folder.name)
        self.run = made.info.run_id
        params = [entities.Param(name, str(value)[:500]) for name, value in job.facts.items()]
        self._client.log_batch(self.run, params=params[:100])

    def _experiment(self) -> str:
        given = os.environ.get("MLFLOW_EXPERIMENT_ID")
        if given:
            return given
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _PROJECT)
        found = self._client.get_experiment_by_name(name)
        return found.experiment_id if found else self._client.create_experiment(name)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """A metric for each number, in one request; of names only what MLflow allows."""
        now = int(time.time() * 1000)
        told = [self._metric(_NO_NAME.sub("_", k), v, now, step) for k, v in numbers.items()]
        self._client.log_batch(self.run, metrics=told)

    def end(self, how: How) -> None:
        """Say how it ended; a run that is paused is scheduled."""
        self._client.set_terminated(self.run, _MLFLOW_ENDS.get(how, "FAILED"))


class Trackio:
    """A run in the Space or server that the environment names, else in the files of `trackio/`."""

    def __init__(self, job: Job) -> None:
        ours = job.folder / "trackio"
        os.environ.setdefault("TRACKIO_DIR", str(ours))
        # Loaded only now, for it reads that once.
        trackio: Any = import_module("trackio")
        from huggingface_hub import constants

        names = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")
        self.where = _place(" ".join(os.environ.get(name, "") for name in names).strip())
        self.run = job.folder.name
        home = trackio.utils.TRACKIO_DIR
        self.note = f"keeps this run in {home}" if not self.where and home != ours else ""
        before = constants.HF_HUB_OFFLINE
        # For a run that stays here it would ask the hub whose token this is.
        constants.HF_HUB_OFFLINE = before or not self.where
        try:
            with redirect_stdout(sys.stderr):
                self._run = trackio.init(
                    _PROJECT, self.run, config=dict(job.facts), resume="allow", embed=False
                )
        finally:
            constants.HF_HUB_OFFLINE = before

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """A row, written within a second by a thread of Trackio's."""
        self._run.log(dict(numbers), step=step)

    def end(self, how: How) -> None:
        """Write what is left."""
        with redirect_stdout(sys.stderr):
            self._run.finish()


OPENERS: Mapping[str, Opener] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": MLflow,
    "trackio": Trackio,
}
