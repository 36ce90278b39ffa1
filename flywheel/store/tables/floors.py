"""floors: the scores of trivial answers on the items of a run.

A row is written when the run finishes, and when floors are measured again: the newest counts.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class FloorsRow(NamedTuple):
    """The floors of a run by its primary grader, whose digest is `grader`.

    `distinct_answers` are among `answers`. `detail` is JSON: each floor with its mean and its
    answer. `scores` is JSON too: {floor: {position of the item: score}}.
    """

    run: str
    grader: str
    answers: int
    distinct_answers: int
    detail: str
    scores: str
    created: datetime


FLOORS = Table("floors", FloorsRow, key=("run", "grader", "created"))


def newest_floors(store: Reader, run: str) -> FloorsRow | None:
    """The newest measurement of a run's floors, None when there is none."""
    newest = f'{FLOORS.select} WHERE "run" = ? ORDER BY "created" DESC, rowid DESC LIMIT 1'
    return store.first(FloorsRow, newest, [run])
