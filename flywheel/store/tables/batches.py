"""batches: the ledger. A batch is listed if and only if all its rows are in their tables."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class BatchRow(NamedTuple):
    """One batch. `rows` counts the added rows, without definitions that were already stored."""

    batch: str
    rows: int
    created: datetime


BATCHES = Table("batches", BatchRow, key=("batch",))


def has_batch(store: Reader, batch: str) -> bool:
    """Whether a batch of this id was written."""
    return bool(store.query('SELECT 1 FROM "batches" WHERE "batch" = ?', [batch]))
