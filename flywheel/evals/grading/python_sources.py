"""Checks in the sandbox, before grading, that the Python sources of a grader load."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flywheel.engines.engine import Answerer
from flywheel.engines.needs import check_packages
from flywheel.errors import BadFile, BadOption
from flywheel.synchronous import result_of
from graders.asks import Failed, Run
from graders.combine.multi import MultiGrader
from graders.grader import Grader
from graders.python import PythonGrader
from graders.sample import Sample

# Only loading is checked here; the probes check the grades.
_DOES_NOT_LOAD = ("syntax", "no_grade", "signature")


def check_sources(path: Path, grader: Grader, engine: Answerer) -> None:
    """Load each source in the sandbox. Raises BadFile when one has no `grade(sample, item)`.

    Raises MissingExtra if a package that the grader needs is missing, BadOption if no sandbox is
    available.
    """
    check_packages(grader)
    for python in _pythons(grader):
        (answer,) = result_of(engine.answer([Run(python.source, Sample({}).namespace(), {})]))
        if isinstance(answer, Failed) and answer.label == "no_sandbox":
            raise BadOption(f"the grader {grader.name!r} needs a sandbox: {answer.detail}")
        if isinstance(answer, Failed) and _is_about_loading(answer):
            raise BadFile(f"{path}: the source of {python.name!r} does not load: {answer.detail}")


def _is_about_loading(failed: Failed) -> bool:
    # The traceback of an exception at module level has no frame of a function.
    frames = [line for line in failed.detail.splitlines() if line.startswith("  File ")]
    top = failed.label == "exception" and all(line.endswith("in <module>") for line in frames)
    return failed.label in _DOES_NOT_LOAD or top


def _pythons(grader: Grader) -> Iterator[PythonGrader]:
    if isinstance(grader, PythonGrader):
        yield grader
    if isinstance(grader, MultiGrader):
        for part in grader.graders.values():
            yield from _pythons(part)
