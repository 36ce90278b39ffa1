"""evalsets: the versions of every evalset that was ever measured with."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.rows.table import Table


class EvalsetRow(NamedTuple):
    """One version. `definition` is the JSON whose digest it is."""

    digest: str
    name: str
    definition: str
    created: datetime


EVALSETS = Table("evalsets", EvalsetRow, key=("digest",), definition=True)
