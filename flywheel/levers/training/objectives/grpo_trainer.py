# pyright: standard
"""GRPO as TRL does it, with prompts read as samplers read them, more told, and less computed.

TRL writes every answer with its rewards, reasons and advantage into the job's folder, a Parquet
file a step, `completions/completions_00010.parquet`. Columns: step, prompt (as the model read it),
completion, item, one for each reward (NULL where there was no verdict), `<reward>_reason` and
advantage. DuckDB reads them in place. A step that is done again after a stop replaces its file.

Where all answers of a group earn the same, none of them has an advantage, and their part of the
gradient is 0: they are left out of the passes that learn. Nothing changes by that but the time.

It leans on four methods that TRL keeps to itself; the tests of rft.py hold it to what they do.
Importing it takes seconds, so import it when an RFT is built.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from flywheel.levers.training.exams.live import undisturbed

# KL and entropy are told by so many answers of every so-manieth step. By all of them, they would
# cost as much as a third of the training.
_TOLD_ANSWERS = 16
_TOLD_EVERY = 5


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
        self._adapted = adapted

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write the completions into the job's folder, not where a checkpoint is being written.

        The entropy that TRL tells is of the answers it learnt from; ours is of all.
        """
        ours = self._metrics["train"].pop("sampled_entropy", [])
        self._metrics["train"].pop("entropy", None)
        if ours:
            self._metrics["train"]["entropy"] = ours
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
        if self.state.global_step % _TOLD_EVERY == 0:
            self._tell(output)
        # With a weight, KL pulls at every answer.
        return output if self.beta else self._with_advantage(output)

    def _with_advantage(self, output: dict[str, Any]) -> dict[str, Any]:
        """The answers to learn from, with as many others as make parts of equal size of them.

        The loss is a sum over tokens, divided by the number that all answers have, which stays.
        """
        parts = cast("Any", self.args).steps_per_generation
        order = (output["advantages"] == 0).int().argsort(stable=True)
        wanted = int((output["advantages"] != 0).sum())
        kept = order[: max(1, -(-wanted // parts)) * parts]
        return {
            name: value[kept] if isinstance(value, torch.Tensor) and value.ndim else value
            for name, value in output.items()
        }

    def _tell(self, output: dict[str, Any]) -> None:
        """The entropy and the KL to the model without its adapter, a token, from some answers."""
        few = slice(None, None, max(1, len(output["completion_ids"]) // _TOLD_ANSWERS))
        ids = torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)[few]
        mask = torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1)[few]
        counted = output["completion_mask"][few]
        model, told = self.accelerator.unwrap_model(self.model), self._metrics["train"]
        with torch.no_grad(), undisturbed(model, self._tokenizer):
            model.eval()
            now, entropies = self._pass(ids, mask, counted.size(1))
            told["sampled_entropy"].append(_mean(entropies, counted))
            if self._adapted and not self.beta:
                with model.disable_adapter():
                    gap = self._pass(ids, mask, counted.size(1))[0] - now
                # The estimate that TRL tells when KL has a weight: never negative, little spread.
                told["kl"].append(_mean(gap.exp() - gap - 1, counted))

    def _pass(self, ids: torch.Tensor, mask: torch.Tensor, length: int) -> list[torch.Tensor]:
        """The log probability and the entropy at each token of the answers."""
        size = self.args.per_device_train_batch_size
        found = self._get_per_token_logps_and_entropies(
            self.model, ids, mask, length, batch_size=size, compute_entropy=True
        )
        return list(found[:2])


def _mean(values: torch.Tensor, counted: torch.Tensor) -> float:
    return ((values * counted).sum() / counted.sum().clamp(min=1)).item()


def repeated(ids: Sequence[int], n: int = 4) -> float:
    """The share of an answer's n-grams that it had already: near 1 when it goes in circles."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(answers: Sequence[Sequence[int]], n: int = 2) -> float:
    """The share of the n-grams of some answers that are different: low when they are all alike."""
    grams = [tuple(ids[i : i + n]) for ids in answers for i in range(len(ids) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
