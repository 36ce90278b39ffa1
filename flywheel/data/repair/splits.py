"""Seeded choices of rows: splits by group, balanced classes and mixtures."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from random import Random
from typing import Literal

from flywheel.errors import BadOption

Balance = Literal["over", "under"]


def split_groups(groups: Sequence[Hashable], shares: Sequence[float], seed: int) -> list[int]:
    """The part of each row; rows of one group are in one part.

    Greedy: the largest groups are placed first, each in the part that lacks the most rows. Raises
    BadOption if a part would be empty.
    """
    sizes = Counter(groups)
    order = list(sizes)
    Random(f"{seed} split").shuffle(order)
    order.sort(key=lambda group: -sizes[group])
    missing = [share * len(groups) for share in shares]
    part_of: dict[Hashable, int] = {}
    for group in order:
        part = max(range(len(shares)), key=missing.__getitem__)
        part_of[group] = part
        missing[part] -= sizes[group]
    if len(set(part_of.values())) < len(shares):
        raise BadOption(
            f"{len(sizes)} groups of {len(groups)} rows cannot fill {len(shares)} parts; split by"
            " a field with more values, or into fewer parts"
        )
    return [part_of[group] for group in groups]


def balanced(classes: Sequence[Hashable], how: Balance, seed: int) -> list[int]:
    """Row indices for which all classes are equally frequent.

    `over`: every row, with rows of rarer classes repeated up to the size of the largest class.
    `under`: from each class, as many random rows as the rarest class has.
    """
    rows: dict[Hashable, list[int]] = defaultdict(list)
    for index, name in enumerate(classes):
        rows[name].append(index)
    random = Random(f"{seed} balance")
    counts = [len(indices) for indices in rows.values()]
    if how == "under":
        least = min(counts, default=0)
        drawn = [index for indices in rows.values() for index in random.sample(indices, least)]
        return sorted(drawn)
    most = max(counts, default=0)
    again: list[int] = []
    for indices in rows.values():
        whole, rest = divmod(most - len(indices), len(indices))
        again += indices * whole + random.sample(indices, rest)
    random.shuffle(again)
    return [*range(len(classes)), *again]


def mixture(rows: int, others: Sequence[tuple[int, float]], seed: int) -> list[list[int]]:
    """Row indices of each source that make up its share of the total; `rows` is the task's count.

    `others` are (number of rows, share). A source with too few rows gives all of them; no row is
    repeated.
    """
    own = 1 - sum(share for _, share in others)
    if own <= 0 or any(share <= 0 for _, share in others):
        raise BadOption("the shares of --mix must be above 0, with a sum below 1")
    random = Random(f"{seed} mix")
    return [
        random.sample(range(count), min(count, round(rows * share / own)))
        for count, share in others
    ]
