"""The rows that a training learns from: a file, or the evalset's train split as it stands.

Without a file, SFT learns the gold answers, RFT tries the items, and DPO prefers the gold answer
to one with a single field wrong; which field, and with whose value, is drawn by the seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any, cast

from flywheel.data.rows.messages import read_messages
from flywheel.data.rows.training import read_training
from flywheel.data.rows.training_row import Kind, Message, TrainingRow
from flywheel.errors import BadFile, BadOption
from flywheel.evals.evalset.evalset import Evalset, load_evalset
from flywheel.evals.evalset.items import Item
from flywheel.levers.training.config import Lever, TrainConfig
from graders.text.strict_json import dump_json, parse_json

FEWEST = 10
_KINDS: Mapping[Lever, tuple[Kind, ...]] = {
    "sft": ("sft",),
    "dpo": ("preference",),
    "kto": ("unpaired", "preference"),
    "rft": ("reward",),
    "reward": ("preference",),
    "pretrain": ("text",),
}
_FORMATS: Mapping[Lever, str] = {
    "sft": "a conversation that ends with the assistant's turn",
    "dpo": "a prompt with chosen and rejected",
    "kto": "prompt, completion and label, or a prompt with chosen and rejected",
    "rft": "messages that end with the user's turn",
    "reward": "a prompt with chosen and rejected",
    "pretrain": "text",
}


class TooFewRows(BadFile):
    """So few rows that a training could only learn them by heart."""


def training_rows(config: TrainConfig) -> list[TrainingRow]:
    """Every row, checked. Raises BadFile with its place, TooFewRows, or BadOption.

    With `pairs: sampled` they are the gold answers, which still want a wrong one beside them.
    """
    rows = _from_file(config) if config.data else _from_split(config)
    if len(rows) < FEWEST:
        where = config.data or f"the train split of {config.evalset}"
        raise TooFewRows(
            f"{where}: {len(rows)} rows; a training needs at least {FEWEST}, so add some"
        )
    return rows


def _from_file(config: TrainConfig) -> list[TrainingRow]:
    assert config.data is not None
    training = read_training(config.data)
    if training.format.kind not in _KINDS[config.lever]:
        raise BadFile(
            f"{config.data}: its rows are {training.format.name}; {config.lever} wants"
            f" {_FORMATS[config.lever]}"
        )
    rows = list(islice(training.rows, config.rows))
    if config.lever == "kto" and training.format.kind == "preference":
        return [one for row in rows for one in _unpaired(row)]
    return rows


def _unpaired(row: TrainingRow) -> list[TrainingRow]:
    """A pair as two rows: a good answer and a bad one."""
    return [
        TrainingRow("unpaired", (*row.prompt, answer), label=good, tools=row.tools, where=row.where)
        for answer, good in zip(row.answers, (True, False), strict=True)
    ]


def _from_split(config: TrainConfig) -> list[TrainingRow]:
    evalset = load_evalset(config.evalset)
    items = list(islice(evalset.split("train"), config.rows))
    if config.lever == "rft":
        return [_asked(evalset, item) for item in items]
    gold = [_answered(evalset, item) for item in items]
    return minimal_pairs(gold, config.seed) if config.pairs == "minimal" else gold


def _asked(evalset: Evalset, item: Item) -> TrainingRow:
    messages = read_messages(evalset.ask(item), ())
    return TrainingRow(
        "reward", messages, tools=evalset.definition.tools, item=item, where=_where(evalset, item)
    )


def _answered(evalset: Evalset, item: Item) -> TrainingRow:
    messages = read_messages(evalset.ask(item), ())
    answer = Message("assistant", evalset.gold(item))
    return TrainingRow(
        "sft",
        (*messages, answer),
        tools=evalset.definition.tools,
        item=item,
        where=_where(evalset, item),
    )


def _where(evalset: Evalset, item: Item) -> str:
    return f"{evalset.split('train').path.name}:{item.get('id', '?')}"


def minimal_pairs(rows: Sequence[TrainingRow], seed: int) -> list[TrainingRow]:
    """Each gold answer, preferred to itself with one field wrong. Raises BadOption.

    Answers are JSON objects. A field whose values vary little is drawn more often, since there a
    wrong value is plausible: its weight is one over the number of its values. The wrong value is
    one that the field has in other rows, as often as it has it; a field that is another in nearly
    every row is copied, not chosen, and stays as it is.
    """
    golds = [_object(row) for row in rows]
    values: dict[str, Counter[str]] = {}
    for gold in golds:
        for key, value in gold.items():
            values.setdefault(key, Counter())[dump_json(value)] += 1
    weights = {
        key: 1 / len(found) for key, found in values.items() if 1 < len(found) <= len(rows) / 2
    }
    if not weights:
        raise BadOption("no field of the gold answers has values to choose from; give dpo data")
    draw = random.Random(seed)
    pairs: list[TrainingRow] = []
    for row, gold in zip(rows, golds, strict=True):
        wrong = _with_one_wrong(gold, values, weights, draw)
        if wrong is not None:
            pairs.append(pair_of(row, dump_like(row.answers[0].text, wrong)))
    return pairs


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


def _with_one_wrong(
    gold: Mapping[str, Any],
    values: Mapping[str, Counter[str]],
    weights: Mapping[str, float],
    draw: random.Random,
) -> dict[str, Any] | None:
    keys = [key for key in gold if key in weights]
    if not keys:
        return None
    (key,) = draw.choices(keys, [weights[key] for key in keys])
    others = {text: n for text, n in values[key].items() if text != dump_json(gold[key])}
    (text,) = draw.choices(list(others), list(others.values()))
    return {**gold, key: parse_json(text)}


def dump_like(gold: str, value: Mapping[str, Any]) -> str:
    """JSON with the blanks that the gold answer has, so that only the field tells them apart."""
    import json

    ways = ((", ", ": "), (",", ":"))
    parsed = parse_json(gold)
    for ways_of in ways:
        if json.dumps(parsed, separators=ways_of, ensure_ascii=False) == gold:
            return json.dumps(value, separators=ways_of, ensure_ascii=False)
    return json.dumps(value, indent=2 if "\n" in gold else None, ensure_ascii=False)


def _object(row: TrainingRow) -> dict[str, Any]:
    try:
        value = parse_json(row.answers[0].text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise BadOption(
            f"{row.where}: minimal pairs are made of gold answers that are JSON objects, got"
            f" {row.answers[0].text!r:.80}; use pairs: sampled, or give dpo data"
        )
    return cast("dict[str, Any]", value)
