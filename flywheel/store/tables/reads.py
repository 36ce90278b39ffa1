"""test_reads: each time that the sealed test split was looked at, and why."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class ReadRow(NamedTuple):
    """One look. `evalset` is the name, so that looks add up over its versions."""

    evalset: str
    split_digest: str
    run: str
    reason: str
    created: datetime


TEST_READS = Table("test_reads", ReadRow, key=("run", "reason", "created"))


def count_test_reads(store: Reader, evalset: str, split_digest: str) -> int:
    """How many runs looked at this very test split."""
    found = store.query(
        'SELECT count(DISTINCT "run") AS "n" FROM "test_reads"'
        ' WHERE "evalset" = ? AND "split_digest" = ?',
        [evalset, split_digest],
    )
    return int(found[0]["n"])
