# pyright: standard
"""Preference pairs: the chosen answer becomes likelier than the rejected one.

DPO and its variants use the initial model as a reference; ORPO and SimPO need none. Rows are
tokenized by masks.py instead of TRL, so that prompts are the same as in sampling.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self, cast

from pydantic import Field, model_validator

from flywheel.data.rows.training_row import Kind, TrainingRow
from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.evalset.items import Item
from flywheel.levers.training.arguments import common
from flywheel.levers.training.config import Auto, Beta, Rates, Setup, TrainingConfig
from flywheel.levers.training.objectives.minimal_pairs import minimal_pairs
from flywheel.levers.training.objectives.sampled_pairs import sampled_pairs
from flywheel.levers.training.rows.preferences import drop_copy, pair_tokens, reference
from flywheel.levers.training.rows.split_rows import answered

_BETAS = {"orpo": 0.1, "simpo": 2.0}
Loss = Literal[
    "sigmoid", "ipo", "hinge", "robust", "nca_pair", "apo_zero", "apo_down", "orpo", "simpo"
]


class DPO(TrainingConfig, frozen=True):
    """Pairs from a file, or made from the train split according to `pairs`.

    `minimal` rejects a gold answer with one wrong field, `sampled` a wrong answer of the model. A
    large `beta` keeps the model near its initial state. `sft_weight` adds the loss of the chosen
    answer.
    """

    lever: Literal["dpo"] = "dpo"
    pairs: Literal["minimal", "sampled"] | None = None
    loss: Loss | None = None
    beta: Beta | Auto = "auto"
    sft_weight: Annotated[float, Field(ge=0)] | Auto = "auto"

    row_kinds: ClassVar[tuple[Kind, ...]] = ("preference",)
    row_format: ClassVar[str] = "a prompt with chosen and rejected"
    rates: ClassVar[Rates] = Rates(adapter=(5e-4, 2e-5), full=(1e-4, 1e-6))

    @model_validator(mode="after")
    def _has_pairs(self) -> Self:
        if self.pairs is not None and self.data is not None:
            raise ValueError("dpo takes data or pairs, not both; remove one")
        if self.pairs is None and self.data is None:
            raise ValueError("dpo needs data (preference rows), or pairs: minimal or sampled")
        return self

    @property
    def has_reference(self) -> bool:
        """Whether the loss uses the initial model as a reference."""
        return self.loss not in _BETAS

    def own_numbers(self, answer: int | None) -> Mapping[str, tuple[float, str]]:
        """Defaults for beta and the weight of the chosen answer's loss."""
        weight = (0.0, "not used by this loss")
        if self.has_reference:
            weight = (0.1, "preserves the format of the answers")
        beta = (_BETAS.get(self.loss or "", 0.1), "usual for this loss")
        return {"beta": beta, "sft_weight": weight}

    def split_rows(self, evalset: Evalset, items: Sequence[Item]) -> list[TrainingRow]:
        """Minimal pairs, or the gold answers whose wrong ones are sampled later."""
        gold = [answered(evalset, item) for item in items]
        return minimal_pairs(gold, self.seed) if self.pairs == "minimal" else gold

    def sampled_rows(self, setup: Setup) -> Sequence[TrainingRow]:
        """The pairs; with `pairs: sampled` the rejected answers are sampled from the model."""
        if self.pairs != "sampled":
            return setup.rows
        pairs = sampled_pairs(self, setup)
        text = f"{len(pairs)} of {len(setup.rows)} items were answered wrongly"
        setup.progress.emit("notice", {"text": text})
        return pairs

    def trainer(self, setup: Setup) -> Any:
        """The trainer for pairs."""
        pairs = pair_tokens(setup.base, setup.rows, setup.numbers.max_length)
        arguments = {
            **common(setup.numbers, self.seed, setup.folder),
            "beta": setup.numbers.own["beta"],
            "max_length": setup.numbers.max_length,
        }
        build = self._with_reference if self.has_reference else self._without_reference
        return build(pairs, setup, arguments)

    def _with_reference(
        self, pairs: Sequence[Any], setup: Setup, arguments: Mapping[str, Any]
    ) -> Any:
        from datasets import Dataset
        from trl.trainer.dpo_config import DPOConfig
        from trl.trainer.dpo_trainer import DPOTrainer

        class Pairs(DPOTrainer):
            def _prepare_dataset(self, dataset: Any, *rest: Any, **more: Any) -> Any:
                return dataset

        loss, weight = self.loss or "sigmoid", setup.numbers.own["sft_weight"]
        config = DPOConfig(
            **arguments,
            loss_type=[loss, "sft"] if weight else [loss],
            loss_weights=[1.0, weight] if weight else None,
            label_smoothing=0.1 if loss == "robust" else 0.0,
        )
        dataset = Dataset.from_list(list(pairs))
        trainer = Pairs(args=config, ref_model=reference(setup.base), **setup.kwargs(dataset))
        drop_copy(trainer.model)
        return trainer

    def _without_reference(
        self, pairs: Sequence[Any], setup: Setup, arguments: Mapping[str, Any]
    ) -> Any:
        from datasets import Dataset

        if self.loss == "orpo":
            from trl.experimental.orpo import ORPOConfig as Config
            from trl.experimental.orpo import ORPOTrainer as Trainer

            own = {}
        else:
            from trl.experimental.cpo import CPOConfig as Config
            from trl.experimental.cpo import CPOTrainer as Trainer

            # SimPO does not have CPO's loss of the chosen answer.
            own = {"loss_type": "simpo", "cpo_alpha": 0.0}

        class Pairs(cast("Any", Trainer)):
            def tokenize_row(self, feature: Any, model: Any = None) -> dict[str, Any]:
                return _sequences(feature)

        # These trainers require text columns, although the rows are already tokenized.
        texts = {"prompt": "p", "chosen": "c", "rejected": "r"}
        dataset = Dataset.from_list([{**pair, **texts} for pair in pairs])
        config = Config(**arguments, remove_unused_columns=False, **own)
        return Pairs(args=config, **setup.kwargs(dataset))


def _sequences(pair: Mapping[str, Any]) -> dict[str, Any]:
    """A pair in these trainers' format: prompt and answer concatenated, with labels."""
    prompt = pair["prompt_ids"]
    made = {"prompt_input_ids": prompt, "prompt_attention_mask": [1] * len(prompt)}
    for name in ("chosen", "rejected"):
        answer = pair[f"{name}_ids"]
        made[f"{name}_input_ids"] = prompt + answer
        made[f"{name}_attention_mask"] = [1] * len(prompt + answer)
        made[f"{name}_labels"] = [-100] * len(prompt) + answer
    return made
