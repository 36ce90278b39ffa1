"""evaluate: a local module of Hugging Face's `evaluate` as a grader. An extension beyond the wire.

    {"type": "evaluate", "module": "./metrics/json_exact", "result": "json_exact", "reference": ...}

`module` is a folder or a .py file on this machine; nothing is fetched from a hub. Its code runs
in this process, with no sandbox, so such a grader is for your own files: a service refuses it.
A run ties it to the module's bytes: a module that was edited since gives no verdict.
One import a line in the module: evaluate reads its import lines with a regular expression.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, Self, cast

from pydantic import Field, model_validator

from graders.asks import Answer
from graders.grader import DeclaredRange, Grade, Grader, Pins, Range, within
from graders.sample import Sample, Unreadable
from graders.text.comparable import ComparableGrader
from graders.ungraded import Kind, Ungraded


class EvaluateGrader(ComparableGrader):
    """Scores one answer: `compute(predictions=[input], references=[reference])`.

    `digest` is the content of the module; a run fills it in. `range` are the lowest and the highest
    result; one outside it is no verdict.
    """

    type: Literal["evaluate"] = "evaluate"
    module: str
    result: str
    pass_threshold: float = 0.5
    range: DeclaredRange = None
    digest: str | None = Field(default=None, pattern="^[0-9a-f]{64}$")

    @model_validator(mode="after")
    def _one_reference(self) -> Self:
        if not isinstance(self.reference, str):
            raise ValueError("an evaluate module takes one reference, not a list")
        return self

    def score_range(self) -> Range | None:
        """The range that it declares, if it does."""
        return self.range

    def packages(self) -> frozenset[str]:
        """What loads the module."""
        return frozenset({"evaluate"})

    def pinned(self, pins: Pins) -> Grader:
        """The same grader, tied to the content that its module has now."""
        del pins
        path = _path(self.module)
        if self.digest is not None or not path.exists():
            return self
        return self.model_copy(update={"digest": _digest(path)})

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """The value that the module gives under the name `result`."""
        (wanted,) = self.read_references(sample)
        try:
            text = self.read_input(sample)
        except Unreadable as error:
            return Grade(0.0, self.pass_threshold <= 0, str(error), parsed=False)
        score = within(self._score(text, wanted), self.range)
        return Grade(score, score >= self.pass_threshold, f"{self.result} {score:g}")

    def _score(self, text: str, wanted: str) -> float:
        metric = _load(self.module, self.digest)
        try:
            results: Any = metric.compute(predictions=[text], references=[wanted])
        except Exception as error:  # the module is the user's code and may raise anything
            story = f"{self.module} raised {type(error).__name__}: {error}"
            raise Ungraded(Kind.OTHER, story, "exception") from error
        if not results or self.result not in results:
            have = ", ".join(results or ["nothing"])
            raise Ungraded(Kind.OTHER, f"{self.module} gave no {self.result!r}, but {have}")
        score = float(results[self.result])
        if not math.isfinite(score):
            raise Ungraded(Kind.OTHER, f"{self.module} gave {score} as {self.result!r}")
        return score


@lru_cache(maxsize=32)
def _load(module: str, digest: str | None) -> Any:
    path = _path(module)
    if not path.exists():
        raise Ungraded(Kind.OTHER, f"no evaluate module at {module!r}; wanted a folder or .py file")
    if digest is not None and (now := _digest(path)) != digest:
        raise Ungraded(
            Kind.OTHER,
            f"the evaluate module {module!r} was edited since the run began (its sha256 was"
            f" {digest:.12}, is {now:.12}); put back what was there, or start a new run",
        )
    try:
        import evaluate
    except ImportError:
        raise Ungraded(Kind.OTHER, "the package evaluate is not installed") from None
    return cast("Any", evaluate).load(str(path.resolve()))


def _path(module: str) -> Path:
    return Path(module).expanduser()


def _digest(path: Path) -> str:
    """The sha256 of a module's files, with their names."""
    found = hashlib.sha256()
    for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
        found.update(f"{file.name} {hashlib.sha256(file.read_bytes()).hexdigest()}\n".encode())
    return found.hexdigest()
