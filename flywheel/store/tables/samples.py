"""samples: every answer of a model, or the error of the request.

A sample and its scores are written in one batch: a pair of item and repeat that has an answer here
also has its scores, so a resumed run does the plan minus these rows. A failed request may be
repeated; its pair then has two rows, and the answer counts.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from flywheel.store.execute import as_text
from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class SampleRow(NamedTuple):
    """One sample. `item` is a digest, `position` its index in the split, `key` the cache key (of
    model, prompt, item, sampling and repeat), `extra` JSON: tools, refusal, log-probabilities.
    `price` is in dollars.

    `model` is the model's name in the response, `finish_reason` why the answer ended, `response`
    JSON with other fields of the response, such as its id. None means unknown.
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
# The maximum number of distinct texts that are counted; rarer ones are left out.
MOST_TEXTS = 10_000
_COST = """
SELECT count(*) AS "samples", count("error") AS "errors", count(*) FILTER ("cached") AS "cached",
    count(*) FILTER ("truncated") AS "truncated", count("extra"::JSON ->> 'refusal') AS "refused",
    coalesce(sum("prompt_tokens") FILTER (NOT "cached"), 0) AS "prompt_tokens",
    coalesce(sum("completion_tokens") FILTER (NOT "cached"), 0) AS "completion_tokens",
    sum("price") FILTER (NOT "cached") AS "price",
    sum(("extra"::JSON -> 'reference_loss' ->> 'nats')::DOUBLE)
        / sum(("extra"::JSON -> 'reference_loss' ->> 'tokens')::DOUBLE) AS "loss"
FROM"""


class Cost(NamedTuple):
    """The usage of a run's answers, and how many are failed, truncated or refused.

    Answers from the cache cost nothing.
    """

    samples: int
    errors: int
    cached: int
    truncated: int
    refused: int
    prompt_tokens: int
    completion_tokens: int
    price: float | None
    loss: float | None


class Answer(NamedTuple):
    """The newest answer to an item; `error` is set for a request that failed."""

    item: str
    repeat: int
    output_text: str
    extra: str | None
    error: str | None


class DifferentAnswers(NamedTuple):
    """A pair whose answers may differ. Texts and extras are set if one of them calls tools."""

    item: str
    repeat: int
    calls: bool
    a_text: str | None
    b_text: str | None
    a_extra: str | None
    b_extra: str | None


class FirstAnswer(NamedTuple):
    """An answer of repeat 0 with its item and the primary grader's score."""

    position: int
    output_text: str
    extra: str | None
    created: datetime
    item: str
    score: float | None


class Distinct(NamedTuple):
    """How many answers there are, how many differ, and whether any holds text."""

    n: int
    distinct: int
    kept: bool


def finished(store: Reader, run: str, items: int, repeats: int) -> NDArray[np.bool_]:
    """Which pairs of the plan have an answer: a mask of `items` rows and `repeats` columns.

    `np.argwhere(~mask)` is what is left to do. Items are identified by their position in the split.
    No Python object is created per sample, so a million take a fraction of a second.
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


def has_answers(store: Reader, run: str) -> bool:
    """Whether a run has any answer."""
    sql = 'SELECT 1 FROM "samples" WHERE "run" = ? AND "error" IS NULL LIMIT 1'
    return bool(store.query(sql, [run]))


def answering_models(store: Reader, run: str) -> dict[str, int]:
    """The number of a run's answers by the model's name in the response, where known."""
    rows = store.tuples(
        """
        SELECT "model", count(*) AS "n" FROM "samples"
        WHERE "run" = ? AND "error" IS NULL AND "model" <> '' GROUP BY "model"
        ORDER BY "n" DESC, "model"
        """,
        [run],
    )
    return dict(rows)


def find_cached(store: Reader, keys: Sequence[str]) -> dict[str, SampleRow]:
    """The newest answer under each of these keys, from any run. Keys without one are left out.

    Each call scans the column of keys, so pass many keys at once.
    """
    rows = store.rows(
        SampleRow,
        f"""
        {SAMPLES.select} WHERE "error" IS NULL
            AND "key" IN (SELECT unnest(from_json($keys, '["VARCHAR"]')))
        QUALIFY row_number() OVER (PARTITION BY "key" ORDER BY "created" DESC) = 1
        """,
        {"keys": as_text(keys)},
    )
    return {row.key: row for row in rows}


def load_cost(store: Reader, run: str) -> Cost:
    """The usage of the answers of a run."""
    # The newest row of each pair costs a window; where no pair has two rows, it is every row.
    one_each = 'HAVING count(*) = count(DISTINCT ("position", "repeat"))'
    cost = store.first(Cost, f'{_COST} "samples" WHERE "run" = $run {one_each}', {"run": run})
    return cost or store.rows(Cost, f"{_COST} newest_samples($run)", {"run": run})[0]


def median_seconds(store: Reader, run: str) -> float | None:
    """The median latency of the answers that are not cached, None without any."""
    return store.value(
        'SELECT median("seconds") FROM "samples"'
        ' WHERE "run" = ? AND "error" IS NULL AND NOT "cached" AND "seconds" > 0',
        [run],
    )


def count_failures(store: Reader, run: str) -> list[tuple[str, int]]:
    """The errors of failed samples, with the number of each."""
    return store.tuples(
        f"""
        SELECT "error" AS "text", count(*) AS "count" FROM newest_samples($run)
        WHERE "error" IS NOT NULL GROUP BY "error" ORDER BY "count" DESC, "text" LIMIT {MOST_TEXTS}
        """,
        {"run": run},
    )


def count_distinct(store: Reader, run: str) -> Distinct:
    """The number of a run's answers, and of distinct ones after stripping whitespace."""
    (answers,) = store.rows(
        Distinct,
        """
        SELECT count(*) AS "n", count(DISTINCT hash(trim("output_text"), "extra"::JSON -> 'tools'))
            AS "distinct", coalesce(bool_or("output_text" <> ''), FALSE) AS "kept"
        FROM "samples" WHERE "run" = ? AND "error" IS NULL
        """,
        [run],
    )
    return answers


class Agreement(NamedTuple):
    """How many pairs have an answer in both of two runs, and in how many of them it differs."""

    n: int
    differ: int

    @property
    def share_same(self) -> float:
        """The share of pairs with the same answer, 0 without any pair."""
        return 1 - self.differ / self.n if self.n else 0.0


_DIFFER = 'a."output_text" <> b."output_text" OR a."extra" IS DISTINCT FROM b."extra"'


def compare_answers(store: Reader, one: str, other: str) -> Agreement | None:
    """How far two runs gave the same answers; None when no answer was kept."""
    (found,) = store.query(
        f"""
        SELECT count(*) AS "n", count_if({_DIFFER}) AS "differ",
            bool_or(a."output_text" <> '' OR b."output_text" <> '') AS "kept"
        FROM "samples" AS a JOIN "samples" AS b ON a."item" = b."item" AND a."repeat" = b."repeat"
        WHERE a."run" = ? AND b."run" = ? AND a."error" IS NULL AND b."error" IS NULL
        """,
        [one, other],
    )
    return Agreement(found["n"], found["differ"]) if found["kept"] else None


def self_agreement(store: Reader, runs: Sequence[str]) -> Agreement:
    """How far these runs of one model agree where it answered an item more than once.

    Every other answer to an item is compared with the first one that was given. Answers from the
    cache were given once.
    """
    (found,) = store.rows(
        Agreement,
        f"""
        WITH "given" AS (
            SELECT * FROM "samples"
            WHERE list_contains($runs, "run") AND "error" IS NULL AND NOT "cached"
        )
        SELECT count(*) AS "n", count_if({_DIFFER}) AS "differ"
        FROM (
            FROM "given" QUALIFY row_number() OVER (
                PARTITION BY "item" ORDER BY "created", "repeat", "run"
            ) = 1
        ) AS a JOIN "given" AS b ON a."item" = b."item"
            AND (a."run", a."repeat") <> (b."run", b."repeat")
        """,
        {"runs": list(runs)},
    )
    return found


def different_answers(store: Reader, one: str, other: str, space: str) -> list[DifferentAnswers]:
    """The pairs with an answer in both runs whose texts differ after stripping `space`.

    Includes all pairs with tool calls, since the caller may compare these without their ids.
    """
    return store.rows(
        DifferentAnswers,
        """
        WITH "both" AS (
            SELECT a."item" AS "item", a."repeat" AS "repeat",
                a."output_text" AS "a_text", b."output_text" AS "b_text",
                a."extra"::JSON AS "a_extra", b."extra"::JSON AS "b_extra",
                ("a_extra" -> '$.tools') IS NOT NULL OR ("b_extra" -> '$.tools') IS NOT NULL
                    AS "calls"
            FROM newest_samples($a) AS a JOIN newest_samples($b) AS b
                ON a."item" = b."item" AND a."repeat" = b."repeat"
            WHERE a."error" IS NULL AND b."error" IS NULL
        )
        SELECT "item", "repeat", "calls", CASE WHEN "calls" THEN "a_text" END AS "a_text",
            CASE WHEN "calls" THEN "b_text" END AS "b_text",
            CASE WHEN "calls" THEN "a_extra" END AS "a_extra",
            CASE WHEN "calls" THEN "b_extra" END AS "b_extra"
        FROM "both" WHERE "calls" OR trim("a_text", $space) <> trim("b_text", $space)
            OR ("a_extra" ->> '$.refusal') IS DISTINCT FROM ("b_extra" ->> '$.refusal')
        """,
        {"a": one, "b": other, "space": space},
    )


def newest_answers(store: Reader, run: str, items: Sequence[str]) -> list[Answer]:
    """The newest answers of a run to these items."""
    return store.rows(
        Answer,
        """
        SELECT "item", "repeat", "output_text", "extra", "error" FROM newest_samples($run)
        WHERE list_contains($items, "item")
        """,
        {"run": run, "items": list(items)},
    )


def first_answers(
    store: Reader, run: str, sampled: str, grader: str, positions: Sequence[int]
) -> list[FirstAnswer]:
    """The answers of repeat 0 to the items at these positions, the oldest first.

    `sampled` is the run that holds the samples, `run` the one that holds the scores.
    """
    return store.rows(
        FirstAnswer,
        """
        SELECT s."position", s."output_text", s."extra", s."created", i."item", g."score"
        FROM "samples" AS s JOIN "items" AS i ON i."digest" = s."item"
        LEFT JOIN "scores" AS g ON g."run" = $run AND g."name" = $grader
            AND g."position" = s."position" AND g."repeat" = 0 AND g."score" IS NOT NULL
        WHERE s."run" = $sampled AND s."repeat" = 0 AND s."error" IS NULL
            AND s."position" IN (SELECT unnest($positions::BIGINT[]))
        ORDER BY s."created"
        """,
        {"run": run, "grader": grader, "sampled": sampled, "positions": as_text(positions)},
    )


def first_lengths(
    store: Reader, run: str, positions: Sequence[int] | None = None
) -> list[tuple[int, int]]:
    """The length of each item and of its answer of repeat 0, by position; of all, or of these."""
    return store.tuples(
        """
        SELECT s."position", max(length(s."output_text") + length(i."item")) AS "length"
        FROM "samples" AS s JOIN "items" AS i ON i."digest" = s."item"
        WHERE s."run" = $run AND s."repeat" = 0 AND s."error" IS NULL
            AND ($positions IS NULL OR s."position" IN (SELECT unnest($positions::BIGINT[])))
        GROUP BY 1 ORDER BY 1
        """,
        {"run": run, "positions": None if positions is None else as_text(positions)},
    )


def items_at(store: Reader, run: str, positions: Sequence[int]) -> list[tuple[str, int]]:
    """The items at these positions of a run's split, each with its position."""
    return store.tuples(
        'SELECT DISTINCT "item", "position" FROM "samples" WHERE "run" = $run'
        ' AND "position" IN (SELECT unnest($positions::BIGINT[]))',
        {"run": run, "positions": as_text(positions)},
    )
