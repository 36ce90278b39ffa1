"""Auto: the numbers that a config leaves open, from the data and the size of the model.

The anchors are measured on the embedded model of a million parameters; the slopes lead from there
to what is usual for models of seven billion. A figure to begin with, not an optimum.
"""

from __future__ import annotations

import math
from typing import Any

from flywheel.levers.training.config import USED_BY, TrainConfig
from flywheel.levers.training.order import Numbers

_TINY, _LARGE = 1e6, 7e9
# Learning rates at a million and at seven billion parameters, by lever and by what is trained.
_RATES: dict[str, dict[str, tuple[float, float]]] = {
    "adapter": {
        "sft": (1.5e-3, 2e-4),
        "dpo": (5e-4, 2e-5),
        "kto": (5e-4, 2e-5),
        "reward": (1e-3, 5e-5),
        "rft": (2e-3, 1e-5),
        "pretrain": (1.5e-3, 2e-4),
    },
    "full": {
        "sft": (5e-4, 1e-5),
        "dpo": (1e-4, 1e-6),
        "kto": (1e-4, 1e-6),
        "reward": (3e-4, 1e-5),
        "rft": (3e-4, 1e-6),
        "pretrain": (3e-3, 3e-4),
    },
}
_BATCH = {"sft": 8, "pretrain": 8, "rft": 8}
_BETAS = {"orpo": 0.1, "simpo": 2.0}
_RFT_STEPS = 100
_EXAMS = 5
_LONGEST_ANSWER = 512


def resolve(
    config: TrainConfig,
    *,
    rows: int,
    parameters: int,
    longest: int,
    context: int | None = None,
    answer: int | None = None,
) -> Numbers:
    """Every number of the config. `longest` is the longest row in tokens, `context` the most that
    the model takes, `answer` the most that the evalset lets an answer have. What was chosen here
    stands in `why`.
    """
    why: dict[str, str] = {}

    def settle(name: str, chosen: Any, because: str) -> Any:
        given = getattr(config, name)
        if given != "auto":
            return given
        # Where the lever has no such setting there is nothing to explain.
        if config.lever in USED_BY.get(name, (config.lever,)):
            why[name] = f"{chosen if isinstance(chosen, str) else format(chosen, 'g')}: {because}"
        return chosen

    size = max(1, min(_BATCH.get(config.lever, 16), rows // 4))
    batch = settle("batch_size", size, f"usual for {config.lever}, and at least 4 batches")
    each = math.ceil(rows / batch)
    epochs, steps = _length(config, rows, each, settle)
    interval = max(1, steps // _EXAMS if config.lever == "rft" else min(each, steps))
    schedule = settle("schedule", *_schedule(config))
    wsd = schedule == "wsd"
    warmup = settle("warmup", round(steps * (0.1 if wsd else 0.04)), f"of {steps} steps")
    most = min(math.ceil(longest / 8) * 8, context or longest + 8)
    return Numbers(
        epochs=epochs,
        steps=steps,
        batch_size=batch,
        learning_rate=settle("learning_rate", *_rate(config, parameters)),
        schedule=schedule,
        warmup=warmup,
        max_length=settle("max_length", max(8, most), f"the longest row has {longest} tokens"),
        beta=settle("beta", _BETAS.get(config.loss or "", 0.1), "usual for this loss"),
        sft_weight=settle("sft_weight", *_sft_weight(config)),
        eval_interval=settle("eval_interval", interval, _often(config)),
        save_interval=settle("save_interval", interval, _often(config)),
        max_completion_tokens=settle("max_completion_tokens", *_answer(answer)),
        compute_multiplier=settle("compute_multiplier", 1.0, "as it is"),
        why=why,
    )


def _length(config: TrainConfig, rows: int, each: int, settle: Any) -> tuple[float, int]:
    """Epochs and steps."""
    if config.steps is not None:
        return config.steps / each, config.steps
    if config.lever == "rft" and config.epochs == "auto":
        settle("epochs", _RFT_STEPS / each, f"{_RFT_STEPS} steps")
        return _RFT_STEPS / each, _RFT_STEPS
    usual = 3 if rows < 2_000 else 2 if rows < 20_000 else 1
    epochs = settle("epochs", usual, f"{rows} rows")
    return float(epochs), epochs * each


def _rate(config: TrainConfig, parameters: int) -> tuple[float, str]:
    """A straight line between the two anchors, both axes logarithmic, and level beyond them."""
    kind = "full" if config.method.kind == "full" else "adapter"
    low, high = _RATES[kind][config.lever]
    way = math.log(parameters / _TINY) / math.log(_LARGE / _TINY)
    rate = low * (high / low) ** min(1.0, max(0.0, way))
    digits = 1 - math.floor(math.log10(rate))
    return round(rate, digits), f"for {config.lever}, {config.method.kind}, {parameters:,} weights"


def _schedule(config: TrainConfig) -> tuple[str, str]:
    if config.lever == "rft":
        return "constant", "a short rft learns to its last step"
    return "linear", f"usual for {config.lever}"


def _sft_weight(config: TrainConfig) -> tuple[float, str]:
    if config.lever == "dpo" and config.loss not in ("orpo", "simpo"):
        return 0.1, "keeps the form of the answers while pairs push them apart"
    return 0.0, "this loss has none"


def _answer(most: int | None) -> tuple[int, str]:
    """What is longer than the evalset allows is never measured, so it is not trained either."""
    if most is not None and most < _LONGEST_ANSWER:
        return most, "as long as the evalset's answers may be"
    return _LONGEST_ANSWER, "the usual limit"


def _often(config: TrainConfig) -> str:
    return f"{_EXAMS} times" if config.lever == "rft" else "once an epoch"
