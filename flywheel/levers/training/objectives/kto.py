# pyright: standard
"""Unpaired preferences (KTO): good answers become likelier, bad ones less likely."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from flywheel.data.rows.training_row import Kind, TrainingRow
from flywheel.levers.training.arguments import common
from flywheel.levers.training.config import Auto, Beta, Rates, Setup, TrainingConfig
from flywheel.levers.training.rows.masks import NothingToLearn, answer_ids
from flywheel.levers.training.rows.preferences import drop_copy, reference


class KTO(TrainingConfig, frozen=True):
    """Labelled answers from a file; a preference pair counts as one good and one bad answer.

    A large `beta` keeps the model near its initial state.
    """

    lever: Literal["kto"] = "kto"
    loss: Literal["kto", "apo_zero_unpaired"] | None = None
    beta: Beta | Auto = "auto"

    row_kinds: ClassVar[tuple[Kind, ...]] = ("unpaired", "preference")
    row_format: ClassVar[str] = "prompt, completion and label, or a prompt with chosen and rejected"
    learns_split: ClassVar[bool] = False
    rates: ClassVar[Rates] = Rates(adapter=(5e-4, 2e-5), full=(1e-4, 1e-6))

    def own_numbers(self, answer: int | None) -> Mapping[str, tuple[float, str]]:
        """The default for beta."""
        return {"beta": (0.1, "usual for this loss")}

    def file_rows(self, rows: list[TrainingRow]) -> list[TrainingRow]:
        """One row per answer."""
        return [one for row in rows for one in _labelled(row)]

    def trainer(self, setup: Setup) -> Any:
        """The trainer for labelled answers. Raises NothingToLearn if all labels are the same."""
        from datasets import Dataset
        from trl.trainer.kto_config import KTOConfig
        from trl.trainer.kto_trainer import KTOTrainer

        class Labelled(KTOTrainer):
            def _prepare_dataset(self, dataset: Any, *rest: Any, **more: Any) -> Any:
                return dataset

        arguments = KTOConfig(
            **common(setup.numbers, self.seed, setup.folder),
            beta=setup.numbers.own["beta"],
            max_length=setup.numbers.max_length,
            loss_type=self.loss or "kto",
            # `_tokens` shuffles the rows; each is then paired with its neighbour's answer.
            train_sampling_strategy="sequential",
        )
        dataset = Dataset.from_list(self._tokens(setup))
        trainer = Labelled(args=arguments, ref_model=reference(setup.base), **setup.kwargs(dataset))
        drop_copy(trainer.model)
        return trainer

    def _tokens(self, setup: Setup) -> list[dict[str, Any]]:
        made: list[dict[str, Any]] = []
        template, numbers = setup.base.template, setup.numbers
        for row in setup.rows:
            prompt, answer = answer_ids(row, row.answers[0], template, numbers.max_length)
            if answer:
                made.append({"prompt_ids": prompt, "completion_ids": answer, "label": row.label})
        labels = {row["label"] for row in made}
        if len(labels) < 2:
            raise NothingToLearn(
                f"all labels are {labels or 'missing'}; kto needs both good and bad answers"
            )
        random.Random(self.seed).shuffle(made)
        for first in range(0, len(made), numbers.batch_size):
            batch = made[first : first + numbers.batch_size]
            # The KL term is estimated from the answer to another prompt.
            for index, row in enumerate(batch):
                row["KL_completion_ids"] = batch[index - 1]["completion_ids"]
        return made


def _labelled(row: TrainingRow) -> list[TrainingRow]:
    """A pair as two labelled rows; a labelled row unchanged."""
    if row.kind != "preference":
        return [row]
    return [
        TrainingRow("unpaired", (*row.prompt, answer), label=good, tools=row.tools, where=row.where)
        for answer, good in zip(row.answers, (True, False), strict=True)
    ]
