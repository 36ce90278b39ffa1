"""Columns: what was read of a run, some hundred bytes a verdict. Texts are in the spool."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel.importers.verdict import Source
from flywheel.store.rows.digest import canonical_json

# These columns say where a text is in the spool, which also holds those of other runs.
_PLACES = ("output", "error", "reason")


def _longs() -> array[int]:
    return array("q")


def _doubles() -> array[float]:
    return array("d")


@dataclass
class Samples:
    """The samples of a run, a column each. -1 and NaN stand for what was not said."""

    position: array[int] = field(default_factory=_longs)
    repeat: array[int] = field(default_factory=_longs)
    output: array[int] = field(default_factory=_longs)
    error: array[int] = field(default_factory=_longs)
    prompt_tokens: array[int] = field(default_factory=_longs)
    completion_tokens: array[int] = field(default_factory=_longs)
    cached_tokens: array[int] = field(default_factory=_longs)
    seconds: array[float] = field(default_factory=_doubles)
    price: array[float] = field(default_factory=_doubles)


@dataclass
class Verdicts:
    """The verdicts of a run, a column each. A `score` of NaN is ungraded, `passed` -1 unknown."""

    sample: array[int] = field(default_factory=_longs)
    grader: array[int] = field(default_factory=lambda: array("H"))
    score: array[float] = field(default_factory=_doubles)
    passed: array[int] = field(default_factory=lambda: array("b"))
    reason: array[int] = field(default_factory=_longs)
    error: array[int] = field(default_factory=_longs)


@dataclass
class ImportedEvalset:
    """An evalset as far as a file shows it: its graders, in the order of their first verdict."""

    name: str
    graders: dict[str, int] = field(default_factory=dict[str, int])
    grouped: bool = False
    primary: str = ""

    @property
    def definition(self) -> Mapping[str, Any]:
        """What makes scores comparable, and nothing else: two files that agree here compare."""
        graders = [imported_grader(name) for name in sorted(self.graders)]
        found = {"name": self.name, "graders": graders, "primary": self.primary}
        return {**found, "group": "group"} if self.grouped else found


def imported_grader(name: str) -> dict[str, str]:
    """The definition of a grader of another harness: nothing but its name is known."""
    return {"type": "imported", "name": name}


@dataclass
class Run:
    """One run. `items` gives positions by name, in the order of their first appearance.

    `contents` and `faults` are numbers in the spool: what else an item is (-1 for nothing), and
    why a sample has no verdicts. What stands below `faults` only serves the reading, but for
    `texts`, the digest of all texts.
    """

    source: Source
    evalset: ImportedEvalset
    items: dict[str, int] = field(default_factory=dict[str, int])
    groups: list[str | None] = field(default_factory=list[str | None])
    contents: array[int] = field(default_factory=_longs)
    samples: Samples = field(default_factory=Samples)
    verdicts: Verdicts = field(default_factory=Verdicts)
    faults: dict[int, int] = field(default_factory=dict[int, int])
    first: array[int] = field(default_factory=_longs)
    later: dict[int, int] = field(default_factory=dict[int, int])
    seen: dict[int, bytearray] = field(default_factory=dict[int, bytearray])
    group_names: dict[str, str] = field(default_factory=dict[str, str])
    texts: Any = field(default_factory=hashlib.sha256)

    @property
    def repeats(self) -> int:
        """How many different repeats there are."""
        return len(set(self.samples.repeat))

    @property
    def ungraded(self) -> int:
        """Verdicts without a score."""
        return sum(1 for score in self.verdicts.score if score != score)

    def content(self) -> str:
        """The digest of all that the run holds, by which it is known again."""
        found = self.texts.copy()
        for name, group in zip(self.items, self.groups, strict=True):
            found.update(f"{name}\0{group}\0".encode("utf-8", "surrogatepass"))
        for columns in (self.samples, self.verdicts):
            for name, column in vars(columns).items():
                if name not in _PLACES:
                    found.update(column)
        source = self.source
        said = [source.run, source.evalset, source.split, source.model, list(source.prompt)]
        told = canonical_json([said, list(self.evalset.graders), self.evalset.definition])
        found.update(told.encode("utf-8", "surrogatepass"))
        return found.hexdigest()
