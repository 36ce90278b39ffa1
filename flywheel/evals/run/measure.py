"""Measure: start or resume a run, and summarise it."""

from __future__ import annotations

import json
import uuid
from asyncio import to_thread
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from flywheel.document import load_document
from flywheel.engines.engine import Engine
from flywheel.errors import BadFile, NothingGraded
from flywheel.evals.evalset.keys import keep_split
from flywheel.evals.floors.measure_floors import keep_floors
from flywheel.evals.results.results import Result, result_of_run
from flywheel.evals.run.cache import Cache
from flywheel.evals.run.collector import rarely_collected
from flywheel.evals.run.events import at_work, resume_command
from flywheel.evals.run.execute import Runner
from flywheel.evals.run.plan import Plan
from flywheel.evals.run.preflight import check_items
from flywheel.samplers.failures import summary
from flywheel.store.reader import Reader
from flywheel.store.reads.identity import candidate_of, scoring_of
from flywheel.store.reads.ledger import keep_reads
from flywheel.store.rows.digest import canonical_json
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.decisions import BaselineRow, find_baseline
from flywheel.store.tables.definitions import EvalsetRow, GraderRow, ModelRow, PromptRow
from flywheel.store.tables.reads import Read, read_of
from flywheel.store.tables.runs import Kind, RunRow
from graders.definition import wire_json
from graders.grader import Grader

Advance = Callable[[int], None]
# Written by trainings. Not .json, which would be part of the model's digest.
MANIFEST = "flywheel.manifest"


@dataclass(frozen=True)
class Bench:
    """What a measurement uses: the store, and the engine that samples and grades.

    With `judge_floors` the judge grades the floors too. `options` are those of the command that
    resumes a run.
    """

    store: Store
    engine: Engine
    advance: Advance = lambda count: None
    use_cache: bool = True
    judge_floors: bool = False
    options: str = ""


def begin(plan: Plan, store: Store, kind: Kind = "eval") -> RunRow:
    """Check the plan and store it as a new run. Raises BadFile before the first request."""
    check_items(plan)
    row = plan.row(kind)
    tables: dict[str, Sequence[tuple[Any, ...]]] = {"runs": [row], **definitions(plan, row)}
    items = keep_split(store, plan.evalset, plan.split, plan.count)
    if plan.split == "test":
        scoring = scoring_of(row, plan.evalset.definition.measured())
        read = Read(candidate_of(row), items, scoring)
        tables["reads_chain"] = [read_of(row, kind, read, row.created)]
    store.write(f"{row.run}/begin", tables)
    if plan.split == "test":
        keep_reads(store)
    return row


async def go_on(plan: Plan, row: RunRow, bench: Bench) -> Result:
    """Do what is left of a run. Raises ChangedPlan if this is not the plan that it began with."""
    store = bench.store
    with store.frugal():
        plan.check_same(row)
        with at_work(store, row, bench.options):
            # In threads, so that other runs of the same loop continue.
            cache = await to_thread(Cache.of, store, plan, row.run, bench.use_cache)
            again = resume_command(row, store, bench.options)
            runner = Runner(plan, row.run, store, bench.engine, cache, bench.advance, again)
            with rarely_collected():
                await runner.finish()
        await keep_floors(store, row, bench.engine, models=bench.judge_floors)
        result = await to_thread(result_of_run, store, row)
    if row.kind == "baseline":
        _check_graded(result)
        appoint_baseline(store, row)
    return result


def _check_graded(result: Result) -> None:
    """Raise NothingGraded for a run that cannot be compared, since it has no verdict."""
    if result.primary is not None and result.primary.summary.graded:
        return
    row = result.run
    raise NothingGraded(
        f"{row.run} is not appointed as a baseline: none of its {result.n} answers has a verdict of"
        f" {row.primary_grader!r}: {summary(result.no_verdict)}. Correct the cause and run the same"
        " command again; the answers come from the cache"
    )


def appoint_baseline(store: Store, row: RunRow) -> None:
    """Make a finished run the baseline. Does nothing if it already is."""
    if appointed := baseline_rows(store, [row]):
        store.write(f"{row.run}/baseline/{uuid.uuid4().hex}", {"baselines": appointed})


def baseline_rows(store: Reader, rows: Sequence[RunRow]) -> list[BaselineRow]:
    """The rows that make these runs the baselines of their splits, unless they already are."""
    return [
        BaselineRow(
            evalset=row.evalset,
            evalset_digest=row.evalset_digest,
            split=row.split,
            model_digest=row.model_digest,
            prompt_digest=row.prompt_digest,
            sampling_digest=row.sampling_digest,
            run=row.run,
            created=utc_now(),
        )
        for row in rows
        if (held := find_baseline(store, row.evalset_digest, row.split)) is None
        or held.run != row.run
    ]


def definitions(plan: Plan, row: RunRow) -> Mapping[str, Sequence[tuple[Any, ...]]]:
    """The rows of the definitions that a run refers to by digest."""
    definition = plan.evalset.definition.measured()
    evalset = EvalsetRow(row.evalset_digest, row.evalset, canonical_json(definition), row.created)
    detail = canonical_json({"name": plan.model, **manifest(plan.model)})
    return {
        "evalsets": [evalset],
        "prompts": [PromptRow(row.prompt_digest, canonical_json(plan.prompt_json))],
        "models": [ModelRow(row.model_digest, plan.model, plan.model.partition(":")[0], detail)],
        "graders": grader_rows(plan.graders, plan.grader_digests),
    }


def manifest(model: str) -> Mapping[str, Any]:
    """The manifest in a trained model's folder; empty for any other model.

    If it names a `lever`, the gate requires a second seed. Raises BadFile.
    """
    path = Path(model) / MANIFEST
    if not path.is_file():
        return {}
    value = load_document(path).value
    if not isinstance(value, dict):
        raise BadFile(f"{path}:1:1: a manifest is a JSON object; copy the model's folder again")
    return cast("dict[str, Any]", value)


def grader_rows(graders: Sequence[Grader], digests: Sequence[tuple[str, str]]) -> list[GraderRow]:
    """The rows of the definitions of graders."""
    return [
        GraderRow(digest, name, str(wire_json(grader)["type"]), json.dumps(wire_json(grader)))
        for grader, (name, digest) in zip(graders, digests, strict=True)
    ]
