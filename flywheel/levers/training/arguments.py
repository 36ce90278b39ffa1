# pyright: standard
"""The trainer arguments that all objectives share.

TRL's defaults are for large models (bfloat16, gradient checkpointing, tiny learning rates), so each
is set explicitly. The loss is logged at every step, NaN and infinity included.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from flywheel.levers.training.exams.checkpoints import writing_folder
from flywheel.levers.training.orders.numbers import Numbers

_SCHEDULES = {
    "linear": "linear",
    "cosine": "cosine",
    "constant": "constant_with_warmup",
    "wsd": "warmup_stable_decay",
}


def common(numbers: Numbers, seed: int, folder: Path) -> dict[str, Any]:
    """The arguments for a config of any trainer, by name."""
    import torch

    on_gpu = torch.cuda.is_available()
    last_tenth = {"num_decay_steps": max(1, numbers.steps // 10)}
    return {
        "output_dir": str(writing_folder(folder)),
        "max_steps": numbers.steps,
        "per_device_train_batch_size": numbers.batch_size,
        "learning_rate": numbers.learning_rate,
        "lr_scheduler_type": _SCHEDULES[numbers.schedule],
        "lr_scheduler_kwargs": last_tenth if numbers.schedule == "wsd" else {},
        "warmup_steps": numbers.warmup,
        "seed": seed,
        "data_seed": seed,
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
