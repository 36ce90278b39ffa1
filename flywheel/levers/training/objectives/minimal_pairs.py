"""Minimal pairs: each gold answer preferred to a copy with one wrong field."""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, cast

from flywheel.data.rows.training_row import TrainingRow
from flywheel.errors import BadOption
from flywheel.levers.training.rows.split_rows import pair_of
from graders.text.strict_json import dump_json, parse_json


def minimal_pairs(rows: Sequence[TrainingRow], seed: int) -> list[TrainingRow]:
    """Each gold answer preferred to a copy with one wrong field. Raises BadOption.

    Answers must be JSON objects. A field is drawn with weight 1 / (number of its distinct values),
    since a wrong value is more plausible if there are few. The wrong value is drawn from the
    field's values in other rows, by frequency. A field that differs in nearly every row is copied
    from the prompt rather than chosen, and is never changed.
    """
    golds = [_object(row) for row in rows]
    values: dict[str, Counter[str]] = {}
    for gold in golds:
        for key, value in gold.items():
            values.setdefault(key, Counter())[dump_json(value)] += 1
    weights = {
        key: 1 / len(counts) for key, counts in values.items() if 1 < len(counts) <= len(rows) / 2
    }
    if not weights:
        raise BadOption("no field of the gold answers has repeated values; set data for dpo")
    draw = random.Random(seed)
    pairs: list[TrainingRow] = []
    for row, gold in zip(rows, golds, strict=True):
        wrong = _with_one_wrong(gold, values, weights, draw)
        if wrong is not None:
            pairs.append(pair_of(row, dump_like(row.answers[0].text, wrong)))
    return pairs


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
    """JSON formatted like the gold answer, so that the two differ only in the field."""
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
            f"{row.where}: minimal pairs need gold answers that are JSON objects, got"
            f" {row.answers[0].text!r:.80}; use pairs: sampled, or set data"
        )
    return cast("dict[str, Any]", value)
