"""Grading: the one place where `Ungraded` is caught.

Samples go through in three steps: what does the grader ask, what does the world answer, what is the
verdict. A sample leaves with a Grade or with the Ungraded that says why there is none.
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
    """A verdict for every sample, in order. Raises nothing for a single sample."""
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
    """The verdict on one sample whose asks are answered, with what judges replied."""
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
    """A fault of ours or of a library must not cost the other samples their verdicts.

    It is no verdict on this one, and the summary counts it.
    """
    return Ungraded(Kind.OTHER, f"{grader.name} raised {type(error).__name__}: {error}", "bug")
