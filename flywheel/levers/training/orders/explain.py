# pyright: standard
"""Explain: an estimate of a training's cost, from one trial step."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

from flywheel.engines.open import open_engine
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.levers.lever import TaskEvalset
from flywheel.levers.training.config import Setup, TrainingConfig
from flywheel.levers.training.methods.base import open_base
from flywheel.levers.training.orders.ordering import with_absolute_paths
from flywheel.levers.training.orders.settle import settle
from flywheel.levers.training.quiet import quiet
from flywheel.levers.training.rows.rows import training_rows


def explain(config: TrainingConfig) -> list[str]:
    """Lines for the user. Needs no baseline, calls no judge, and stores nothing.

    They include the reasons for "auto" values and, for an RFT, the headroom.
    """
    config.check_packages()
    # Imported here because they load transformers.
    from flywheel.levers.training.preflight import preflight
    from flywheel.levers.training.train import build, clear_errors

    config = with_absolute_paths(config)
    evalset = TaskEvalset.of(load_evalset(config.evalset))
    order = settle(config, evalset)
    config = order.config
    with (
        TemporaryDirectory() as name,
        open_engine() as engine,
        quiet(),
        clear_errors(order, Path(name)),
    ):
        base = open_base(config.model, config.method, config.seed, scores=config.scores)
        rows = training_rows(config, evalset)
        setup = Setup(base, rows, order.numbers, evalset, Path(name), engine)
        trainer = build(config, setup)
        lines = preflight(trainer, base, order).lines
        for _, detail in config.describe_rows(trainer, setup):
            lines += detail.get("told") or [detail["text"]]
        if text := config.probe(trainer, setup):
            lines.append(text)
    return [*lines, *(f"{name} {why}" for name, why in order.numbers.why.items())]
