# pyright: standard
"""A reward model: one score per answer, trained so that chosen answers score higher.

It generates no text, so there are no exams and the last checkpoint is the result. The grader type
`reward_model` uses it, in evals and as the reward of an RFT; training renders conversations as that
grader does. A pair with an answer longer than `max_length` is left out, since truncation would
change which answer is better.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, ClassVar, Literal

from flywheel.data.rows.training_row import Kind, Message, TrainingRow
from flywheel.levers.training.arguments import common
from flywheel.levers.training.config import Rates, Setup, TrainingConfig
from flywheel.levers.training.methods.base import Base
from flywheel.levers.training.rows.masks import NothingToLearn
from flywheel.levers.training.rows.template import NotTrainable
from flywheel.samplers.local.chat import NoPrompt
from flywheel.samplers.local.scoring.reward import Reader

# The weight of the squared mean score: the loss determines differences only, and the grader's
# logistic function is centred at 0.
_CENTER = 0.01


class Reward(TrainingConfig, frozen=True):
    """Pairs from a file, and a head that scores them."""

    lever: Literal["reward"] = "reward"

    row_kinds: ClassVar[tuple[Kind, ...]] = ("preference",)
    row_format: ClassVar[str] = "a prompt with chosen and rejected"
    learns_split: ClassVar[bool] = False
    rates: ClassVar[Rates] = Rates(adapter=(1e-3, 5e-5), full=(3e-4, 1e-5))
    scores: ClassVar[bool] = True

    def trainer(self, setup: Setup) -> Any:
        """The trainer for a base with a scoring head."""
        from datasets import Dataset
        from trl.trainer.reward_config import RewardConfig
        from trl.trainer.reward_trainer import RewardTrainer

        arguments = RewardConfig(
            **common(setup.numbers, self.seed, setup.folder),
            max_length=None,
            center_rewards_coefficient=_CENTER,
        )
        rows = pairs(setup.base, setup.rows, setup.numbers.max_length)
        return RewardTrainer(args=arguments, **setup.kwargs(Dataset.from_list(rows)))


def pairs(base: Base, rows: Sequence[TrainingRow], max_length: int) -> list[dict[str, list[int]]]:
    """chosen_ids and rejected_ids of each pair whose answers end within `max_length` tokens.

    Raises NothingToLearn if there is none, and NotTrainable with the row's location.
    """
    reader = Reader(base.tokenizer)
    made: list[dict[str, list[int]]] = []
    for row in rows:
        chosen, rejected = (_ids(reader, row, answer) for answer in row.answers)
        longest = max(_until(ids, base.template.end_id) for ids in (chosen, rejected))
        if longest <= max_length and chosen != rejected:
            made.append({"chosen_ids": chosen, "rejected_ids": rejected})
    if not made:
        raise NothingToLearn(
            f"no pair of different answers fits into max_length ({max_length} tokens); raise"
            " max_length, or use other pairs"
        )
    return made


def _ids(reader: Reader, row: TrainingRow, answer: Message) -> list[int]:
    messages = [message.as_json() for message in (*row.prompt, answer)]
    turns = [{key: value for key, value in turn.items() if key != "weight"} for turn in messages]
    try:
        return reader.ids(turns, row.tools)
    except NoPrompt as error:
        raise NotTrainable(f"{row.where}: {error}") from None


def _until(ids: Sequence[int], end: int) -> int:
    """The number of tokens up to the last end-of-turn token."""
    return next((i for i in range(len(ids), 0, -1) if ids[i - 1] == end), len(ids))
