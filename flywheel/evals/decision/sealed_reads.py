"""Reads of a sealed split: it is spent by reading it, so each read is counted.

The store chains every read of a test split. What counts is the candidate: a model and prompt, on
so many items so many times. The first one that read is look 1, the next one look 2, and so on for
good; the baseline of a comparison and the other seeds of its candidate are not counted.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection

from flywheel.evals.decision.compare import Comparison
from flywheel.store.reader import Reader
from flywheel.store.reads.item_sets import read_items
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.reads import Reading, read_of, readings_of
from flywheel.store.tables.runs import RunRow


def look_number(
    store: Reader, baseline: RunRow, candidate: RunRow, seeds: Collection[RunRow] = ()
) -> int:
    """Which look at its sealed split a candidate is; 1 for a split that is not sealed."""
    own = Reading.of(candidate)
    left_out = {Reading.of(row)[:2] for row in (baseline, *seeds)} - {own[:2]}
    readings = readings_of(store, candidate.split_digest)
    counted = [reading for reading in readings if reading[:2] not in left_out]
    return counted.index(own) + 1 if own in counted else len(counted) + 1


def note_read(store: Store, comparison: Comparison, purpose: str) -> None:
    """Record that somebody read candidates' scores on the test split."""
    if comparison.baseline.split != "test":
        return
    now = utc_now()
    rows = [
        read_of(one.run, purpose, read_items(store, one.run), now) for one in comparison.candidates
    ]
    store.write(f"{purpose}/{uuid.uuid4().hex}", {"reads_chain": rows})
