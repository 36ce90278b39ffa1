"""The graders demo: twelve answers of a support bot, graded by every kind of grader.

    flywheel demo --graders

1. Read the answers and the graders from plain files in flywheel/recipes/demo_files.
2. Grade every answer with every grader. The judge is scripted, so neither a key nor a network is
   needed; the Python grader runs in the sandbox.
3. Print a table. Two answers explain its columns: one is not JSON (unparsed, score 0), and for one
   the judge's reply is unreadable (ungraded, no score).
"""

from __future__ import annotations

from pathlib import Path

from pydantic import TypeAdapter

from flywheel.data.rows.rows import read_rows, sample_of_row
from flywheel.document import load_document
from flywheel.engines.engine import EngineSpec
from flywheel.evals.grading.grade import Verdict
from flywheel.evals.results.summary import Summary
from flywheel.workspace.grading import grade
from graders.definition import AnyGrader
from graders.grader import Grader
from graders.ungraded import Ungraded

FILES = Path(__file__).parent / "demo_files"


def main() -> dict[str, Summary]:
    """Grade, print, and return each grader's summary."""
    # 1. Read.
    samples = [sample_of_row(row) for _, row in read_rows(FILES / "answers.jsonl")]
    graders: list[Grader] = load_document(FILES / "graders.yaml").read_as(
        TypeAdapter(list[AnyGrader])
    )

    # 2. Grade. An unreadable verdict of the judge is ungraded and excluded from the mean.
    verdicts: dict[str, list[Verdict]] = {}
    spec = EngineSpec(judge=f"scripted:{FILES / 'judge.jsonl'}")
    for grader in graders:
        verdicts[grader.name] = grade(grader, samples, spec)

    # 3. Print.
    print(f"{len(samples)} answers, {len(graders)} graders, all from {FILES.name}/\n")
    summaries = {name: Summary.of(given) for name, given in verdicts.items()}
    print(f"{'grader':<18} {'mean':>6} {'passed':>7} {'unparsed':>9} {'ungraded':>9}")
    for name, summary in summaries.items():
        mean = "-" if summary.mean is None else f"{summary.mean:.3f}"
        counts = f"{summary.passed:>7} {summary.unparsed:>9} {summary.ungraded.total():>9}"
        print(f"{name:<18} {mean:>6} {counts}")
    silent = [v for given in verdicts.values() for v in given if isinstance(v, Ungraded)]
    print(f"\nungraded is not 0: {silent[0].detail}")
    print("next: flywheel graders check unit_math")
    return summaries
