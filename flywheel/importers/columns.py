"""The data of an imported run as columns, about a hundred bytes per verdict. Texts are spooled."""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from flywheel.importers.verdict import Source
from flywheel.store.rows.digest import canonical_json

# Columns with positions in the spool, which also holds the texts of other runs.
_PLACES = ("output", "error", "reason")


def _longs() -> array[int]:
    return array("q")


def _doubles() -> array[float]:
    return array("d")


@dataclass
class Samples:
    """The samples of a run, one column per field. -1 and NaN mean missing."""

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
    """The verdicts of a run, one column per field. A NaN `score` is ungraded; -1 is unknown."""

    sample: array[int] = field(default_factory=_longs)
    grader: array[int] = field(default_factory=lambda: array("H"))
    score: array[float] = field(default_factory=_doubles)
    passed: array[int] = field(default_factory=lambda: array("b"))
    reason: array[int] = field(default_factory=_longs)
    error: array[int] = field(default_factory=_longs)


@dataclass
class ImportedEvalset:
    """An evalset reconstructed from a file; graders are in the order of their first verdict."""

    name: str
    graders: dict[str, int] = field(default_factory=dict[str, int])
    grouped: bool = False
    primary: str = ""

    @property
    def definition(self) -> Mapping[str, Any]:
        """The definition. Runs of two files are comparable if their definitions are equal."""
        graders = [imported_grader(name) for name in sorted(self.graders)]
        definition = {"name": self.name, "graders": graders, "primary": self.primary}
        return {**definition, "group": "group"} if self.grouped else definition


def imported_grader(name: str) -> dict[str, str]:
    """The definition of a grader of another harness, of which only the name is known."""
    return {"type": "imported", "name": name}


@dataclass
class Run:
    """One run. `items` maps names to positions, in the order of their first appearance.

    `contents` and `faults` are positions in the spool: the content of an item (-1 for none), and
    the reason why a sample has no verdicts. `texts` is the digest of all texts. The other fields
    after `faults` are only used while reading.
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
        """The number of distinct repeats."""
        return len(set(self.samples.repeat))

    @property
    def ungraded(self) -> int:
        """The number of verdicts without a score."""
        return sum(1 for score in self.verdicts.score if score != score)

    def content(self) -> str:
        """The digest of the run's content, which identifies it when it is imported again."""
        hasher = self.texts.copy()
        for name, group in zip(self.items, self.groups, strict=True):
            hasher.update(f"{name}\0{group}\0".encode("utf-8", "surrogatepass"))
        for columns in (self.samples, self.verdicts):
            for name, column in vars(columns).items():
                if name not in _PLACES:
                    hasher.update(column)
        source = self.source
        names = [source.run, source.evalset, source.split, source.model, list(source.prompt)]
        text = canonical_json([names, list(self.evalset.graders), self.evalset.definition])
        hasher.update(text.encode("utf-8", "surrogatepass"))
        return hasher.hexdigest()
