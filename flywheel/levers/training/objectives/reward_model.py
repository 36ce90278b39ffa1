# pyright: standard
"""A reward model: one number for an answer, higher for the chosen of two.

It writes no text, so there are no exams and the last checkpoint is the result. A grader of the type
`reward_model` asks it then, in evals and as the reward of an RFT, and it learns from conversations
just as that grader writes them. A pair of which an answer does not fit is left out: an answer cut
short is no worse than a whole one by what it says.
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

# The weight of the mean number's square: the loss itself fixes differences only, and the logistic
# function that graders put the numbers through has its middle at 0.
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
        found = pairs(setup.base, setup.rows, setup.numbers.max_length)
        return RewardTrainer(args=arguments, **setup.kwargs(Dataset.from_list(found)))


def pairs(base: Base, rows: Sequence[TrainingRow], max_length: int) -> list[dict[str, list[int]]]:
    """chosen_ids and rejected_ids of each pair whose answers end within `max_length` tokens.

    Raises NothingToLearn when there is none, and NotTrainable with the row's place.
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
            f"no pair of answers that differ fits into max_length {max_length} tokens; raise"
            " max_length, or give other pairs"
        )
    return made


def _ids(reader: Reader, row: TrainingRow, answer: Message) -> list[int]:
    said = [message.as_json() for message in (*row.prompt, answer)]
    turns = [{key: value for key, value in turn.items() if key != "weight"} for turn in said]
    try:
        return reader.ids(turns, row.tools)
    except NoPrompt as error:
        raise NotTrainable(f"{row.where}: {error}") from None


def _until(ids: Sequence[int], end: int) -> int:
    """How many tokens there are up to the last one that ends a turn."""
    return next((i for i in range(len(ids), 0, -1) if ids[i - 1] == end), len(ids))
