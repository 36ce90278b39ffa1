# pyright: standard
"""Experiment trackers: how a run is opened, logged to and ended in each.

A run is stored in the job's folder, in a subfolder named after the tracker, unless the tracker's
environment variables name another place. Without them nothing goes over the network: error reports
and usage statistics are off, and W&B without a login is offline. Trackio reads its folder once, on
import, so a second training in one process logs into the first one's folder, with a notice; each
job has its own process.
"""

# The callbacks of transformers support neither exams nor resumed runs, leave a run open when a
# training fails, and log each of a hundred trainer arguments as a parameter.

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
    """The inputs for opening a run: the job's folder, the training's parameters, and the run to
    resume: its id and place, both empty for a new one.
    """

    folder: Path
    facts: Facts
    where: str = ""
    run: str = ""

    def kept(self, where: str) -> str:
        """The run to resume at this place, empty if there is none."""
        return self.run if self.where == where else ""


class Service(Protocol):
    """An open run. `where` and `run` identify it for a resume; `note` is a message for the user."""

    where: str
    run: str
    note: str

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log the numbers of a step."""
        ...

    def end(self, how: How) -> None:
        """Flush and close the run with its final status."""
        ...


Opener = Callable[[Job], Service]


def check_trackers(config: TrainingConfig) -> None:
    """Raise BadOption for a tracker that the config names but is not installed."""
    if "trackers" in config.model_fields_set:
        for name in config.trackers:
            if line := missing(name, user=f"the tracker {name}"):
                raise BadOption(f"{line}; or leave it out of `trackers`")


def _place(address: str) -> str:
    """A digest of an address, which may contain a password; empty for the job's folder."""
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
        """Log a scalar for each number."""
        for name, value in numbers.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def end(self, how: How) -> None:
        """Close the file."""
        self._writer.close()


class Wandb:
    """A run in W&B: online with a login, else in `wandb/`, with a new folder for each resume."""

    def __init__(self, job: Job) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        os.environ.setdefault("WANDB_CACHE_DIR", str(job.folder / "wandb" / "cache"))

        wandb: Any = import_module("wandb")
        mode, self.note = wandb.setup().settings.mode, ""
        home = Path(os.environ.get("WANDB_DIR", job.folder))
        (home / "wandb").mkdir(parents=True, exist_ok=True)
        by_default = mode == "online" and "WANDB_MODE" not in os.environ
        # Without a login, W&B would prompt for one, and a worker has no terminal.
        if by_default and not wandb.login(prompt=False, verify=False):
            mode, runs = "offline", home / "wandb" / "offline-run-*"
            self.note = f"has no login, so the run is offline; to upload it: wandb sync {runs}"
        self.where = "" if mode == "offline" else mode
        self._run: Any = wandb.init(
            project=os.environ.get("WANDB_PROJECT", _PROJECT),
            name=os.environ.get("WANDB_NAME", job.folder.name),
            id=job.kept(self.where) or None,
            resume="allow" if mode == "online" else None,
            dir=home,
            mode=mode,
            config=dict(job.facts),
            # Do not reuse another run of this process.
            reinit="create_new",
            settings=wandb.Settings(silent=True, console="off"),
        )
        self.run = self._run.id
        if not self._run.offline and self._run.url:
            self.note = f"shows this run at {self._run.url}"

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log a row of the history. W&B ignores a step before the last one."""
        self._run.log(dict(numbers), step=step)

    def end(self, how: How) -> None:
        """Upload the remaining data, which may take a while."""
        self._run.finish(exit_code=1 if how == "failed" else 0)


class MLflow:
    """A run in the tracking server of MLFLOW_TRACKING_URI, else in the files of `mlflow/`."""

    note = ""

    def __init__(self, job: Job) -> None:
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        # The file store needs no database; mlflow-skinny has no database backend.
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
        known = self._client.get_experiment_by_name(name)
        return known.experiment_id if known else self._client.create_experiment(name)

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log a metric for each number in one request; invalid characters in names become `_`."""
        now = int(time.time() * 1000)
        metrics = [self._metric(_NO_NAME.sub("_", k), v, now, step) for k, v in numbers.items()]
        self._client.log_batch(self.run, metrics=metrics)

    def end(self, how: How) -> None:
        """Set the final status; a paused run is SCHEDULED."""
        self._client.set_terminated(self.run, _MLFLOW_ENDS.get(how, "FAILED"))


class Trackio:
    """A run in the Space or server named in the environment, else in the files of `trackio/`."""

    def __init__(self, job: Job) -> None:
        ours = job.folder / "trackio"
        os.environ.setdefault("TRACKIO_DIR", str(ours))
        # Imported after this, because it reads TRACKIO_DIR once, on import.
        trackio: Any = import_module("trackio")
        from huggingface_hub import constants

        names = ("TRACKIO_SPACE_ID", "TRACKIO_SERVER_URL")
        self.where = _place(" ".join(os.environ.get(name, "") for name in names).strip())
        self.run = job.folder.name
        home = trackio.utils.TRACKIO_DIR
        self.note = f"keeps this run in {home}" if not self.where and home != ours else ""
        before = constants.HF_HUB_OFFLINE
        # For a local run it would still query the hub for the owner of the token.
        constants.HF_HUB_OFFLINE = before or not self.where
        try:
            with redirect_stdout(sys.stderr):
                self._run = trackio.init(
                    _PROJECT, self.run, config=dict(job.facts), resume="allow", embed=False
                )
        finally:
            constants.HF_HUB_OFFLINE = before

    def log(self, step: int, numbers: Mapping[str, float]) -> None:
        """Log a row; a thread of Trackio writes it within a second."""
        self._run.log(dict(numbers), step=step)

    def end(self, how: How) -> None:
        """Write the remaining rows."""
        with redirect_stdout(sys.stderr):
            self._run.finish()


OPENERS: Mapping[str, Opener] = {
    "tensorboard": TensorBoard,
    "wandb": Wandb,
    "mlflow": MLflow,
    "trackio": Trackio,
}
