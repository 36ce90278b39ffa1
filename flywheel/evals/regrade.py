"""Regrade: other graders over the answers that a run has. Nothing is sampled again."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from flywheel import __version__
from flywheel.errors import BadOption
from flywheel.evals.cache import output_of
from flywheel.evals.grade import Engine, grade_samples
from flywheel.evals.measure import grader_rows, say
from flywheel.evals.plan import new_run_id
from flywheel.evals.results import Result, load_result, the_run
from flywheel.evals.run import Where, sample_of, score_row
from flywheel.store.digest import digest
from flywheel.store.samples import SAMPLES, SampleRow
from flywheel.store.store import Store
from flywheel.store.table import utc_now
from graders.definition import wire_json
from graders.grader import Grader

_BATCH = 256


def regrade(
    store: Store,
    run: str,
    graders: Sequence[Grader],
    engine: Engine,
    advance: Callable[[int], None] = lambda count: None,
) -> Result:
    """A new run over the samples of `run`. The first grader is the primary one."""
    parent = the_run(store, run)
    if parent.kind == "regrade":
        raise BadOption(
            f"run {run} is a regrade itself; name {parent.parent}, which has the samples"
        )
    digests = [(grader.name, digest(wire_json(grader))) for grader in graders]
    row = parent._replace(
        run=new_run_id(),
        created=utc_now(),
        kind="regrade",
        parent=run,
        graders=json.dumps(digests),
        primary_grader=graders[0].name,
        version=__version__,
    )
    tables = {"runs": [row], "graders": grader_rows(graders, digests)}
    store.write(f"{row.run}/start", tables)
    say(store, row.run, "started")
    with asyncio.Runner() as loop:
        for batch in _answers(store, run):
            loop.run(_grade(store, row.run, batch, graders, digests, engine))
            advance(len(batch))
    say(store, row.run, "finished")
    return load_result(store, row.run)


def _answers(store: Store, run: str) -> Iterator[list[tuple[SampleRow, Any]]]:
    """The answers of a run with their items, in batches, in the order of the split."""
    columns = ", ".join(f's."{column.name}"' for column in SAMPLES.columns)
    with store.cursor() as cursor:
        cursor.execute(
            f"""
            SELECT {columns}, i."item" FROM "samples" AS s
            JOIN "items" AS i ON i."digest" = s."item"
            WHERE s."run" = ? AND s."error" IS NULL ORDER BY s."position", s."repeat"
            """,
            [run],
        )
        while rows := cursor.fetchmany(_BATCH):
            yield [(SampleRow(*row[:-1]), json.loads(row[-1])) for row in rows]


async def _grade(
    store: Store,
    run: str,
    batch: Sequence[tuple[SampleRow, Any]],
    graders: Sequence[Grader],
    digests: Sequence[tuple[str, str]],
    engine: Engine,
) -> None:
    now = utc_now()
    samples = [sample_of(item, output_of(row)) for row, item in batch]
    scores = [
        score_row(
            Where(run, row.item, row.position, row.repeat), grader, grader_digest, verdict, now
        )
        for grader, (_, grader_digest) in zip(graders, digests, strict=True)
        for (row, _), verdict in zip(
            batch, await grade_samples(grader, samples, engine), strict=True
        )
    ]
    store.write(f"{run}/{uuid.uuid4().hex}", {"scores": scores})
