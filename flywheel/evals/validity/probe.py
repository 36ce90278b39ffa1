"""What a probe is, and what probes are made of."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from flywheel.evals.evalset.evalset import Evalset
from flywheel.evals.evalset.items import Item
from flywheel.evals.validity.golds import Path, apart, leaves, read_json
from graders.grader import Grader
from graders.sample import Sample

_MOST_LABELS = 12
Wanted = Literal["pass", "fail", "look"]


@dataclass(frozen=True)
class Material:
    """Some items of an evalset with their gold answers: what probes are made of."""

    evalset: Evalset
    items: tuple[Item, ...]
    seed: int = 0

    @cached_property
    def golds(self) -> tuple[str, ...]:
        """The gold answers, in the order of the items."""
        return tuple(self.evalset.gold(item) for item in self.items)

    @cached_property
    def counts(self) -> Counter[str]:
        """How often each gold answer occurs."""
        return Counter(self.golds)

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Every gold answer, where they are a few labels; else nothing."""
        few = 1 < len(self.counts) <= min(_MOST_LABELS, len(self.golds) // 2)
        return tuple(sorted(self.counts)) if few else ()

    @cached_property
    def fields(self) -> dict[Path, Counter[str | int | float | bool | None]]:
        """How often each value occurs at each place of the golds that are JSON."""
        found: dict[Path, Counter[str | int | float | bool | None]] = {}
        for gold in self.golds:
            value = read_json(gold)
            for path, leaf in (leaves(value) if value is not None else {}).items():
                found.setdefault(path, Counter())[leaf] += 1
        return found

    @cached_property
    def shared(self) -> frozenset[int]:
        """The items for which every other gold answer has something in common with their own."""
        others = [self.other(at) for at in range(len(self.golds))]
        pairs = zip(others, self.golds, strict=True)
        return frozenset(
            at for at, (o, gold) in enumerate(pairs) if o is not None and not apart(o, gold)
        )

    def random(self, name: str, at: int) -> random.Random:
        """The random numbers of one probe on one item: the same at every check."""
        return random.Random(f"{self.seed}/{name}/{at}")

    def other(self, at: int) -> str | None:
        """Another item's gold: the next with nothing in common, else the next that differs."""
        mine, count = self.golds[at], len(self.golds)
        following = [self.golds[(at + step) % count] for step in range(1, count)]
        differing = [gold for gold in following if gold != mine]
        return next((g for g in differing if apart(g, mine)), next(iter(differing), None))


Make = Callable[[Material, Grader, int], Sequence[Sample]]


@dataclass(frozen=True, slots=True)
class Probe:
    """Answers whose verdict is known beforehand.

    - `wanted`: they must pass, they must fail, or one may look how they fare.
    - `why` says why. `lacks` is what an evalset or grader lacks where none can be made.
    - `content`: they look like a right answer, so some credit is no fault.
    - `sure`: they are made of another item's answer, so luck does not explain that one passes.
    - `options`: they can also occur where a model chooses from options.
    """

    name: str
    wanted: Wanted
    why: str
    make: Make
    lacks: str = ""
    content: bool = False
    sure: bool = False
    options: bool = False


def text(made: Callable[[Material, int], str | None]) -> Make:
    """A probe that is one text an item, or none."""

    def make(material: Material, grader: Grader, at: int) -> Sequence[Sample]:
        del grader
        answer = made(material, at)
        return [] if answer is None else [Sample(material.items[at], answer)]

    return make
