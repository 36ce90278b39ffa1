"""Do the Python sources of a grader load? Asked of the sandbox, before anything is graded."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

from flywheel.errors import BadFile
from graders.grader import Grader
from graders.multi import MultiGrader
from graders.python import PythonGrader
from graders.sandbox.sandbox import Sandbox

_WANTS_GRADE = "\nassert callable(globals().get('grade')), 'it defines no grade(sample, item)'\n"


def check_sources(path: Path, grader: Grader, sandbox: Callable[[], Sandbox]) -> None:
    """Run each source's module once. Raises BadFile when it does not load or defines no `grade`."""
    for python in _pythons(grader):
        # What grade itself does with a sample is the probes' business; this is about loading.
        ran = sandbox().run_code(python.source + _WANTS_GRADE)
        if ran.error is not None:
            raise BadFile(f"{path}: the source of {python.name!r} does not load: {ran.detail}")


def _pythons(grader: Grader) -> Iterator[PythonGrader]:
    if isinstance(grader, PythonGrader):
        yield grader
    if isinstance(grader, MultiGrader):
        for part in grader.graders.values():
            yield from _pythons(part)
