"""Which rows go where: splits by group, balanced classes, mixtures. Seeded: the same every time."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from random import Random
from typing import Literal

from flywheel.errors import BadOption

Balance = Literal["over", "under"]


def split_groups(groups: Sequence[Hashable], shares: Sequence[float], seed: int) -> list[int]:
    """For each row the part that it goes to; rows of one group go to one part.

    The largest groups are placed first, each where most is missing, so that the parts come as near
    to their shares as the groups allow. Raises BadOption when a part would stay empty.
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
            f"{len(sizes)} groups cannot fill {len(shares)} parts of {len(groups)} rows; split by"
            " a finer field, or in fewer parts"
        )
    return [part_of[group] for group in groups]


def balanced(classes: Sequence[Hashable], how: Balance, seed: int) -> list[int]:
    """The rows, by index, that make all classes equally frequent.

    `over`: every row, and the rarer classes again until they are as many as the most frequent.
    `under`: of each class as many as the rarest has, drawn at random.
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
    """Which rows of each other source make up its share of the whole; `rows` are the task's own.

    `others` are (how many rows it has, its share). A source with too few rows gives all it has,
    and none is given twice.
    """
    own = 1 - sum(share for _, share in others)
    if own <= 0 or any(share <= 0 for _, share in others):
        raise BadOption("the shares of --mix are above 0 and leave something for the file itself")
    random = Random(f"{seed} mix")
    return [
        random.sample(range(count), min(count, round(rows * share / own)))
        for count, share in others
    ]
