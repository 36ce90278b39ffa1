# pyright: standard
"""SFT and GRPO in bare TRL, without Flywheel; used by overhead.py.

    python -m benchmarks.peers.bare_trl WORK.json

All other settings are TRL's defaults, except those that are slower on a CPU (bfloat16, gradient
checkpointing). Prints the CPU seconds of the loop, from before the first step to after the last,
and of the whole process, and the losses and tokens, which show that the work is the same.
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from datasets import Dataset
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer, TrainerCallback, set_seed


class Clock(TrainerCallback):
    """When the loop began and when its last step ended, in CPU seconds of this process."""

    began = ended = 0.0

    def on_train_begin(self, *args: Any, **kwargs: Any) -> None:
        self.began = time.process_time()

    def on_step_end(self, *args: Any, **kwargs: Any) -> None:
        self.ended = time.process_time()


def fields(text: str) -> dict[str, Any]:
    """An answer parsed as a JSON object, or an empty one."""
    try:
        found = json.loads(text)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def reward_for(name: str) -> Callable[..., list[float]]:
    """The reward for one field: 1 if it equals the item's."""

    def reward(completions: list[Any], **columns: Any) -> list[float]:
        said = [fields(completion[0]["content"]).get(name) for completion in completions]
        return [float(a == b) for a, b in zip(said, columns[name], strict=True)]

    reward.__name__ = name
    return reward


def trainer_of(work: dict[str, Any], same: dict[str, Any]) -> Any:
    """The trainer for this work: GRPO if rewards are named, else SFT."""
    set_seed(work["seed"])
    model: Any = AutoModelForCausalLM.from_pretrained(work["model"])
    tokenizer: Any = AutoTokenizer.from_pretrained(work["model"])
    adapter = LoraConfig(
        r=work["r"], lora_alpha=work["alpha"], target_modules="all-linear", task_type="CAUSAL_LM"
    )
    named: dict[str, Any] = {
        "model": get_peft_model(model, adapter),
        "processing_class": tokenizer,
        "train_dataset": Dataset.from_list(work["rows"]),
    }
    if not work["rewards"]:
        from trl.trainer.sft_config import SFTConfig
        from trl.trainer.sft_trainer import SFTTrainer

        return SFTTrainer(**named, args=SFTConfig(**same, assistant_only_loss=True))
    from trl.trainer.grpo_config import GRPOConfig
    from trl.trainer.grpo_trainer import GRPOTrainer

    given = {name: work[name] for name in ("num_generations", "max_completion_length")}
    same["per_device_train_batch_size"] *= work["num_generations"]
    args = GRPOConfig(**same, **given, loss_type="dapo", beta=0.0)
    rewards: list[Any] = [reward_for(name) for name in work["rewards"]]
    return GRPOTrainer(**named, args=args, reward_funcs=rewards)


def main() -> None:
    """Train, and print."""
    work = json.loads(Path(sys.argv[1]).read_text("utf-8"))
    names = ("max_steps", "per_device_train_batch_size", "learning_rate", "warmup_steps", "seed")
    same = {name: work[name] for name in (*names, "logging_steps")}
    same |= {"use_cpu": True, "bf16": False, "gradient_checkpointing": False}
    same |= {"data_seed": work["seed"], "save_strategy": "no", "report_to": "none"}
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        trainer = trainer_of(work, {**same, "output_dir": folder})
        trainer.add_callback(clock)
        trainer.train()
        trainer.save_model(f"{folder}/model")
    told = [log for log in trainer.state.log_history if "loss" in log]
    found = {
        "loop": clock.ended - clock.began,
        "whole": time.process_time(),
        "losses": [log["loss"] for log in told],
        "tokens": [log["num_tokens"] for log in told],
    }
    print("\n" + json.dumps(found))


main()
