"""Values for settings that are "auto", from the data and the size of the model.

The anchors were measured on the embedded model of 1 million parameters; values are interpolated
from there to common choices for models of 7 billion. They are starting points, not optima.
"""

from __future__ import annotations

import math
from typing import Any

from flywheel.levers.training.config import TrainingConfig
from flywheel.levers.training.orders.numbers import Numbers

_TINY, _LARGE = 1e6, 7e9


def resolve(
    config: TrainingConfig,
    *,
    rows: int,
    parameters: int,
    longest: int,
    context: int | None = None,
    answer: int | None = None,
) -> Numbers:
    """All numbers of the config. `longest` is the longest row, `context` the model's context and
    `answer` the evalset's limit on an answer, each in tokens. `why` has the reason for each value
    chosen here.
    """
    why: dict[str, str] = {}

    def settle(name: str, chosen: Any, reason: str) -> Any:
        given = getattr(config, name)
        if given != "auto":
            return given
        why[name] = f"{chosen if isinstance(chosen, str) else format(chosen, 'g')}: {reason}"
        return chosen

    usual = f"the default for {config.lever}"
    size = max(1, min(config.usual_batch, rows // 4))
    batch = settle("batch_size", size, f"{usual}, and at least 4 batches")
    each = math.ceil(rows / batch)
    epochs, steps = _length(config, rows, each, settle)
    exams = config.usual_exams
    interval = max(1, min(each, steps) if exams is None else steps // exams)
    often = "once per epoch" if exams is None else f"{exams} times"
    schedule, reason = config.usual_schedule
    schedule = settle("schedule", schedule, reason or usual)
    warmup = round(steps * (0.1 if schedule == "wsd" else 0.04))
    most = min(math.ceil(longest / 8) * 8, context or longest + 8)
    return Numbers(
        epochs=epochs,
        steps=steps,
        batch_size=batch,
        schedule=schedule,
        warmup=settle("warmup", warmup, f"of {steps} steps"),
        learning_rate=settle("learning_rate", *_rate(config, parameters)),
        max_length=settle("max_length", max(8, most), f"the longest row has {longest} tokens"),
        eval_interval=settle("eval_interval", interval, often),
        save_interval=settle("save_interval", interval, often),
        own={name: settle(name, *own) for name, own in config.own_numbers(answer).items()},
        why=why,
    )


def _length(config: TrainingConfig, rows: int, each: int, settle: Any) -> tuple[float, int]:
    """Epochs and steps."""
    if config.steps is not None:
        return config.steps / each, config.steps
    steps = config.usual_steps
    if steps is not None and config.epochs == "auto":
        return settle("epochs", steps / each, f"{steps} steps"), steps
    usual = 3 if rows < 2_000 else 2 if rows < 20_000 else 1
    epochs = settle("epochs", usual, f"{rows} rows")
    return float(epochs), epochs * each


def _rate(config: TrainingConfig, parameters: int) -> tuple[float, str]:
    """Log-log interpolation between the two anchors, constant beyond them."""
    low, high = config.rates.adapter if config.method.is_adapter else config.rates.full
    way = math.log(parameters / _TINY) / math.log(_LARGE / _TINY)
    rate = low * (high / low) ** min(1.0, max(0.0, way))
    digits = 1 - math.floor(math.log10(rate))
    return round(rate, digits), f"for {config.lever}, {config.method.kind}, {parameters:,} weights"
