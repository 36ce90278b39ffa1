"""Grading: the one place where `Ungraded` is caught.

Each sample takes three steps: the grader's asks, the engine's answers, the verdict. The result is a
Grade, or the Ungraded with the reason why there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from flywheel.engines.engine import Answerer
from graders.asks import Answer, Ask, Reply
from graders.grader import Grade, Grader
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded

Verdict = Grade | Ungraded


async def grade_samples(
    grader: Grader, samples: Sequence[Sample], engine: Answerer
) -> list[Verdict]:
    """A verdict for every sample, in order. An error of one sample is not raised."""
    questions = [_asks(grader, sample) for sample in samples]
    flat = [ask for asks in questions if not isinstance(asks, Ungraded) for ask in asks]
    answers = iter(await engine.answer(flat) if flat else ())
    verdicts: list[Verdict] = []
    for sample, asks in zip(samples, questions, strict=True):
        if isinstance(asks, Ungraded):
            verdicts.append(asks)
        else:
            verdicts.append(grade_answered(grader, sample, [next(answers) for _ in asks]))
    return verdicts


def grade_answered(grader: Grader, sample: Sample, answers: Sequence[Answer] = ()) -> Verdict:
    """The verdict on one sample whose asks are answered, with the judges' replies."""
    verdict = _verdict(grader, sample, answers)
    replies = tuple(answer for answer in answers if isinstance(answer, Reply))
    if not replies:
        return verdict
    if isinstance(verdict, Grade):
        return verdict._replace(replies=replies)
    verdict.replies = replies
    return verdict


def _verdict(grader: Grader, sample: Sample, answers: Sequence[Answer]) -> Verdict:
    try:
        grade = grader.grade(sample, answers)
        if not math.isfinite(grade.score):
            raise ValueError(f"the score is {grade.score}")
        return grade
    except Ungraded as ungraded:
        return ungraded
    except Exception as error:
        return _bug(grader, error)


def _asks(grader: Grader, sample: Sample) -> Sequence[Ask] | Ungraded:
    try:
        return grader.asks(sample)
    except Ungraded as ungraded:
        return ungraded
    except Exception as error:
        return _bug(grader, error)


def _bug(grader: Grader, error: Exception) -> Ungraded:
    """The verdict for an unexpected error: ungraded, and counted in the summary.

    The other samples still get their verdicts.
    """
    return Ungraded(Kind.OTHER, f"{grader.name} raised {type(error).__name__}: {error}", "bug")
