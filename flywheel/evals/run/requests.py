"""From items to requests and their cache keys."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from flywheel.evals.evalset.items import Item
from flywheel.evals.run.plan import Plan
from flywheel.samplers.sampler import Request


class Pair(NamedTuple):
    """One item of the plan in one repeat; `text` is its line in the file.

    `key` is the cache key of the answer.
    """

    position: int
    repeat: int
    item: Item
    text: str
    item_digest: str
    key: str


def pairs(plan: Plan, done: bytes) -> Iterator[Pair]:
    """What is left of the plan, item by item.

    `done` has a byte for each pair, at position * repeats + repeat, 1 if it is finished. A finished
    item is not parsed.
    """
    same = plan.identity
    stem = f"{same['model']} {same['prompt']} {same['sampling']}"
    for position, number, line in plan.items.lines():
        if position == plan.count:
            return
        first = position * plan.repeats
        left = [r for r in range(plan.repeats) if not done[first + r]]
        if not left:
            continue
        item, item_digest = plan.read(number, line)
        text = line.strip().decode()
        for repeat in left:
            key = hashlib.sha256(f"{stem} {item_digest} {repeat}".encode()).hexdigest()
            yield Pair(position, repeat, item, text, item_digest, key)


def request(plan: Plan, pair: Pair) -> Request:
    """The request to the model. Each repeat has its own seed, so that repeats may differ."""
    sampling = dict(plan.sampling)
    if "seed" in sampling:
        sampling["seed"] = int(sampling["seed"]) + pair.repeat
    definition = plan.evalset.definition
    return Request(
        plan.model,
        plan.ask(pair.item),
        sampling,
        definition.response_schema,
        definition.tools,
        plan.evalset.options(pair.item),
        plan.evalset.gold(pair.item) if definition.reference_loss else None,
        pair.item,
    )
