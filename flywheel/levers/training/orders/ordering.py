"""Ordering a training: the checks before it is accepted.

There must be a baseline measured in the same way as the exams, and the training data must not
overlap with dev or test; this is checked here because levers cannot read test. A failure here costs
seconds instead of hours.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from flywheel.data.checks.check import check_training
from flywheel.data.leakage.leakage import describe_counts, describe_overlap
from flywheel.data.rows.training import read_training
from flywheel.engines.engine import Engine
from flywheel.engines.needs import check_needs
from flywheel.engines.open import open_engine
from flywheel.errors import BadFile, BadOption, LeakingData, NoBaseline
from flywheel.evals.evalset.evalset import Evalset, load_evalset, shipped
from flywheel.evals.evalset.leaks import Leak, check_file, check_train
from flywheel.evals.run.run_to_beat import find_run_to_beat, measure_baseline
from flywheel.levers.lever import Task, TaskEvalset
from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.lever import TRAINING_LEVER
from flywheel.levers.training.methods.base import folder_of
from flywheel.levers.training.orders.order import Order
from flywheel.samplers.resolve import judge_name
from flywheel.store.place import db_option
from flywheel.store.store import Store

Warn = Callable[[str], None]
_SHOWN = 5


def order_training(
    config: TrainingConfig,
    store: Store,
    *,
    measure_first: bool = False,
    max_cost: float | None = None,
    warn: Warn = lambda text: None,
) -> Order:
    """The order for a config after all checks. `warn` prints a line for the user.

    A training with an estimate above `max_cost` dollars stops before its first step.

    Raises NoBaseline, unless `measure_first` is set; LeakingData; WeakReward; BadFile and others
    for anything that would fail later.
    """
    config.check_packages()
    config = with_absolute_paths(config)
    folder_of(config.model)
    # The judge is opened before the order is written, so that a missing key fails here.
    with open_engine(config.engine_spec) as engine:
        return _order(config, store, engine, measure_first, max_cost, warn)


def _order(
    config: TrainingConfig,
    store: Store,
    engine: Engine,
    measure_first: bool,
    max_cost: float | None,
    warn: Warn,
) -> Order:
    evalset = load_evalset(config.evalset)
    plan = config.dev_plan(evalset)
    roles = config.roles(evalset.definition)
    # A reward model generates no text, so there are no exams.
    asked = frozenset[str]() if config.scores else roles.asked
    check_needs((g for g in plan.graders if g.name in asked), engine.spec)
    baseline, why = find_run_to_beat(plan, store, asked)
    if baseline is None and not measure_first:
        raise NoBaseline(
            f"{why}; a training needs a baseline to beat. Run"
            f" {_command(config, store.path)}, or add --measure-first"
        )
    check_data(config, warn)
    check_leaks(config, evalset, warn)
    task = Task(
        evalset=TaskEvalset.of(evalset),
        engine=engine,
        baseline=baseline,
        judge=config.judge,
        budget=max_cost,
        warn=warn,
    )
    order = TRAINING_LEVER.prepare(config, task)
    # Last, because it takes the longest.
    if baseline is None:
        baseline = measure_baseline(plan, store, engine)
    return order.model_copy(update={"baseline": baseline})


def check_data(config: TrainingConfig, warn: Warn = lambda text: None) -> None:
    """Raise BadFile for a training file with errors; warn once with the number of warnings."""
    if config.data is None:
        return
    report = check_training(read_training(config.data))
    faults = [one for one in report.findings.sorted() if one.severity == "error"]
    if faults:
        more = report.findings.total("error") - 1
        rest = f" (and {more} more: flywheel data check {config.data})" if more else ""
        raise BadFile(f"{faults[0].where}: {faults[0].story}{rest}")
    if warnings := report.findings.total("warning"):
        warn(f"{config.data}: {warnings} warnings; flywheel data check {config.data}")


def check_leaks(config: TrainingConfig, evalset: Evalset, warn: Warn = lambda text: None) -> None:
    """Raise LeakingData if rows overlap with items of dev or test; only warn with `allow_leaks`.

    Without a training file, the rows are the evalset's train split.
    """
    train = evalset.split("train").path
    if config.data is None or config.data.resolve() == train.resolve():
        _check_leaks(config, train, check_train(evalset), warn)
    else:
        _check_leaks(config, config.data, check_file(evalset, config.data), warn)


def _check_leaks(config: TrainingConfig, rows: Path, leaks: Sequence[Leak], warn: Warn) -> None:
    """Raise LeakingData with the worst pairs, or warn if the config allows leaks."""
    file = "" if config.data is None else f" --file {config.data}"
    for leak in leaks:
        if not leak.overlaps.total:
            continue
        message = (
            f"{rows}: it contains {leak.overlaps.total} of the {leak.items} items of {leak.right}"
            f" ({describe_counts(leak.overlaps.counts)}), so a gain would be meaningless"
        )
        if config.allow_leaks:
            warn(f"warning: {message}; allow_leaks is set")
            continue
        pairs = "".join(f"\n  {describe_overlap(pair)}" for pair in leak.overlaps.worst[:_SHOWN])
        raise LeakingData(
            f"{message}; remove them (flywheel leakage {config.evalset}{file} lists them), or set"
            f" allow_leaks=true to train anyway:{pairs}"
        )


def with_absolute_paths(config: TrainingConfig) -> TrainingConfig:
    """The config with absolute paths, since a job may resume in another working directory."""
    if not config.evalset:
        raise BadOption("a training needs an evalset; set one, such as evalset=ticket_triage")
    evalset = load_evalset(config.evalset)
    ours = evalset.name in shipped() and load_evalset(evalset.name).folder == evalset.folder
    changes: dict[str, object] = {"evalset": evalset.name if ours else str(evalset.folder)}
    if config.data is not None:
        changes["data"] = config.data.absolute()
    if config.model != "tiny" and Path(config.model).is_dir():
        changes["model"] = str(Path(config.model).absolute())
    judge = judge_name(config.judge) if config.judge else ""
    kind, colon, file = judge.partition(":")
    if colon and kind in ("scripted", "replay", "python"):
        changes["judge"] = f"{kind}:{Path(file).absolute()}"
    return config.model_copy(update=changes)


def _command(config: TrainingConfig, db: Path) -> str:
    judge = f" --judge {config.judge}" if config.judge else ""
    if config.judge_api_key_env:
        judge += f" --judge-api-key-env {config.judge_api_key_env}"
    store = db_option(db)
    return f"flywheel baseline {config.evalset} -m {config.model}{judge}{store}"
