"""Regrade: other graders over the answers that a run has. Nothing is sampled again.

Like a run, a regrade is a plan (answers x graders) and the verdicts that are there; going on is the
plan minus the verdicts. An answer that was left ungraded has no verdict, so going on asks again.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from flywheel import __version__
from flywheel.engines.engine import Answerer
from flywheel.errors import BadOption, ChangedPlan
from flywheel.evals.floors.measure_floors import keep_floors
from flywheel.evals.grading.grade import grade_samples
from flywheel.evals.results.results import Result, definition_of, load_result, the_run
from flywheel.evals.run.cache import output_of
from flywheel.evals.run.events import at_work
from flywheel.evals.run.execute import Where, sample_of, score_row
from flywheel.evals.run.measure import grader_rows
from flywheel.evals.run.plan import new_run_id, one_of
from flywheel.evals.run.refused import REFUSED, refused_score
from flywheel.samplers.resolve import pins_of
from flywheel.store.queries.definitions import grader_definition
from flywheel.store.queries.verdicts import LeftToGrade, count_left_to_grade, left_to_grade
from flywheel.store.reader import Reader
from flywheel.store.rows.digest import digest
from flywheel.store.rows.table import utc_now
from flywheel.store.rows.values import pairs_of
from flywheel.store.store import Store
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import SampleRow
from flywheel.store.tables.scores import ScoreRow
from graders.definition import read_grader, wire_json
from graders.grader import Grader


class Named(NamedTuple):
    """A grader and the digest that the store knows it by."""

    grader: Grader
    digest: str

    @classmethod
    def of(cls, grader: Grader) -> Named:
        """A grader with its digest."""
        return cls(grader, digest(wire_json(grader)))


def begin_regrade(
    store: Store, run: str, graders: Sequence[Grader], judge: str | None = None
) -> RunRow:
    """Write down a new regrade of `run`. The first grader is the primary one. Raises BadOption.

    `judge` is the digest of who answers graders that ask a model.
    """
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
    store.write(f"{row.run}/begin", {"runs": [row], "graders": grader_rows(graders, digests)})
    return row


def find_regrade(
    store: Reader, run: str, graders: Sequence[Grader] = (), judge: str | None = None
) -> RunRow:
    """The regrade to resume. Raises NoRun, BadOption when the run is no regrade, and ChangedPlan
    when it had another judge, or when `graders` are given and differ from its own."""
    row = the_run(store, run)
    if row.kind != "regrade":
        raise BadOption(f"{run} is no regrade; go on with: flywheel eval --resume {run}")
    then = dict(pairs_of(row.graders))
    given = _ready(store, row, graders, judge)
    now = {grader.name: digest(wire_json(grader)) for grader in given} if given else then
    differs = [name for name in {**then, **now} if then.get(name) != now.get(name)]
    if differs:
        told = "; ".join(
            f"{name} was {then.get(name, 'not there'):.12}, is {now.get(name, 'not there'):.12}"
            for name in differs
        )
        raise ChangedPlan(
            f"run {run} cannot go on, for its graders changed: {told}. Leave --graders out, or"
            f" start a new one: flywheel regrade {row.parent} --graders FILE"
        )
    for grader in graders_of(store, row):
        _check_tied(row, grader, judge)
    return row


def _check_tied(row: RunRow, grader: Grader, judge: str | None) -> None:
    """Raise ChangedPlan for a grader that asked another judge or embedding model than today's."""
    again = f"start a new one: flywheel regrade {row.parent} --graders FILE"
    if judge is not None and grader.judges() - {judge}:
        raise ChangedPlan(
            f"run {row.run} cannot go on: {grader.name} was judged by another judge; name that one"
            f" with --judge, or {again}"
        )
    embedder = pins_of([grader]).embedder
    if embedder is not None and grader.embedders() - {embedder}:
        raise ChangedPlan(
            f"run {row.run} cannot go on: {grader.name} compared embeddings of another model than"
            f" the installed one ({embedder:.12}); install that one, or {again}"
        )


async def go_on_regrade(
    store: Store, row: RunRow, engine: Answerer, advance: Callable[[int], None] = lambda count: None
) -> Result:
    """Grade what has no verdict yet, with the graders that the regrade began with."""
    with at_work(store, row):
        for named in _graders(store, row):
            for batch in _answers(store, row, named):
                await _grade(store, row.run, batch, named, engine)
                advance(len(batch))
    await keep_floors(store, row, engine)
    return load_result(store, row.run)


def count_left(store: Reader, row: RunRow) -> int:
    """How many verdicts are missing, over all graders."""
    return sum(count_left_to_grade(store, _left(row, named)) for named in _graders(store, row))


def graders_of(store: Reader, row: RunRow) -> list[Grader]:
    """The graders that a regrade began with."""
    return [named.grader for named in _graders(store, row)]


def _ready(
    store: Reader, row: RunRow, graders: Sequence[Grader], judge: str | None
) -> list[Grader]:
    """The graders, knowing the prompt of the run's evalset, and tied to judge and weights."""
    asked = definition_of(store, row)
    prompt, tools = asked.get("prompt", ""), asked.get("tools", ())
    pins = pins_of(graders, judge)
    return [grader.about(prompt, tools).pinned(pins) for grader in graders]


def _graders(store: Reader, row: RunRow) -> list[Named]:
    """The graders of a regrade, from their definitions in the store. Raises ChangedPlan."""
    found: list[Named] = []
    for name, value in pairs_of(row.graders):
        named = Named.of(read_grader(json.loads(grader_definition(store, value) or "null")))
        if named.digest != value:
            raise ChangedPlan(
                f"run {row.run} cannot go on: this version reads the grader {name!r} as another"
                f" one. Start a new regrade of {row.parent}"
            )
        found.append(named)
    return found


def _left(row: RunRow, named: Named) -> LeftToGrade:
    return LeftToGrade(row.run, row.parent, named.digest)


def _answers(store: Store, row: RunRow, named: Named) -> Iterator[list[tuple[SampleRow, Any]]]:
    """The answers that this grader has to judge, with their items, in the order of the split."""
    for batch in left_to_grade(store, _left(row, named)):
        yield [(sample, json.loads(item)) for sample, item in batch]


async def _grade(
    store: Store,
    run: str,
    batch: Sequence[tuple[SampleRow, Any]],
    named: Named,
    engine: Answerer,
) -> None:
    now = utc_now()
    samples = [sample_of(item, output_of(row)) for row, item in batch]
    verdicts = await grade_samples(named.grader, samples, engine)
    scores = [
        score_row(
            Where(run, row.item, row.position, row.repeat), named.grader, named.digest, verdict, now
        )
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
