"""Looks: the sealed split is spent by looking at it, so each look is counted.

The store writes down every run on a test split. What counts is the candidate: a model and prompt,
asked so many items so many times. The first one that looked is look 1, the next one look 2, and so
on for good; the baseline of a comparison and the other seeds of its candidate are not counted.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from flywheel.evals.decision.compare import Comparison
from flywheel.store.reader import Reader
from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.reads import ReadRow
from flywheel.store.tables.runs import RunRow


def look_number(
    store: Reader, baseline: RunRow, candidate: RunRow, seeds: Collection[RunRow] = ()
) -> int:
    """Which look at its sealed split a candidate is; 1 for a split that is not sealed."""
    own = _who(candidate._asdict())
    left_out = {_model(row._asdict()) for row in (baseline, *seeds)} - {own[:2]}
    looks = store.query(
        """
        SELECT "model_digest", "prompt_digest", "items", "repeats"
        FROM "test_reads" AS t JOIN "runs" AS r ON r."run" = t."run"
        WHERE r."split_digest" = ?
        GROUP BY ALL ORDER BY min(t."created")
        """,
        [candidate.split_digest],
    )
    counted = [_who(look) for look in looks if _model(look) not in left_out]
    return counted.index(own) + 1 if own in counted else len(counted) + 1


def _model(row: Mapping[str, Any]) -> tuple[str, str]:
    return row["model_digest"], row["prompt_digest"]


def _who(row: Mapping[str, Any]) -> tuple[str, str, int, int]:
    return *_model(row), row["items"], row["repeats"]


def note_look(store: Store, comparison: Comparison, reason: str) -> None:
    """Write down that somebody looked at candidates' scores on the test split; once a candidate."""
    if comparison.baseline.split != "test":
        return
    now = utc_now()
    rows = [
        ReadRow(row.evalset, row.split_digest, row.run, reason, now)
        for row in (one.run for one in comparison.candidates)
    ]
    store.write(f"{reason}/{uuid.uuid4().hex}", {"test_reads": rows})
