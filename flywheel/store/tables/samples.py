"""samples: every answer that a model gave, or the error that stands in its place.

Write a sample and its scores in one batch: then a pair of item and repeat that has an answer here
has its scores too, and resuming is the plan minus these rows. A failed request may be asked again;
its pair then has two rows, and the answer is the one that counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.arrow import pyarrow
from flywheel.store.rows.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SampleRow(NamedTuple):
    """One sample. `item` is a digest, `position` where it stands in its split, `key` what the cache
    knows it by (model, prompt, item, sampling and repeat), `extra` JSON: tools, refusal,
    log-probabilities. `price` is in dollars.

    `model` is the name that the answer came under, `finish_reason` why it ended, and `response`
    JSON: what else the provider sent with it, such as its id. None is what nobody said.
    """

    run: str
    item: str
    position: int
    repeat: int
    key: str
    output_text: str
    extra: str | None
    error: str | None
    truncated: bool
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    seconds: float
    price: float | None
    cached: bool
    created: datetime
    model: str | None = None
    finish_reason: str | None = None
    response: str | None = None


SAMPLES = Table(
    "samples",
    SampleRow,
    key=("run", "item", "repeat"),
    counts=("position", "repeat", "prompt_tokens", "completion_tokens", "cached_tokens"),
)


def finished(store: Reader, run: str, items: int, repeats: int) -> NDArray[np.bool_]:
    """Which pairs of the plan have an answer: a mask of `items` rows and `repeats` columns.

    `np.argwhere(~mask)` is what is left to do. Items are told apart by their position, which their
    split fixes; no Python object is made for a sample, so a million take a fraction of a second.
    """
    import numpy as np

    found = store.columns(
        """
        SELECT "position", "repeat" FROM "samples" WHERE "run" = $run AND "error" IS NULL
            AND "position" BETWEEN 0 AND $items - 1 AND "repeat" BETWEEN 0 AND $repeats - 1
        """,
        {"run": run, "items": items, "repeats": repeats},
    )
    mask = np.zeros((items, repeats), dtype=np.bool_)
    mask[found["position"], found["repeat"]] = True
    return mask


def items_of(store: Reader, run: str) -> list[str]:
    """The digests of the items that a run has samples of."""
    rows = store.query('SELECT DISTINCT "item" FROM "samples" WHERE "run" = ?', [run])
    return [str(row["item"]) for row in rows]


def answering_models(store: Reader, run: str) -> dict[str, int]:
    """How many answers of a run came under each model's name, as far as it is known."""
    rows = store.query(
        """
        SELECT "model", count(*) AS "n" FROM "samples"
        WHERE "run" = ? AND "error" IS NULL AND "model" <> '' GROUP BY "model"
        ORDER BY "n" DESC, "model"
        """,
        [run],
    )
    return {row["model"]: row["n"] for row in rows}


def find_cached(store: Reader, keys: Sequence[str]) -> dict[str, SampleRow]:
    """The newest answer under each of these keys, from any run. Keys without one are left out.

    One call scans the column of keys once: ask for many keys at once, not for one at a time.
    """
    arrow = pyarrow()
    columns = ", ".join(f's."{column.name}"' for column in SAMPLES.columns)
    with store.cursor() as cursor:
        cursor.register("wanted", arrow.table({"key": arrow.array(list(keys), arrow.string())}))
        cursor.execute(
            f"""
            SELECT {columns} FROM "samples" AS s
            SEMI JOIN "wanted" USING ("key") WHERE "error" IS NULL
            QUALIFY row_number() OVER (PARTITION BY s."key" ORDER BY s."created" DESC) = 1
            """
        )
        rows = (SampleRow(*row) for row in cursor.fetchall())
        return {row.key: row for row in rows}
