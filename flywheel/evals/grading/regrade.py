"""Regrade: apply other graders to the answers of a run, without sampling again.

Like a run, a regrade is a plan (answers x graders) and its verdicts; a resume does the plan minus
the verdicts. An ungraded answer has no verdict, so a resume grades it again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from flywheel import __version__
from flywheel.engines.engine import Answerer
from flywheel.errors import BadOption, ChangedPlan
from flywheel.evals.floors.measure_floors import keep_floors
from flywheel.evals.grading.grade import grade_samples
from flywheel.evals.results.results import Result, definition_of, result_of_run, the_run
from flywheel.evals.run.cache import output_of
from flywheel.evals.run.events import at_work
from flywheel.evals.run.execute import Where, sample_of, score_row
from flywheel.evals.run.measure import grader_rows
from flywheel.evals.run.plan import changed_graders, new_run_id, one_of
from flywheel.evals.run.refused import REFUSED, refused_score
from flywheel.samplers.resolve import pins_of
from flywheel.store.reader import Reader
from flywheel.store.reads.identity import scoring_of
from flywheel.store.reads.ledger import keep_reads
from flywheel.store.rows.digest import digest
from flywheel.store.rows.table import utc_now
from flywheel.store.rows.values import pairs_of
from flywheel.store.store import Store
from flywheel.store.tables.definitions import grader_definition
from flywheel.store.tables.reads import read_of, run_read
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import SampleRow
from flywheel.store.tables.scores import LeftToGrade, ScoreRow, count_left_to_grade, left_to_grade
from graders.definition import read_grader, wire_json
from graders.grader import Grader


def begin_regrade(
    store: Store, run: str, graders: Sequence[Grader], judge: str | None = None
) -> RunRow:
    """Write down a new regrade of `run`. The first grader is the primary one. Raises BadOption.

    `judge` is the digest of who answers graders that ask a model.
    """
    if not graders:
        raise BadOption("a regrade needs a grader; give one or more")
    parent = the_run(store, run)
    if parent.kind == "regrade":
        raise BadOption(
            f"run {run} is a regrade itself; name {parent.parent}, which has the samples"
        )
    graders = _ready(store, parent, graders, judge)
    digests = [(grader.name, digest(wire_json(grader))) for grader in graders]
    row = parent._replace(
        run=new_run_id(),
        created=utc_now(),
        kind="regrade",
        parent=parent.run,
        graders=json.dumps(digests),
        primary_grader=graders[0].name,
        version=__version__,
        judge_digest=one_of(value for grader in graders for value in grader.judges()),
        embedder_digest=one_of(value for grader in graders for value in grader.embedders()),
    )
    tables: dict[str, Sequence[tuple[Any, ...]]] = {
        "runs": [row],
        "graders": grader_rows(graders, digests),
    }
    if row.split == "test" and (read := run_read(store, parent)):
        read = read._replace(scoring=scoring_of(row, definition_of(store, row)))
        tables["reads_chain"] = [read_of(row, "regrade", read, row.created)]
    store.write(f"{row.run}/begin", tables)
    if "reads_chain" in tables:
        keep_reads(store)
    return row


def find_regrade(
    store: Reader, run: str, graders: Sequence[Grader] = (), judge: str | None = None
) -> RunRow:
    """The regrade to resume. Raises NoRun, BadOption when the run is no regrade, and ChangedPlan
    when it had another judge, or when `graders` are given and differ from its own."""
    row = the_run(store, run)
    if row.kind != "regrade":
        raise BadOption(f"{run} is not a regrade; resume with: flywheel eval --resume {run}")
    given = _ready(store, row, graders, judge)
    now = [(grader.name, digest(wire_json(grader))) for grader in given]
    if given and (changed := changed_graders(sorted(pairs_of(row.graders)), sorted(now))):
        raise ChangedPlan(
            f"run {run} cannot be resumed because its graders changed:"
            f" {'; '.join(changed)}. Leave --graders out, or start a new one:"
            f" flywheel regrade {row.parent} --graders FILE"
        )
    for grader in graders_of(store, row):
        _check_tied(row, grader, judge)
    return row


def _check_tied(row: RunRow, grader: Grader, judge: str | None) -> None:
    """Raise ChangedPlan for a grader that asked another judge or embedding model than today's."""
    again = f"start a new one: flywheel regrade {row.parent} --graders FILE"
    if judge is not None and grader.judges() - {judge}:
        raise ChangedPlan(
            f"run {row.run} cannot be resumed: {grader.name} was judged by another judge; name"
            f" that one with --judge, or {again}"
        )
    embedder = pins_of([grader]).embedder
    if embedder is not None and grader.embedders() - {embedder}:
        raise ChangedPlan(
            f"run {row.run} cannot be resumed: {grader.name} compared embeddings of another model"
            f" than the installed one ({embedder:.12}); install that one, or {again}"
        )


async def go_on_regrade(
    store: Store,
    row: RunRow,
    engine: Answerer,
    advance: Callable[[int], None] = lambda count: None,
    affordable: Callable[[int, int], int] = lambda done, most: most,
    options: str = "",
) -> Result:
    """Grade what has no verdict yet, with the graders that the regrade began with.

    `affordable` says after so many verdicts how many to ask for next, as `Engine.affordable` does.
    `options` is what the command that resumes it needs beside its name. Raises BudgetSpent.
    """
    done = 0
    with at_work(store, row, options):
        for grader, value in _graders(store, row):
            for batch in left_to_grade(store, LeftToGrade(row.run, row.parent, value)):
                while batch:
                    size = affordable(done, len(batch))
                    await _grade(store, row.run, batch[:size], (grader, value), engine)
                    batch, done = batch[size:], done + size
                    advance(size)
    await keep_floors(store, row, engine)
    return result_of_run(store, row)


def count_left(store: Reader, row: RunRow) -> int:
    """The number of missing verdicts of all graders."""
    left = (LeftToGrade(row.run, row.parent, value) for _, value in _graders(store, row))
    return sum(count_left_to_grade(store, one) for one in left)


def graders_of(store: Reader, row: RunRow) -> list[Grader]:
    """The graders of a regrade."""
    return [grader for grader, _ in _graders(store, row)]


def _ready(
    store: Reader, row: RunRow, graders: Sequence[Grader], judge: str | None
) -> list[Grader]:
    """The graders, knowing the prompt of the run's evalset, and tied to judge and weights."""
    asked = definition_of(store, row)
    prompt, tools = asked.get("prompt", ""), asked.get("tools", ())
    pins = pins_of(graders, judge)
    return [grader.about(prompt, tools).pinned(pins) for grader in graders]


def _graders(store: Reader, row: RunRow) -> list[tuple[Grader, str]]:
    """The graders of a regrade with their digests, as the store has them. Raises ChangedPlan."""
    graders: list[tuple[Grader, str]] = []
    for name, value in pairs_of(row.graders):
        grader = read_grader(json.loads(grader_definition(store, value) or "null"))
        if digest(wire_json(grader)) != value:
            raise ChangedPlan(
                f"run {row.run} cannot be resumed: this version reads the grader {name!r} as"
                f" another one. Start a new regrade of {row.parent}"
            )
        graders.append((grader, value))
    return graders


async def _grade(
    store: Store,
    run: str,
    batch: Sequence[tuple[SampleRow, str]],
    named: tuple[Grader, str],
    engine: Answerer,
) -> None:
    now = utc_now()
    samples = [sample_of(json.loads(item), output_of(row)) for row, item in batch]
    verdicts = await grade_samples(named[0], samples, engine)
    scores = [
        score_row(Where(run, row.item, row.position, row.repeat), *named, verdict, now)
        for (row, _), verdict in zip(batch, verdicts, strict=True)
    ]
    _write(store, run, scores)


def _write(store: Store, run: str, scores: Sequence[ScoreRow]) -> None:
    """Write verdicts; of those that the store refuses, each by itself, ungraded where it must."""
    try:
        store.write(f"{run}/{uuid.uuid4().hex}", {"scores": scores})
    except REFUSED as error:
        if len(scores) == 1:
            refused = [refused_score(scores[0], error)]
            store.write(f"{run}/{uuid.uuid4().hex}", {"scores": refused})
        else:
            for score in scores:
                _write(store, run, [score])
