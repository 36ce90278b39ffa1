# pyright: standard
"""Train: an order in, a trained model out.

It runs in its own process and emits events. It polls `control` between steps, and every second
during other long work. A folder with checkpoints is resumed. Errors are raised, as a FlywheelError
if the user can fix them; the last good checkpoint is kept.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

from transformers import PrinterCallback

from flywheel.engines.engine import Answerer
from flywheel.engines.open import open_engine
from flywheel.errors import FlywheelError, is_out_of_memory
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.jobs.process import ENDINGS, Control, Emit, Ended
from flywheel.jobs.progress import REPORT_SECONDS, Progress, Stopped
from flywheel.levers.lever import TaskEvalset
from flywheel.levers.training.config import Setup, TrainingConfig
from flywheel.levers.training.exams import checkpoints
from flywheel.levers.training.exams.exam import Exam
from flywheel.levers.training.exams.live import plain
from flywheel.levers.training.exams.result import ExamResult
from flywheel.levers.training.exams.watch import Watch
from flywheel.levers.training.manifest import write_manifest
from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.orders.order import Order
from flywheel.levers.training.preflight import Preflight, preflight
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.rows.rows import training_rows
from flywheel.levers.training.trackers.tracking import tracked

OUT = "out"


class OutOfMemory(FlywheelError):
    """The training needs more memory than is available."""


class OverBudget(FlywheelError):
    """The training's estimated cost exceeds its budget."""


class Trained(NamedTuple):
    """How a training ended. If it finished, `folder` has the model of `best_step`.

    `metrics` are the means of the graders before the first step and at the best one.
    """

    folder: Path
    ended: Ended
    best_step: int
    metrics: Mapping[str, Any]


def run(
    order: Order,
    folder: Path,
    emit: Emit,
    control: Control,
    report_seconds: float = REPORT_SECONDS,
) -> Trained:
    """Train by this order in this folder, or resume the training there."""
    began = time.monotonic()
    order.check_unchanged()
    last = checkpoints.newest(folder)
    emit("started", {"resumed_from": last.step if last else None})
    for broken in checkpoints.incomplete(folder):
        emit("notice", {"text": f"{broken.path} is an incomplete checkpoint; ignored"})
    with (
        quiet(),
        tracked(order, folder, emit) as emit,
        clear_errors(order, folder),
    ):
        progress = Progress(emit, control, report_seconds)
        with open_engine(order.config.engine_spec, progress.beat) as engine:
            try:
                watch = _train(order, folder, engine, progress)
            except Stopped as stop:
                return _stopped(folder, ENDINGS[stop.command], emit)
            return _finish(order, folder, watch, emit, time.monotonic() - began)


def _train(order: Order, folder: Path, engine: Answerer, progress: Progress) -> Watch:
    """Load, prepare and train. Raises Stopped if stopped before there is anything to keep."""
    config, last = order.config, checkpoints.newest(folder)
    evalset = TaskEvalset.of(load_evalset(config.evalset))
    progress.report("reading the rows and loading the model", now=True)
    rows = training_rows(config, evalset)
    base = open_base(config.model, config.method, config.seed, scores=config.scores)
    roles = config.roles(evalset.definition)
    exam = None
    # A reward model generates no text to grade.
    if not config.scores:
        plan = config.dev_plan(evalset)
        exam = Exam(plan, roles, engine, config.eval_samples, config.seed)

    def take_exam(step: int) -> ExamResult:
        assert exam is not None
        return exam.take(base, step, progress)

    watch = Watch(
        order, roles, folder, progress.emit, progress.control, take_exam if exam else None
    )
    setup = Setup(base, rows, order.numbers, evalset, folder, engine, progress, [watch])
    setup = replace(setup, rows=config.sampled_rows(setup))
    progress.report(f"preparing {len(setup.rows)} rows", now=True)
    trainer = build(config, setup)
    progress.check()
    for kind, detail in config.describe_rows(trainer, setup):
        progress.emit(kind, detail)
    if last is None:
        if text := config.probe(trainer, setup):
            progress.emit("notice", {"text": text})
        estimate = preflight(trainer, base, order, progress)
        progress.emit("preflight", estimate.as_json())
        _check_budget(order, estimate)
    with progress.through(plain(base.model)):
        trainer.train(resume_from_checkpoint=str(last.path) if last else None)
    return watch


def build(config: TrainingConfig, setup: Setup) -> Any:
    """The trainer for a config. Raises whatever its objective raises."""
    trainer = config.trainer(setup)
    for callback in config.method.callbacks():
        trainer.add_callback(callback)
    trainer.remove_callback(PrinterCallback)
    for parameter in setup.base.model.parameters():
        # Half precision rounds small updates to zero. For a 4-bit base TRL casts the adapter to
        # half precision, but not on a resume, which would then continue in another precision.
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def _check_budget(order: Order, estimate: Preflight) -> None:
    """Raise OverBudget if the estimated cost exceeds the budget."""
    if order.budget is not None and (estimate.dollars or 0) > order.budget:
        raise OverBudget(
            f"the estimated cost of {estimate.dollars:,.2f} dollars (without exams) exceeds the"
            f" budget of {order.budget:,.2f}; lower steps or rows, or raise the budget"
        )


def _finish(order: Order, folder: Path, watch: Watch, emit: Emit, seconds: float) -> Trained:
    last = checkpoints.newest(folder)
    step = last.step if last else 0
    if watch.ended != "finished":
        return _stopped(folder, watch.ended, emit)
    kept = {one.step: one.path for one in checkpoints.complete(folder)}
    best = watch.best_of(kept) or step
    metrics = {"before": watch.means(0), "after": watch.means(best)}
    checkpoints.copy_model(kept[best], folder / OUT)
    write_manifest(folder / OUT, order, best, metrics)
    detail = {"out": str(folder / OUT), "best_step": best, "seconds": round(seconds, 2)}
    emit("finished", detail | {"metrics": metrics})
    return Trained(folder / OUT, "finished", best, metrics)


def _stopped(folder: Path, ended: Ended, emit: Emit) -> Trained:
    """The result of a stopped training, at its last checkpoint or before its first step."""
    last = checkpoints.newest(folder)
    step = last.step if last else 0
    emit(ended, {"step": step})
    return Trained(folder / OUT, ended, step, {})


@contextmanager
def clear_errors(order: Order, folder: Path) -> Generator[None]:
    """Convert the libraries' out-of-memory and disk-full errors into errors with a remedy."""
    try:
        yield
    except FlywheelError:
        raise
    except Exception as error:
        if checkpoints.is_full_disk(error):
            raise checkpoints.full_disk(folder, error) from error
        if is_out_of_memory(error):
            raise OutOfMemory(_remedy(order, error)) from error
        raise


def _remedy(order: Order, error: Exception) -> str:
    numbers, cheaper = order.numbers, order.config.method.cheaper
    ways = [f"batch_size (now {numbers.batch_size})"] if numbers.batch_size > 1 else []
    ways.append(f"max_length (now {numbers.max_length})")
    first = (str(error).splitlines() or ["MemoryError"])[0]
    other = f"; or {cheaper}" if cheaper else ""
    return f"out of memory ({first:.100}); lower {' or '.join(ways)}{other}"
