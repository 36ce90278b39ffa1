"""graders: the definition of every grader that ever gave a score."""

from __future__ import annotations

from typing import NamedTuple

from flywheel.store.rows.table import Table


class GraderRow(NamedTuple):
    """One grader. `definition` is its wire JSON."""

    digest: str
    name: str
    type: str
    definition: str


GRADERS = Table("graders", GraderRow, key=("digest",), definition=True)
