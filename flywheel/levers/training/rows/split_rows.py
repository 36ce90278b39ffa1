"""Rows of the train split: an item asked, answered by its gold answer, or with a wrong one too."""

from __future__ import annotations

from flywheel.data.rows.messages import read_messages
from flywheel.data.rows.training_row import Message, TrainingRow
from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.evalset.items import Item


def asked(evalset: Evalset, item: Item) -> TrainingRow:
    """The item's prompt, to be answered by the model."""
    messages = read_messages(evalset.ask(item), ())
    tools, where = evalset.definition.tools, _where(evalset, item)
    return TrainingRow("reward", messages, tools=tools, item=item, where=where)


def answered(evalset: Evalset, item: Item) -> TrainingRow:
    """The item's prompt with its gold answer."""
    messages = read_messages(evalset.ask(item), ())
    answer = Message("assistant", evalset.gold(item))
    tools, where = evalset.definition.tools, _where(evalset, item)
    return TrainingRow("sft", (*messages, answer), tools=tools, item=item, where=where)


def _where(evalset: Evalset, item: Item) -> str:
    return f"{evalset.split('train').path.name}:{item.get('id', '?')}"


def pair_of(row: TrainingRow, wrong: str) -> TrainingRow:
    """A row whose answer is preferred to a wrong one."""
    return TrainingRow(
        "preference",
        row.prompt,
        chosen=row.answers[0],
        rejected=Message("assistant", wrong),
        tools=row.tools,
        item=row.item,
        where=row.where,
    )
