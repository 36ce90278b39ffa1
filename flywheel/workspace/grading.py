"""Grading without a store: samples, files of samples, and the graders themselves."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from flywheel.engines.budget import BudgetSpent
from flywheel.engines.engine import Engine, EngineSpec
from flywheel.engines.needs import check_needs
from flywheel.engines.open import open_engine
from flywheel.errors import BadOption
from flywheel.evals.evalset.evalset import Evalset, split_named
from flywheel.evals.evalset.grader_files import load_grader
from flywheel.evals.grading.grade import Verdict, grade_samples
from flywheel.evals.grading.grade_file import grade_file, open_job
from flywheel.evals.grading.python_sources import check_sources
from flywheel.evals.results.summary import Summary
from flywheel.evals.validity.check import (
    GraderCheck,
    check_graders,
    default_most,
    draw_items,
    judge_calls,
)
from flywheel.evals.validity.probe import Material
from flywheel.synchronous import result_of
from graders.asks import Answer, Ask, Failed
from graders.grader import Grader
from graders.sample import Sample
from graders.ungraded import Kind

# How many asks go to the engine before the budget is checked again.
_AT_ONCE = 32


class _Limited:
    """Answers asks until the budget is spent; later asks fail, so their samples are ungraded."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._spent: BudgetSpent | None = None

    async def answer(self, asks: Sequence[Ask]) -> list[Answer]:
        """An answer to every ask, in order. Raises BadOption for an answer without a price."""
        if self._engine.spec.max_cost is None:
            return await self._engine.answer(asks)
        answers: list[Answer] = []
        while left := asks[len(answers) :]:
            if self._spent:
                return answers + [Failed(Kind.OTHER, "max_cost", str(self._spent))] * len(left)
            answers += await self._engine.answer(left[:_AT_ONCE])
            try:
                self._engine.check_budget()
            except BudgetSpent as spent:
                self._spent = spent
        return answers

    def check(self, left: str) -> None:
        """Raise BudgetSpent, with what is left to do, if any ask was not sent."""
        if self._spent:
            raise BudgetSpent(f"{self._spent}; {left}")


def grade(
    grader: Grader, samples: Sequence[Sample], spec: EngineSpec | None = None
) -> list[Verdict]:
    """For every sample its grade, or the reason why it is ungraded."""
    spec = spec or EngineSpec()
    with open_engine(spec) as engine:
        check_needs([grader], spec)
        return result_of(grade_samples(grader, samples, engine))


def grade_rows(
    grader: Grader,
    rows: Path,
    out: Path,
    spec: EngineSpec,
    progress: Callable[[int], Callable[[int], None]],
) -> Summary:
    """Grade every row of a file into another file. `progress` gets the total, then counts."""
    with open_engine(spec) as engine:
        check_needs([grader], spec)
        job = open_job(rows, out, spec.workers or os.cpu_count() or 1)
        limited = _Limited(engine)
        summary = grade_file(grader, job, limited, progress(job.count))
        limited.check(f"{out} has {summary.graded:,} verdicts, its other rows are ungraded")
        return summary


def check_definition(path: Path, spec: EngineSpec) -> Grader:
    """The grader of a file, after a check that its definition and its Python sources load."""
    with open_engine(spec) as engine:
        grader = load_grader(path)
        check_sources(path, grader, engine)
        return grader


def check_evalset(
    evalset: Evalset,
    split: str,
    most: int | None,
    spec: EngineSpec,
    say: Callable[[str], object] = lambda text: None,
) -> list[GraderCheck]:
    """Probe the graders of an evalset; `say` gets a line with the number of judge requests."""
    chosen = split_named(split)
    with open_engine(spec) as engine:
        check_needs(evalset.graders, spec)
        items = draw_items(evalset, chosen, most or default_most(evalset.graders))
        if len(items) < 2:
            have = f"{evalset.name} {split} has {len(items)} items"
            raise BadOption(f"{have}; a check needs at least 2")
        material = Material(evalset, tuple(items))
        if calls := judge_calls(material, evalset.graders):
            say(f"The judge is asked {calls:,} times, for {len(items)} items; --most lowers that.")
        limited = _Limited(engine)
        checks = result_of(check_graders(material, evalset.graders, limited))
        limited.check("raise it, or check with fewer items (--most)")
        return checks
