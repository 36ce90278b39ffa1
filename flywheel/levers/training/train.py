# pyright: standard
"""Train: an order in, a trained model out. The whole story, from top to bottom.

It runs in a process of its own and tells what happens through `tell`. It looks at `control` between
steps, and within a second in whatever else takes long. A folder with checkpoints is gone on with.
Whatever goes wrong is raised, as a FlywheelError where a user can mend it; the last good checkpoint
is kept then.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

from flywheel.data.rows.training_row import TrainingRow
from flywheel.engines.engine import Answerer
from flywheel.engines.open import open_engine
from flywheel.errors import FlywheelError, is_out_of_memory
from flywheel.levers.training.arguments import quiet
from flywheel.levers.training.exams import checkpoints
from flywheel.levers.training.exams.alarm import look
from flywheel.levers.training.exams.exam import ExamResult, open_exam
from flywheel.levers.training.exams.live import plain
from flywheel.levers.training.exams.watch import ENDED, AfterExam, Control, Ended, Take, Tell, Watch
from flywheel.levers.training.manifest import write_manifest
from flywheel.levers.training.methods.base import Base, open_base
from flywheel.levers.training.objectives.rft import notices
from flywheel.levers.training.objectives.sampled_pairs import sampled_pairs
from flywheel.levers.training.order import Order, engine_spec
from flywheel.levers.training.rewards.headroom import Sampling, probe
from flywheel.levers.training.rows import masks
from flywheel.levers.training.rows.longest_rows import preflight
from flywheel.levers.training.rows.rows import training_rows
from flywheel.levers.training.trackers.progress import REPORT_SECONDS, Progress, Stopped
from flywheel.levers.training.trackers.tracking import tracked

OUT = "out"
# Of each, `build(base, order, rows, folder, callbacks)` makes the trainer.
_OBJECTIVES = {
    "sft": "flywheel.levers.training.objectives.sft",
    "dpo": "flywheel.levers.training.objectives.dpo",
    "kto": "flywheel.levers.training.objectives.kto",
    "rft": "flywheel.levers.training.objectives.rft",
    "reward": "flywheel.levers.training.objectives.reward_model",
    "pretrain": "flywheel.levers.training.objectives.pretrain",
}


class OutOfMemory(FlywheelError):
    """The training needs more memory than there is."""


class Trained(NamedTuple):
    """How a training ended. `folder` has the model of `best_step` when it is finished.

    `metrics` are the means of the graders before the first step and at the best one.
    """

    folder: Path
    ended: Ended
    best_step: int
    metrics: Mapping[str, Any]


def run(
    order: Order,
    folder: Path,
    tell: Tell,
    control: Control,
    report_seconds: float = REPORT_SECONDS,
) -> Trained:
    """Train by this order in this folder, or go on with what was begun there."""
    began = time.monotonic()
    order.check_unchanged()
    last = checkpoints.newest(folder)
    tell("started", {"resumed_from": last.step if last else None})
    for broken in checkpoints.incomplete(folder):
        tell("notice", {"text": f"{broken.path} is not a complete checkpoint and is passed over"})
    with (
        quiet(),
        tracked(order, folder, tell) as tell,
        clear_errors(order, folder),
    ):
        progress = Progress(tell, control, report_seconds)
        with open_engine(engine_spec(order.config), progress.beat) as engine:
            try:
                watch = _train(order, folder, engine, progress)
            except Stopped as stop:
                return _stopped(folder, ENDED[stop.word], tell)
            return _finish(order, folder, watch, tell, time.monotonic() - began)


def _train(order: Order, folder: Path, engine: Answerer, progress: Progress) -> Watch:
    """From the rows to the last step. Raises Stopped where there is nothing new to keep."""
    config, tell, last = order.config, progress.tell, checkpoints.newest(folder)
    progress.report("reading the rows and loading the model", now=True)
    rows = training_rows(config)
    scores = config.lever == "reward"
    base = open_base(config.model, config.method, config.seed, scores=scores)
    if config.pairs == "sampled":
        rows = sampled_pairs(order, rows, base, engine, folder, progress)
        tell("notice", {"text": f"{len(rows)} of {order.rows} items were answered wrongly"})
    progress.report(f"preparing {len(rows)} rows", now=True)
    exams = _exams(order, base, engine, progress)
    watch = Watch(order, folder, tell, progress.control, *exams)
    trainer = build(base, order, rows, folder, [watch], engine)
    progress.check()
    if config.lever == "rft":
        for text in notices(order):
            tell("notice", {"text": text})
    else:
        tell("masks", masks.told(trainer.train_dataset, len(rows), base.template))
    if last is None:
        if config.lever == "rft":
            tell(
                "notice", {"text": probe(Sampling.of(trainer, base, order), rows, engine, progress)}
            )
        tell("preflight", preflight(trainer, base, order, progress).as_json())
    with progress.through(plain(base.model)):
        trainer.train(resume_from_checkpoint=str(last.path) if last else None)
    return watch


def build(
    base: Base,
    order: Order,
    rows: Sequence[TrainingRow],
    folder: Path,
    callbacks: Sequence[Any],
    engine: Answerer | None = None,
) -> Any:
    """The trainer for the order's lever. `engine` answers what rewards ask; None opens one."""
    from transformers import PrinterCallback

    make: Callable[..., Any] = import_module(_OBJECTIVES[order.config.lever]).build
    asks = {"engine": engine} if order.config.lever == "rft" else {}
    trainer = make(base, order, rows, folder, callbacks, **asks)
    trainer.remove_callback(PrinterCallback)
    for parameter in base.model.parameters():
        # In halves small steps are lost. TRL puts what learns beside 4 bits into them, once: a
        # training that goes on would do so in another precision than it began.
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return trainer


def _exams(
    order: Order, base: Base, engine: Answerer, progress: Progress
) -> tuple[Take | None, AfterExam | None]:
    """How an exam is taken, and what looks at it afterwards: of RFT the alarm."""
    if order.config.lever == "reward":
        return None, None
    exam = open_exam(order, engine)

    def take(step: int) -> ExamResult:
        return exam.sit(base, step, progress)

    def alarm(exams: Sequence[ExamResult], tell: Tell) -> None:
        look(exam.roles, exams, tell)

    return take, alarm if order.config.lever == "rft" else None


def _finish(order: Order, folder: Path, watch: Watch, tell: Tell, seconds: float) -> Trained:
    last = checkpoints.newest(folder)
    step = last.step if last else 0
    if watch.ended != "finished":
        return _stopped(folder, watch.ended, tell)
    kept = {one.step: one.path for one in checkpoints.found(folder)}
    best = watch.best_of(kept) or step
    metrics = {"before": watch.figures(0), "after": watch.figures(best)}
    checkpoints.copy_model(kept[best], folder / OUT)
    write_manifest(folder / OUT, order, best, metrics)
    told = {"out": str(folder / OUT), "best_step": best, "seconds": round(seconds, 2)}
    tell("finished", told | {"metrics": metrics})
    return Trained(folder / OUT, "finished", best, metrics)


def _stopped(folder: Path, ended: Ended, tell: Tell) -> Trained:
    """A training that was stopped: at its last checkpoint, or before its first step."""
    last = checkpoints.newest(folder)
    step = last.step if last else 0
    tell(ended, {"step": step})
    return Trained(folder / OUT, ended, step, {})


@contextmanager
def clear_errors(order: Order, folder: Path) -> Generator[None]:
    """Turn what the libraries raise when room runs out into words with a remedy."""
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
    numbers, kind = order.numbers, order.config.method.kind
    ways = [f"batch_size (now {numbers.batch_size})"] if numbers.batch_size > 1 else []
    ways.append(f"max_length (now {numbers.max_length})")
    cheaper = {"full": "; or train an adapter: method.kind=lora", "lora": "; or method.kind=qlora"}
    first = (str(error).splitlines() or ["MemoryError"])[0]
    return f"out of memory ({first:.100}); lower {' or '.join(ways)}{cheaper.get(kind, '')}"
