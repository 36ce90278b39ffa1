# pyright: standard
"""What every trainer is told, whichever objective it has.

TRL's own defaults are for large models: bfloat16, gradient checkpointing, tiny learning rates; so
each is set. Losses are logged at every step, and one that is no number is not hidden.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from flywheel.levers.training.exams.checkpoints import writing
from flywheel.levers.training.order import Order

_SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant_with_warmup",
    "wsd": "warmup_stable_decay",
}


def common(order: Order, folder: Path) -> dict[str, Any]:
    """The arguments for a config of any trainer, by name."""
    import torch

    config, numbers = order.config, order.numbers
    on_gpu = torch.cuda.is_available()
    last_tenth = {"num_decay_steps": max(1, numbers.steps // 10)}
    return {
        "output_dir": str(writing(folder)),
        "max_steps": numbers.steps,
        "per_device_train_batch_size": numbers.batch_size,
        "learning_rate": numbers.learning_rate,
        "lr_scheduler_type": _SCHEDULES[numbers.schedule],
        "lr_scheduler_kwargs": last_tenth if numbers.schedule == "wsd" else {},
        "warmup_steps": numbers.warmup,
        "seed": config.seed,
        "data_seed": config.seed,
        "logging_steps": 1,
        "logging_nan_inf_filter": False,
        "save_strategy": "steps",
        "save_steps": numbers.save_interval,
        "eval_strategy": "no",
        "use_cpu": not on_gpu,
        "bf16": on_gpu,
        "gradient_checkpointing": on_gpu,
        "dataloader_pin_memory": on_gpu,
        "report_to": "none",
        "disable_tqdm": True,
    }


@contextmanager
def quiet() -> Generator[None]:
    """Nothing on stdout, no bars, and of the libraries' warnings only errors."""
    import logging
    import os
    import warnings

    # Said by the libraries when they are imported: what is missing here is not needed here.
    for name in ("torchao", "trl", "transformers", "accelerate", "peft"):
        logging.getLogger(name).setLevel(logging.ERROR)
    os.environ.setdefault("TRL_EXPERIMENTAL_SILENCE", "1")
    import datasets
    from transformers.utils import logging as told

    datasets.disable_progress_bars()
    told.set_verbosity_error()
    told.disable_progress_bar()
    with warnings.catch_warnings():
        # Each comes from inside a library, and none is about what a user did.
        warnings.filterwarnings(
            "ignore", category=FutureWarning, module=r"(trl|peft|torch|transformers)\."
        )
        warnings.filterwarnings("ignore", message=".*pin_memory.*", category=UserWarning)
        yield
