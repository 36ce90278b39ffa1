# pyright: standard
"""GRPO as TRL does it, with prompts read as samplers read them, and more told of each step.

It leans on four methods that TRL keeps to itself; the tests of rft.py hold it to what they do.
Importing it takes seconds, so import it when an RFT is built.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from flywheel.training.completions import distinct, repeated
from flywheel.training.exam import undisturbed

# Answers of a step by which KL is told: two more passes over all of them would cost a tenth.
_KL_ANSWERS = 16


class RewardTrainer(GRPOTrainer):
    """The trainer of an RFT. The rows have a `prompt` as text, and their `item` as JSON."""

    def __init__(self, *, folder: Path, specials: bool, kl: float, **named: Any) -> None:
        """`folder` takes the completions. `specials`: the tokenizer adds its own to a prompt."""
        self._folder = folder
        self._specials = specials
        super().__init__(**named)
        adapted = hasattr(self.model, "disable_adapter")
        if adapted:
            # Set only now: told before, TRL would hold a second copy of the adapter.
            self.beta = kl
        self._told_kl = adapted and kl == 0

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write the completions into the job's folder, not where a checkpoint is being written."""
        own, self.args.output_dir = self.args.output_dir, str(self._folder)
        try:
            super().log(logs, start_time)
        finally:
            self.args.output_dir = own

    def _tokenize_prompts(self, prompts: list[str]) -> tuple[list[list[int]], None, dict[str, Any]]:
        tokens = self._tokenizer(prompts, add_special_tokens=self._specials)
        return tokens["input_ids"], None, {}

    def _calculate_rewards(
        self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: list[list[int]]
    ) -> Any:
        self._log_completion_extra("item", [json.loads(row["item"]).get("id") for row in inputs])
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        size = int(self.num_generations or 1)
        counted = rewards[:, self.reward_weights.to(rewards.device) != 0]
        grouped = counted.view(-1, size, counted.shape[1])
        lowest = torch.where(grouped.isnan(), torch.inf, grouped).amin(dim=1)
        highest = torch.where(grouped.isnan(), -torch.inf, grouped).amax(dim=1)
        flat = (highest - lowest < 1e-6).all(dim=1)
        ids = completion_ids_list
        groups = [ids[i : i + size] for i in range(0, len(ids), size)]
        told = self._metrics["train"]
        told["no_spread"].append(flat.float().mean().item())
        told["completions/repeated_4grams"].append(sum(map(repeated, ids)) / len(ids))
        told["completions/distinct_2grams"].append(sum(map(distinct, groups)) / len(groups))
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        if self._told_kl:
            self._metrics["train"]["kl"].append(self._kl(output))
        return output

    def _kl(self, output: dict[str, Any]) -> float:
        """The KL to the model without its adapter, a token, from some of the answers."""
        few = slice(None, None, max(1, len(output["completion_ids"]) // _KL_ANSWERS))
        ids = torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)[few]
        mask = torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1)[few]
        counted = output["completion_mask"][few]
        model = self.accelerator.unwrap_model(self.model)
        with torch.no_grad(), undisturbed(model, self._tokenizer):
            model.eval()
            now = self._logps(ids, mask, counted.size(1))
            with model.disable_adapter():
                gap = self._logps(ids, mask, counted.size(1)) - now
        # The estimate that TRL tells when KL has a weight: never negative, and of little spread.
        return (((gap.exp() - gap - 1) * counted).sum() / counted.sum().clamp(min=1)).item()

    def _logps(self, ids: torch.Tensor, mask: torch.Tensor, length: int) -> torch.Tensor:
        size = self.args.per_device_train_batch_size
        return self._get_per_token_logps_and_entropies(
            self.model, ids, mask, length, batch_size=size
        )[0]
