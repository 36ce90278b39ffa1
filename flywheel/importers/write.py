"""Write gathered runs to the store, in the same form as measured runs.

The last batch finishes all runs of an import. If the process dies earlier, the runs are unfinished;
importing the same file again completes them, since batch ids depend only on the content. Two
imported runs are comparable if they have the same evalset name, graders, primary grader and use of
groups. The digest of a split depends only on the names of evalset and split, so runs on different
parts of a split are comparable on their common items.
"""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from flywheel import __version__
from flywheel.importers.columns import Run, imported_grader
from flywheel.importers.gather import Gathered
from flywheel.importers.rows import (
    answers_digest,
    item_rows,
    keys_of,
    sample_rows,
    score_rows,
)
from flywheel.importers.spool import Spool
from flywheel.importers.verdict import RunTaken
from flywheel.outputs import work as outputs
from flywheel.store.errors import StoreFailed
from flywheel.store.reads.identity import scoring_of
from flywheel.store.reads.item_sets import keep_item_set, keep_split_set
from flywheel.store.reads.ledger import keep_reads
from flywheel.store.rows.digest import canonical_json, digest
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.batches import has_batch
from flywheel.store.tables.definitions import EvalsetRow, GraderRow, ModelRow, PromptRow
from flywheel.store.tables.reads import Read, read_of
from flywheel.store.tables.runs import RunEventRow, RunRow, Status, find_run, run_status
from flywheel.store.writer import Ack

_BATCH = 5_000

Advance = Callable[[int], None]
Rows = Iterator[tuple[Any, ...]]


@dataclass(frozen=True, slots=True)
class Imported:
    """One imported run. `new` is False if the store already had it.

    `lacks` describes what a truncated log lacks; None for a complete one.
    """

    row: RunRow
    samples: int
    graders: int
    verdicts: int
    ungraded: int
    new: bool
    lacks: str | None = None

    def as_json(self) -> outputs.ImportedRun:
        """The object that `import --json` prints for each run."""
        row = self.row
        return {
            "run": row.run,
            "new": self.new,
            "evalset": row.evalset,
            "split": row.split,
            "model": row.model,
            "primary": row.primary_grader,
            "items": row.items,
            "samples": self.samples,
            "graders": self.graders,
            "verdicts": self.verdicts,
            "ungraded": self.ungraded,
            "unfinished": self.lacks,
        }


@dataclass(frozen=True, slots=True)
class _Writing:
    """A run to write. `id` is the prefix of its batch ids, and depends on its content."""

    run: Run
    row: RunRow
    id: str
    new: bool


def write(
    store: Store,
    gathered: Gathered,
    advance: Advance = lambda count: None,
    short: Mapping[str, str] | None = None,
) -> list[Imported]:
    """Write all new runs. Raises RunTaken before anything is written.

    `short` describes what truncated runs lack; they end as interrupted.
    """
    lacks = short or {}
    writing = [_plan(store, run) for run in gathered.runs.values()]
    fresh = [one for one in writing if one.new]
    try:
        with store.frugal():
            for one in fresh:
                _write_run(store, one, gathered, advance)
        if fresh:
            store.write(
                f"import/{digest([one.id for one in fresh])}/end",
                {"run_events": [_last_event(one.row, lacks) for one in fresh]},
            )
    except BaseException as error:
        with suppress(StoreFailed):
            _mark_unfinished(store, fresh, error)
        raise
    return [
        Imported(
            row=one.row,
            samples=len(one.run.samples.position),
            graders=len(set(one.run.verdicts.grader)),
            verdicts=len(one.run.verdicts.score),
            ungraded=one.run.ungraded,
            new=one.new,
            lacks=lacks.get(one.row.run),
        )
        for one in writing
    ]


def _plan(store: Store, run: Run) -> _Writing:
    """Whether a run is new, was left unfinished by an earlier import, or exists already."""
    name, identity = run.source.run, f"import/{run.source.run}/{run.content()}"
    row = find_run(store, name)
    if row is None:
        return _Writing(run, _row(run, utc_now()), identity, True)
    if not has_batch(store, f"{identity}/begin"):
        raise RunTaken(
            f"{store.path} already has a run {name!r} with other rows, graders or names"
            f" ({row.kind} of {row.evalset} {row.split}); nothing was imported. Give the new run"
            " another name"
        )
    return _Writing(run, row, identity, run_status(store, name) != "finished")


def _row(run: Run, now: datetime) -> RunRow:
    source, evalset = run.source, run.evalset
    graders = [(name, digest(imported_grader(name))) for name in sorted(evalset.graders)]
    return RunRow(
        run=source.run,
        created=now,
        kind="import",
        parent=None,
        evalset=evalset.name,
        evalset_digest=digest(evalset.definition),
        split=source.split,
        split_digest=digest({"evalset": evalset.name, "split": source.split}),
        model=source.model,
        model_digest=digest({"imported": source.model}),
        prompt_digest=digest(list(source.prompt)),
        # The sampling of the other harness is unknown, so it is the same for all imports.
        sampling="{}",
        sampling_digest=digest({}),
        repeats=run.repeats,
        items=len(run.items),
        graders=json.dumps(graders),
        primary_grader=evalset.primary,
        version=__version__,
        note=source.note,
    )


def _beginning(one: _Writing, read: Read) -> dict[str, Sequence[tuple[Any, ...]]]:
    """The run, the definitions behind its digests, and the read of a sealed split."""
    row, prompt = one.row, list(one.run.source.prompt)
    definition = canonical_json(one.run.evalset.definition)
    tables: dict[str, Sequence[tuple[Any, ...]]] = {
        "runs": [row],
        "run_events": [_event(row, "started")],
        "evalsets": [EvalsetRow(row.evalset_digest, row.evalset, definition, row.created)],
        "prompts": [PromptRow(row.prompt_digest, canonical_json(prompt))],
        "models": [
            ModelRow(row.model_digest, row.model, "imported", canonical_json({"name": row.model}))
        ],
        "graders": [
            GraderRow(value, name, "imported", canonical_json(imported_grader(name)))
            for name, value in json.loads(row.graders)
        ],
    }
    if row.split == "test":
        tables["reads_chain"] = [read_of(row, "import", read, row.created)]
    return tables


def _write_run(store: Store, one: _Writing, gathered: Gathered, advance: Advance) -> None:
    """Write the items, then the run with its read of a sealed split, then samples and scores."""
    digests = bytearray()
    items = item_rows(one.run, one.row, gathered.spool, digests)
    _write_rows(store, one, [("items", items)], advance)
    store.write(f"{one.id}/begin", _beginning(one, _read(store, one, gathered.spool)))
    if one.row.split == "test":
        keep_reads(store)
    samples = sample_rows(one.run, gathered.spool, digests, one.row.created)
    scores = score_rows(one.run, gathered.spool, digests, one.row)
    _write_rows(store, one, [("samples", samples), ("scores", scores)], advance)


def _read(store: Store, one: _Writing, spool: Spool) -> Read:
    """What a run reads as, once its items are written down as those of its split."""
    keys, row = keys_of(one.run, spool), one.row
    if row.split != "test":
        return Read("", keep_split_set(store, row.evalset, row.split, keys), "")
    scoring = scoring_of(row, one.run.evalset.definition)
    return Read(answers_digest(one.run, keys, spool), keep_item_set(store, keys), scoring)


def _write_rows(
    store: Store, one: _Writing, streams: Sequence[tuple[str, Rows]], advance: Advance
) -> None:
    acks: deque[Ack] = deque()
    for table, rows in streams:
        number = 0
        while batch := list(islice(rows, _BATCH)):
            # Blocks while the queue is full.
            acks.append(store.append(f"{one.id}/{table}/{number}", {table: batch}))
            while len(acks) > 1 and acks[0].done():
                acks.popleft().result()
            number += 1
            advance(len(batch))
    for ack in acks:  # the run may only finish when all its batches are on disk
        ack.result()


def _mark_unfinished(store: Store, fresh: Sequence[_Writing], error: BaseException) -> None:
    """Mark the runs of this import as interrupted or failed."""
    status: Status = "interrupted" if isinstance(error, KeyboardInterrupt) else "failed"
    begun = [one.row for one in fresh if find_run(store, one.row.run)]
    if begun:
        events = [_event(row, status, type(error).__name__) for row in begun]
        store.write(f"import/{digest([str(e) for e in events])}", {"run_events": events})


def _last_event(row: RunRow, lacks: Mapping[str, str]) -> RunEventRow:
    if row.run in lacks:
        return _event(row, "interrupted", lacks[row.run])
    return _event(row, "finished")


def _event(row: RunRow, status: Status, detail: str | None = None) -> RunEventRow:
    return RunEventRow(row.run, utc_now(), status, detail)
