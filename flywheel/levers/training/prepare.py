"""Prepare: everything that must hold before a training is accepted, and the order it becomes.

There is a baseline to beat, measured as the exams will measure; the data can be trained on, and
nothing of dev or test stands in it. Whatever fails here costs seconds, not a night.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from flywheel.data.checks.check import FEW_ROWS, check_training
from flywheel.data.leakage.leakage import tell, tell_counts
from flywheel.data.rows.training import read_training
from flywheel.engines.engine import Engine
from flywheel.engines.needs import check_needs
from flywheel.engines.open import open_engine
from flywheel.errors import BadFile, ChangedPlan, LeakingData, NoBaseline
from flywheel.evals.evalset.evalset import load_evalset, shipped
from flywheel.evals.evalset.leaks import Leak, check_file, check_train
from flywheel.evals.results.results import the_run
from flywheel.evals.run.measure import Bench, begin, go_on
from flywheel.evals.run.plan import Plan
from flywheel.levers.training.config import TrainConfig
from flywheel.levers.training.exams.exam import roles_of
from flywheel.levers.training.methods.base import folder_of
from flywheel.levers.training.order import Order, dev_plan, engine_spec
from flywheel.levers.training.packages import check_packages
from flywheel.levers.training.rewards.reward_check import check_rewards
from flywheel.levers.training.settle import settle
from flywheel.samplers.resolve import judge_name
from flywheel.store.place import db_option
from flywheel.store.reader import Reader
from flywheel.store.store import Store
from flywheel.store.tables.decisions import find_baseline

Say = Callable[[str], None]
_SHOWN = 5


def prepare(
    config: TrainConfig, store: Store, *, measure_first: bool = False, say: Say = lambda text: None
) -> Order:
    """The order for a config, once all holds that must. `say` hears what is worth a warning.

    Raises NoBaseline, unless it is to be measured first; LeakingData; WeakReward; BadFile and
    others for what would stop the training later.
    """
    check_packages(config)
    config = anywhere(config)
    folder_of(config.model)
    with open_engine(engine_spec(config)) as engine:
        return _prepare(config, store, engine, measure_first, say)


def _prepare(
    config: TrainConfig, store: Store, engine: Engine, measure_first: bool, say: Say
) -> Order:
    plan = dev_plan(config)
    roles = roles_of(config, plan.evalset.definition)
    # A reward model writes nothing, so no exam is graded.
    asked = frozenset[str]() if config.lever == "reward" else roles.asked
    check_needs((g for g in plan.graders if g.name in asked), engine.spec)
    baseline, why = find_run_to_beat(plan, store, asked)
    if baseline is None and not measure_first:
        raise NoBaseline(
            f"{why}, and nothing is trained before there is a measurement to beat:"
            f" {_command(config, store.path)} (or --measure-first)"
        )
    check_data(config, say)
    # Before anything is measured, for it reads the rows as the training will.
    order = settle(config)
    if order.rows < FEW_ROWS:
        say(f"{order.rows} rows: with fewer than {FEW_ROWS}, chance decides most of the result")
    rewards = None
    if roles.rewards:
        rewards = check_rewards(config, plan, tuple(roles.rewards), engine, say)
    baseline = baseline or measure_baseline(plan, store, engine)
    return order.model_copy(update={"baseline": baseline, "rewards": rewards})


def explain(config: TrainConfig) -> list[str]:
    """What a training will take, found by trying one step of it: lines for people.

    Needs no baseline, asks no judge, and keeps nothing. Numbers that were "auto" come with their
    reasons, and an RFT with what there is to sharpen.
    """
    check_packages(config)
    from flywheel.levers.training.arguments import quiet
    from flywheel.levers.training.methods.base import open_base
    from flywheel.levers.training.rewards.headroom import Sampling, probe
    from flywheel.levers.training.rows import masks
    from flywheel.levers.training.rows.longest_rows import preflight
    from flywheel.levers.training.rows.rows import training_rows
    from flywheel.levers.training.train import build, clear_errors

    config = anywhere(config)
    order = settle(config)
    with TemporaryDirectory() as folder, quiet(), clear_errors(order, Path(folder)):
        scores = config.lever == "reward"
        base = open_base(config.model, config.method, config.seed, scores=scores)
        rows = training_rows(config)
        trainer = build(base, order, rows, Path(folder), [])
        lines = preflight(trainer, base, order).lines
        if config.lever != "rft":
            lines += masks.told(trainer.train_dataset, len(rows), base.template)["told"]
        else:
            with open_engine() as engine:
                lines.append(probe(Sampling.of(trainer, base, order), rows, engine))
    return [*lines, *(f"{name} {why}" for name, why in order.numbers.why.items())]


def find_run_to_beat(
    plan: Plan, store: Reader, graders: Collection[str] | None = None
) -> tuple[str | None, str]:
    """The baseline that measured just this plan, and where there is none, why.

    Of these graders, None being all: what nobody asks in the training may have another judge.
    """
    named = f"no baseline of {plan.evalset.name} dev with {plan.model}"
    same = plan.identity
    found = find_baseline(
        store,
        same["evalset"],
        "dev",
        model=same["model"],
        prompt=same["prompt"],
        sampling=same["sampling"],
    )
    if found is None:
        return None, named
    try:
        plan.check_same(the_run(store, found.run), graders)
    except ChangedPlan as change:
        told = str(change).partition(" changed: ")[2].partition(". Start")[0]
        return None, f"{named}: {found.run} measured something else ({told})"
    return found.run, ""


def measure_baseline(plan: Plan, store: Store, engine: Engine) -> str:
    """Measure the model as it is, and appoint the run. Its name."""
    engine.open(plan.model)
    row = begin(plan, store, "baseline")
    go_on(plan, row, Bench(store, engine))
    return row.run


def check_data(config: TrainConfig, say: Say = lambda text: None) -> None:
    """Refuse a training file with faults, and rows in which items of dev or test stand.

    Without a file the rows are the evalset's train split, which is compared in the same way. With
    `allow_leaks` a leak is a warning. Raises BadFile and LeakingData; warnings are said.
    """
    evalset = load_evalset(config.evalset)
    train = evalset.split("train").path
    if config.data is None or config.data.resolve() == train.resolve():
        _check_leaks(config, train, check_train(evalset), say)
        return
    report = check_training(read_training(config.data))
    faults = [found for found in report.findings.sorted() if found.severity == "error"]
    if faults:
        more = report.findings.total("error") - 1
        rest = f" (and {more} more: flywheel data check {config.data})" if more else ""
        raise BadFile(f"{faults[0].where}: {faults[0].story}{rest}")
    warnings = report.findings.total("warning")
    if warnings:
        say(f"{config.data}: {warnings} warnings; flywheel data check {config.data}")
    _check_leaks(config, config.data, check_file(evalset, config.data), say)


def _check_leaks(config: TrainConfig, rows: Path, leaks: Sequence[Leak], say: Say) -> None:
    """Raise LeakingData with the worst pairs, or say so where the config allows leaks."""
    file = "" if config.data is None else f" --file {config.data}"
    for leak in leaks:
        if not leak.overlaps.total:
            continue
        found = (
            f"{rows}: {leak.overlaps.total} of the {leak.items} items of {leak.right}"
            f" stand in it ({tell_counts(leak.overlaps.counts)}), so a gain would prove nothing"
        )
        if config.allow_leaks:
            say(f"warning: {found}; allow_leaks is set")
            continue
        pairs = "".join(f"\n  {tell(pair)}" for pair in leak.overlaps.worst[:_SHOWN])
        raise LeakingData(
            f"{found}; take them out (flywheel leakage {config.evalset}{file} lists them), or set"
            f" allow_leaks=true to train all the same:{pairs}"
        )


def anywhere(config: TrainConfig) -> TrainConfig:
    """The same config, whose files are found from every folder: a job may go on from another."""
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


def _command(config: TrainConfig, db: Path) -> str:
    judge = f" --judge {config.judge}" if config.judge else ""
    if config.judge_api_key_env:
        judge += f" --judge-api-key-env {config.judge_api_key_env}"
    store = db_option(db)
    return f"flywheel baseline {config.evalset} -m {config.model}{judge}{store}"
