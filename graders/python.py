"""python: `grade(sample, item)` of the source that the definition holds, run in the sandbox.

The source may be any module; `grade` takes exactly two arguments and returns a finite number. An
exception, a time-out, a bool or a NaN is no verdict. What the source may do is decided by
graders/sandbox; here it is only carried. `image_tag` is accepted and without effect.

Beyond the wire: `range`, the lowest and the highest number that `grade` returns. A number outside
it is no verdict. A gate promotes by scores between 0 and 1 only where their range is declared.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import AfterValidator

from graders.asks import Answer, Ask, Returned, Run, only
from graders.grader import DeclaredRange, Grade, Grader, Range, within
from graders.sample import Sample
from graders.ungraded import Kind

MOST_BYTES = 256 * 1024


def _fits(source: str) -> str:
    size = len(source.encode("utf-8", "surrogatepass"))
    if size >= MOST_BYTES:
        raise ValueError(f"the source has {size:,} bytes, wanted fewer than {MOST_BYTES:,}")
    return source


class PythonGrader(Grader):
    """Runs the user's own function. Passes from `pass_threshold` on, by default 0.5."""

    type: Literal["python"] = "python"
    source: Annotated[str, AfterValidator(_fits)]
    image_tag: str | None = None
    pass_threshold: float = 0.5
    range: DeclaredRange = None

    def score_range(self) -> Range | None:
        """The range that it declares, if it does."""
        return self.range

    def needs(self) -> frozenset[type[Ask]]:
        """The sandbox, in which the source runs."""
        return frozenset({Run})

    def asks(self, sample: Sample) -> Sequence[Ask]:
        """One call in the sandbox."""
        return (Run(self.source, sample.namespace(), sample.item),)

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """What the function returned."""
        del sample
        value = only(answers, Returned, Kind.PYTHON_SERVER, "the sandbox").value
        within(value, self.range)
        return Grade(value, value >= self.pass_threshold, f"grade returned {value:g}")
