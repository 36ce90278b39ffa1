"""From items to requests: what is asked, and the name under which the answer is cached."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import NamedTuple

from flywheel.evals.evalset.items import Item
from flywheel.evals.run.plan import Plan
from flywheel.samplers.sampler import Request


class Pair(NamedTuple):
    """One item of the plan, for one of its repeats; `text` is its line.

    `key` is what the cache knows the answer by.
    """

    position: int
    repeat: int
    item: Item
    text: str
    item_digest: str
    key: str


def pairs(plan: Plan, done: bytes) -> Iterator[Pair]:
    """What is left of the plan, item by item.

    `done` has a byte for each pair, at position * repeats + repeat, 1 when it is finished. An item
    of which nothing is left is not even parsed.
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
    """What the model is asked. Each repeat has a seed of its own, so that repeats may differ."""
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
