"""math: is the answer the same number, expression, set or interval as the reference? An extension.

    {"type": "math", "name": "right", "reference": "{{ item.gold }}"}

math-verify finds the answer (the last `\\boxed{}`, formula or number) and compares with sympy, in
the sandbox with a process for each sample. An answer without mathematics is 0 and unparsed; a
reference without any, a time-out and what sympy cannot compare are no verdict.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import Literal

from graders.answers import math_run
from graders.asks import Answer, Ask, Returned, Run, only
from graders.grader import Grade, Grader, Range, TemplateText
from graders.sample import Sample, Unreadable
from graders.template import Render, template
from graders.ungraded import Kind, Ungraded

_SOURCE = Path(math_run.__file__).read_text(encoding="utf-8")
_NO_VERDICT = {
    math_run.NO_REFERENCE: ("reference", "the reference holds no mathematics that can be read"),
    math_run.TIMEOUT: ("timeout", "comparing the answer with the reference took too long"),
    math_run.BROKEN: ("incomparable", "sympy cannot compare the answer with the reference"),
}


class MathGrader(Grader):
    """1.0 when the answer equals the reference as mathematics, else 0.0."""

    type: Literal["math"] = "math"
    input: TemplateText = "{{ sample.output_text }}"
    reference: TemplateText

    def packages(self) -> frozenset[str]:
        """What compares, in the sandbox."""
        return frozenset({"math_verify"})

    def score_range(self) -> Range:
        """It passes or fails."""
        return 0.0, 1.0

    def is_pure(self) -> bool:
        """Never: it runs in the sandbox."""
        return False

    @cached_property
    def read_input(self) -> Render:
        """The answer's side. Raises Unreadable."""
        return template(self.input).render

    @cached_property
    def read_reference(self) -> Render:
        """The wanted side. Raises Ungraded."""
        return template(self.reference).render

    def asks(self, sample: Sample) -> Sequence[Ask]:
        """One run in the sandbox, which is given the two strings and nothing else."""
        reference = self.read_reference(sample)
        try:
            answer = self.read_input(sample)
        except Unreadable:
            return ()
        most = math_run.MOST_CHARACTERS
        sent = {"output_text": answer[-most:]}, {"reference": reference[-most:]}
        return (Run(_SOURCE, *sent),)

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """What the comparison gave."""
        try:
            self.read_input(sample)
        except Unreadable as error:
            return Grade(0.0, False, str(error), parsed=False)
        match only(answers, Returned, Kind.PYTHON_SERVER, "the sandbox").value:
            case math_run.SAME:
                return Grade(1.0, True, "equals the reference")
            case math_run.DIFFERENT:
                return Grade(0.0, False, "differs from the reference")
            case math_run.UNREADABLE:
                reason = "the answer holds no mathematics that can be read"
                return Grade(0.0, False, reason, parsed=False)
            case value if value in _NO_VERDICT:
                label, detail = _NO_VERDICT[value]
                raise Ungraded(Kind.OTHER, detail, label)
            case value:
                raise Ungraded(Kind.PYTHON_SERVER, f"the sandbox answered {value:g}", "no_answer")
