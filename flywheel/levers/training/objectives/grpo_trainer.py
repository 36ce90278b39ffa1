# pyright: standard
"""TRL's GRPO trainer, with prompts tokenized as in sampling, more metrics and less computation.

TRL writes every answer with its rewards, reasons and advantage into the job's folder, one Parquet
file per step: `completions/completions_00010.parquet`. Columns: step, prompt (as rendered),
completion, item, one per reward (NULL if ungraded), `<reward>_reason` and advantage. DuckDB can
query them. A step repeated after a resume replaces its file.

If all answers of a group have the same reward, their advantage and gradient are 0, so they are left
out of the backward passes. This saves time and changes nothing else.

It overrides or calls private methods of TRL; the tests of rft.py check their behaviour. Importing
this module takes seconds, so import it only when an RFT is built.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import torch
from trl.trainer.grpo_trainer import GRPOTrainer

from flywheel.levers.training.exams.live import preserved_state

# KL and entropy are estimated from this many answers, every this many steps. For all answers they
# would take a third of the training's time.
_METRIC_ANSWERS = 16
_METRIC_INTERVAL = 5


class RewardTrainer(GRPOTrainer):
    """The trainer of an RFT. Rows have the `prompt` as text and the `item` as JSON."""

    def __init__(self, *, folder: Path, specials: bool, kl: float, **named: Any) -> None:
        """`folder` is for completions. `specials`: the tokenizer adds special tokens to prompts."""
        self._folder = folder
        self._specials = specials
        super().__init__(**named)
        adapted = hasattr(self.model, "disable_adapter")
        if adapted:
            # Set after __init__, where TRL would create a second copy of the adapter for it.
            self.beta = kl
        self._adapted = adapted

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Log metrics, and write completions into the job's folder instead of the output folder.

        TRL's entropy covers only the answers in backward passes; ours is sampled from all.
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
        metrics = self._metrics["train"]
        metrics["no_spread"].append(flat.float().mean().item())
        metrics["completions/repeated_4grams"].append(sum(map(repeated, ids)) / len(ids))
        metrics["completions/distinct_2grams"].append(sum(map(distinct, groups)) / len(groups))
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> dict[str, Any]:
        output = super()._generate_and_score_completions(inputs)
        if self.state.global_step % _METRIC_INTERVAL == 0:
            self._log_policy(output)
        # With a KL weight, every answer has a gradient.
        return output if self.beta else self._with_advantage(output)

    def _with_advantage(self, output: dict[str, Any]) -> dict[str, Any]:
        """The answers with an advantage, padded with others to a multiple of the passes per step.

        The loss sums over tokens and divides by the token count of all answers, which is unchanged.
        """
        parts = cast("Any", self.args).steps_per_generation
        order = (output["advantages"] == 0).int().argsort(stable=True)
        wanted = int((output["advantages"] != 0).sum())
        kept = order[: max(1, -(-wanted // parts)) * parts]
        return {
            name: value[kept] if isinstance(value, torch.Tensor) and value.ndim else value
            for name, value in output.items()
        }

    def _log_policy(self, output: dict[str, Any]) -> None:
        """Log entropy and KL to the model without its adapter, per token, from some answers."""
        few = slice(None, None, max(1, len(output["completion_ids"]) // _METRIC_ANSWERS))
        ids = torch.cat([output["prompt_ids"], output["completion_ids"]], dim=1)[few]
        mask = torch.cat([output["prompt_mask"], output["completion_mask"]], dim=1)[few]
        counted = output["completion_mask"][few]
        model, metrics = self.accelerator.unwrap_model(self.model), self._metrics["train"]
        with torch.no_grad(), preserved_state(model, self._tokenizer):
            model.eval()
            now, entropies = self._pass(ids, mask, counted.size(1))
            metrics["sampled_entropy"].append(_mean(entropies, counted))
            if self._adapted and not self.beta:
                with model.disable_adapter():
                    gap = self._pass(ids, mask, counted.size(1))[0] - now
                # The k3 estimator, as in TRL: never negative, low variance.
                metrics["kl"].append(_mean(gap.exp() - gap - 1, counted))

    def _pass(self, ids: torch.Tensor, mask: torch.Tensor, length: int) -> list[torch.Tensor]:
        """The log probability and the entropy at each token of the answers."""
        size = self.args.per_device_train_batch_size
        logps, entropies, *_ = self._get_per_token_logps_and_entropies(
            self.model, ids, mask, length, batch_size=size, compute_entropy=True
        )
        return [logps, entropies]


def _mean(values: torch.Tensor, counted: torch.Tensor) -> float:
    return ((values * counted).sum() / counted.sum().clamp(min=1)).item()


def repeated(ids: Sequence[int], n: int = 4) -> float:
    """The share of an answer's n-grams that are repeats; near 1 for degenerate loops."""
    grams = [tuple(ids[i : i + n]) for i in range(len(ids) - n + 1)]
    return 1 - len(set(grams)) / len(grams) if grams else 0.0


def distinct(answers: Sequence[Sequence[int]], n: int = 2) -> float:
    """The share of distinct n-grams among some answers; low if the answers are alike."""
    grams = [tuple(ids[i : i + n]) for ids in answers for i in range(len(ids) - n + 1)]
    return len(set(grams)) / len(grams) if grams else 1.0
