"""flywheel improve: train a candidate in a separate process."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, cast

import typer

from flywheel.cli.improve.following import GOOD, followed, show_job
from flywheel.cli.terminal.options import DEFAULT_DB, Db, Json, finite
from flywheel.cli.terminal.streams import say
from flywheel.cli.terminal.tables import print_line
from flywheel.document import load_document
from flywheel.errors import BadOption
from flywheel.jobs.submit import Launch
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.config_file import load_config
from flywheel.levers.training.objectives.union import LEVERS, objective_named
from flywheel.levers.training.orders.explain import explain as explanation
from flywheel.levers.training.worker import set_threads
from flywheel.workspace.open import open_workspace

StallMinutes = Annotated[
    float, typer.Option(min=0, callback=finite, help="Stop after N idle minutes; 0 disables.")
]
Now = Annotated[bool, typer.Option("--now", help="Start even if another job uses the device.")]
Nice = Annotated[int, typer.Option(min=0, max=19, help="Process niceness, 0 to 19.")]


def train(
    lever: Annotated[str, typer.Argument(help=", ".join(LEVERS) + ".")],
    config: Annotated[Path | None, typer.Argument(help="What to train; YAML or JSON.")] = None,
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a config value, key=value; repeatable."),
    ] = None,
    measure_first: Annotated[
        bool, typer.Option("--measure-first", help="Measure the baseline first if it is missing.")
    ] = False,
    explain: Annotated[
        bool, typer.Option("--explain", help="Estimate time, memory and cost, and exit.")
    ] = False,
    max_cost: Annotated[
        float | None,
        typer.Option(
            min=0,
            callback=finite,
            help="Do not start if it is estimated to cost more US dollars.",
        ),
    ] = None,
    detach: Annotated[
        bool, typer.Option("--detach", help="Start the job and return at once.")
    ] = False,
    now: Now = False,
    stall_minutes: StallMinutes = 10.0,
    nice: Nice = 0,
    db: Db = DEFAULT_DB,
    as_json: Json = False,
) -> None:
    """Train a model from a config, and evaluate it on dev during training.

    Needs a baseline to beat. Waits in a queue while another job uses the GPU or CPU. Ctrl-C pauses
    the job and keeps a checkpoint; a second Ctrl-C kills it.
    The job continues if this command dies: flywheel job JOB --follow, or --resume.
    """
    # A baseline or an estimate made here uses the same threads as the training's process.
    set_threads(len(os.sched_getaffinity(0)))
    training = read_config(lever, config, sets or ())
    if explain:
        for line in explanation(training):
            print_line(line)
        return
    launch = launch_of(stall_minutes, nice, now)
    with open_workspace(db) as workspace:
        job = workspace.improve(
            training, measure_first=measure_first, max_cost=max_cost, launch=launch, say=say
        )
    if detach:
        show_job(job.view, db, as_json)
        return
    state, pressed = followed(job, db, launch.stall)
    show_job(state, db, as_json)
    if state.status not in GOOD or pressed:
        raise typer.Exit(130 if pressed else 1)


def launch_of(stall_minutes: float, nice: int, now: bool) -> Launch:
    """How a job's process is started, from the options that `improve` and `job` share."""
    stall, nothing = stall_minutes * 60 or None, dict[str, int]()
    return Launch(stall=stall, niceness=nice, resources=nothing if now else None)


def read_config(lever: str, path: Path | None, sets: list[str] | tuple[()]) -> TrainingConfig:
    """The config for this lever. Raises BadOption if the file is for another lever."""
    objective_named(lever)
    value = load_document(path).value if path else None
    fields = cast("dict[str, object]", value) if isinstance(value, dict) else {}
    named = fields.get("lever", lever)
    if named != lever:
        raise BadOption(f"{path} is a config for {named!r}; run flywheel improve {named} {path}")
    return load_config(path, [f"lever={lever}", *sets])
