"""Training rows from items of the train split: prompts, gold answers and preference pairs."""

from __future__ import annotations

from dataclasses import replace

from flywheel.data.rows.messages import read_messages
from flywheel.data.rows.training_row import Message, TrainingRow
from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.evalset.items import Item


def asked(evalset: Evalset, item: Item) -> TrainingRow:
    """The item's prompt without an answer."""
    messages = read_messages(evalset.ask(item), ())
    where = f"{evalset.split('train').path.name}:{item.get('id', '?')}"
    return TrainingRow("reward", messages, tools=evalset.definition.tools, item=item, where=where)


def answered(evalset: Evalset, item: Item) -> TrainingRow:
    """The item's prompt with its gold answer."""
    row, answer = asked(evalset, item), Message("assistant", evalset.gold(item))
    return replace(row, kind="sft", messages=(*row.messages, answer))


def pair_of(row: TrainingRow, wrong: str) -> TrainingRow:
    """A preference row: the row's answer is chosen, the wrong one rejected."""
    chosen, rejected = row.answers[0], Message("assistant", wrong)
    return replace(row, kind="preference", messages=row.prompt, chosen=chosen, rejected=rejected)
