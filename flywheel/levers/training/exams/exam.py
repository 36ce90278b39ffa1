# pyright: standard
"""An exam: an evaluation on dev with the current weights, graded as in any run.

Exams take place before the first step, every `eval_interval` steps and at the end. They alone, not
loss or reward, select the best checkpoint. Sampling uses the evalset's settings, so the first exam
measures what the baseline measured. An exam restores all state that it touches: a training with
exams ends with the same weights as one without.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace
from functools import cached_property

from flywheel.engines.engine import Answerer
from flywheel.errors import BadItem
from flywheel.evals.grading.grade import Verdict, grade_answered
from flywheel.evals.results.summary import Summary
from flywheel.evals.run.plan import Plan
from flywheel.evals.run.requests import Pair, pairs, request
from flywheel.jobs.progress import Progress
from flywheel.levers.training.exams.live import ask_live, grade_outputs
from flywheel.levers.training.exams.result import ExamResult, Scores
from flywheel.levers.training.exams.roles import Roles, span
from flywheel.levers.training.methods.base import Base
from flywheel.samplers.failures import reasons, summary
from flywheel.samplers.sampler import Output
from graders.grader import Grade, Grader
from graders.sample import Sample
from graders.ungraded import Ungraded


class Exam:
    """The exam of one training: a fixed set of dev items, evaluated repeatedly."""

    def __init__(
        self, plan: Plan, roles: Roles, engine: Answerer, samples: int | None = None, seed: int = 0
    ) -> None:
        """`samples` items are drawn with the seed, None for all; they stay in the file's order."""
        self.roles = roles
        self._plan = replace(plan, repeats=1)
        self._engine = engine
        self._pairs = _drawn(self._plan, samples, seed)
        self._graders = [grader for grader in plan.graders if grader.name in roles.asked]

    @property
    def n(self) -> int:
        """The number of items."""
        return len(self._pairs)

    def take(self, base: Base, step: int, progress: Progress | None = None) -> ExamResult:
        """Answer and grade every item with the current model, and restore the model's state.

        With rewards, the exam before the first step also grades the gold answers. Reports to
        `progress` how far it is and why answers are ungraded. Raises Stopped if it asks to stop.
        """
        began, progress = time.monotonic(), progress or Progress()
        name, asked = f"exam at step {step}", [request(self._plan, one) for one in self._pairs]

        def answered(count: int) -> None:
            progress.report(f"{name}: {count} of {self.n} answers")

        outputs = ask_live(base, self._plan.model, asked, progress, answered)
        scores: dict[str, Scores] = {}
        ungraded: dict[str, dict[str, int]] = {}
        for grader in self._graders:
            progress.report(f"{name}: grading by {grader.name}")
            verdicts = self._grade(grader, outputs, progress)
            scores[grader.name] = tuple(v.score if isinstance(v, Grade) else None for v in verdicts)
            missing = [v for v in verdicts if isinstance(v, Ungraded)]
            ungraded[grader.name] = dict(Counter(v.kind.value for v in missing))
            if missing:
                why = summary(reasons((v.detail or v.kind.value, 1) for v in missing))
                count = f"{len(missing)} of {self.n} answers are not graded by {grader.name}"
                progress.emit("notice", {"text": f"{name}: {count}: {why}"})
        gold = self._gold(progress) if step == 0 and self.roles.rewards else {}
        return ExamResult(
            step=step,
            ids=tuple(str(pair.item.get("id", pair.position)) for pair in self._pairs),
            groups=self._groups(),
            answers=tuple(output.text for output in outputs),
            scores=scores,
            ungraded=ungraded,
            spans={grader.name: span(grader) for grader in self._graders},
            seconds=time.monotonic() - began,
            gold=gold,
            floor=self._floor,
        )

    @cached_property
    def _floor(self) -> float | None:
        primary = next(one for one in self._graders if one.name == self.roles.primary)
        if not primary.is_pure():
            return None
        try:
            golds = [self._plan.evalset.gold(pair.item) for pair in self._pairs]
        except BadItem:
            return None
        answer = Counter(golds).most_common(1)[0][0]
        verdicts = [grade_answered(primary, Sample(pair.item, answer)) for pair in self._pairs]
        return Summary.of(verdicts).mean

    def _grade(
        self, grader: Grader, outputs: Sequence[Output], progress: Progress
    ) -> list[Verdict]:
        items = [pair.item for pair in self._pairs]
        return progress.wait(grade_outputs(grader, items, outputs, self._engine))

    def _gold(self, progress: Progress) -> dict[str, Scores]:
        """The graders' scores of the gold answers."""
        evalset = self._plan.evalset
        outputs = [Output(evalset.gold(pair.item)) for pair in self._pairs]
        scores: dict[str, Scores] = {}
        for grader in self._graders:
            progress.report(f"grading the gold answers by {grader.name}")
            verdicts = self._grade(grader, outputs, progress)
            scores[grader.name] = tuple(v.score if isinstance(v, Grade) else None for v in verdicts)
        return scores

    def _groups(self) -> tuple[str, ...] | None:
        field = self._plan.evalset.definition.group
        if field is None:
            return None
        return tuple(str(pair.item.get(field)) for pair in self._pairs)


def _drawn(plan: Plan, samples: int | None, seed: int) -> list[Pair]:
    every = list(pairs(plan, bytes(plan.count)))
    if samples is None or samples >= len(every):
        return every
    chosen = random.Random(f"exam {seed}").sample(range(len(every)), samples)
    return [every[i] for i in sorted(chosen)]
