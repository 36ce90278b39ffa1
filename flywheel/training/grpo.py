# pyright: standard
"""GRPO as TRL does it, with prompts read as samplers read them, and more told of each step.

It leans on five methods that TRL keeps to itself; the tests of rft.py hold it to what they do.
Importing it takes seconds, so import it when an RFT is built.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from flywheel.training.completions import distinct, repeated


class RewardTrainer(GRPOTrainer):
    """The trainer of an RFT. The rows have a `prompt` as text, and their `item` as JSON."""

    def __init__(self, *, folder: Path, specials: bool, kl: float, **named: Any) -> None:
        """`folder` takes the completions. `specials`: the tokenizer adds its own to a prompt."""
        self._folder = folder
        self._specials = specials
        self._latest: Any = None
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
            ids = torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)
            mask = torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1)
            model = self.accelerator.unwrap_model(self.model)
            with torch.no_grad(), model.disable_adapter():
                output["reference_logps"] = self._get_per_token_logps_and_entropies(
                    self.model,
                    ids,
                    mask,
                    output["completion_ids"].size(1),
                    batch_size=self.args.per_device_train_batch_size,
                )[0]
        return output

    def _get_per_token_logps_and_entropies(self, *args: Any, **named: Any) -> Any:
        found = super()._get_per_token_logps_and_entropies(*args, **named)
        self._latest = found[0].detach()
        return found

    def _compute_loss(self, model: Any, inputs: dict[str, Any]) -> Any:
        loss = super()._compute_loss(model, inputs)
        reference = inputs.get("reference_logps")
        if reference is not None:
            mask = inputs["completion_mask"]
            gap = reference - self._latest
            # The estimate that TRL tells when KL has a weight: never negative, and small in spread.
            kl = ((gap.exp() - gap - 1) * mask).sum() / mask.sum().clamp(min=1)
            self._metrics["train"]["kl"].append(kl.item())
        return loss
