"""Answers of a run: what they took, where two runs differ, and the texts of some of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from flywheel.store.reader import Reader

# So many different texts are grouped; what is rarer is left out of the counts.
MOST_TEXTS = 10_000


class Cost(NamedTuple):
    """What the answers of a run took, and how many the model did not give in full.

    Answers from the cache took nothing.
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
    """A pair whose answers may differ. Texts and extras are given where one of them calls tools."""

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


def load_cost(store: Reader, run: str) -> Cost:
    """What the answers that a run holds took."""
    (found,) = store.query(
        """
        SELECT count(*) AS "samples", count("error") AS "errors",
            count(*) FILTER ("cached") AS "cached",
            count(*) FILTER ("truncated") AS "truncated",
            count("extra"::JSON ->> 'refusal') AS "refused",
            coalesce(sum("prompt_tokens") FILTER (NOT "cached"), 0) AS "prompt_tokens",
            coalesce(sum("completion_tokens") FILTER (NOT "cached"), 0) AS "completion_tokens",
            sum("price") FILTER (NOT "cached") AS "price",
            sum(("extra"::JSON -> 'reference_loss' ->> 'nats')::DOUBLE)
                / sum(("extra"::JSON -> 'reference_loss' ->> 'tokens')::DOUBLE) AS "loss"
        FROM newest_samples($run)
        """,
        {"run": run},
    )
    return Cost(**found)


def median_seconds(store: Reader, run: str) -> float | None:
    """The median wait for an answer that was asked for, None without any."""
    (found,) = store.query(
        'SELECT median("seconds") AS "latency" FROM "samples"'
        ' WHERE "run" = ? AND "error" IS NULL AND NOT "cached" AND "seconds" > 0',
        [run],
    )
    return found["latency"]


def count_failures(store: Reader, run: str) -> list[tuple[str, int]]:
    """The errors that stand in the place of answers, with how often each does."""
    rows = store.query(
        f"""
        SELECT "error" AS "text", count(*) AS "count" FROM newest_samples($run)
        WHERE "error" IS NOT NULL GROUP BY "error" ORDER BY "count" DESC, "text" LIMIT {MOST_TEXTS}
        """,
        {"run": run},
    )
    return [(str(row["text"]), int(row["count"])) for row in rows]


def count_distinct(store: Reader, run: str) -> Distinct:
    """How many answers a run has, and how many of them differ by more than blanks around them."""
    (found,) = store.query(
        """
        SELECT count(*) AS "n", count(DISTINCT hash(trim("output_text"), "extra"::JSON -> 'tools'))
            AS "distinct", coalesce(bool_or("output_text" <> ''), FALSE) AS "kept"
        FROM "samples" WHERE "run" = ? AND "error" IS NULL
        """,
        [run],
    )
    return Distinct(**found)


def same_answers(store: Reader, one: str, other: str) -> float | None:
    """The share of pairs to which two runs gave the same answer; None when no answer was kept."""
    (found,) = store.query(
        """
        SELECT avg((a."output_text" = b."output_text"
                AND a."extra" IS NOT DISTINCT FROM b."extra")::INT) AS "share",
            bool_or(a."output_text" <> '' OR b."output_text" <> '') AS "kept"
        FROM "samples" AS a JOIN "samples" AS b ON a."item" = b."item" AND a."repeat" = b."repeat"
        WHERE a."run" = ? AND b."run" = ? AND a."error" IS NULL AND b."error" IS NULL
        """,
        [one, other],
    )
    return found["share"] if found["kept"] else None


def different_answers(store: Reader, one: str, other: str, space: str) -> list[DifferentAnswers]:
    """The pairs where both runs have an answer, whose texts differ by more than `space` around.

    Pairs with calls of tools are all given: their ids may be left out where they are compared.
    """
    rows = store.query(
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
    return [DifferentAnswers(**row) for row in rows]


def newest_answers(store: Reader, run: str, items: Sequence[str]) -> list[Answer]:
    """What a run answered to these items."""
    rows = store.query(
        """
        SELECT "item", "repeat", "output_text", "extra", "error" FROM newest_samples($run)
        WHERE list_contains($items, "item")
        """,
        {"run": run, "items": list(items)},
    )
    return [Answer(**row) for row in rows]


def first_answers(
    store: Reader, run: str, sampled: str, grader: str, positions: Sequence[int]
) -> list[FirstAnswer]:
    """The answers of repeat 0 to the items at these positions, the oldest first.

    `sampled` is the run that holds the samples, `run` the one that holds the scores.
    """
    rows = store.query(
        """
        SELECT s."position", s."output_text", s."extra", s."created", i."item", g."score"
        FROM "samples" AS s JOIN "items" AS i ON i."digest" = s."item"
        LEFT JOIN "scores" AS g ON g."run" = $run AND g."name" = $grader
            AND g."position" = s."position" AND g."repeat" = 0 AND g."score" IS NOT NULL
        WHERE s."run" = $sampled AND s."repeat" = 0 AND s."error" IS NULL
            AND s."position" IN (SELECT unnest($positions))
        ORDER BY s."created"
        """,
        {"run": run, "grader": grader, "sampled": sampled, "positions": list(positions)},
    )
    return [FirstAnswer(**row) for row in rows]


def first_lengths(
    store: Reader, run: str, positions: Sequence[int] | None = None
) -> list[tuple[int, int]]:
    """The characters of each item and its answer of repeat 0, by position; of all, or of these."""
    rows = store.query(
        """
        SELECT s."position", max(length(s."output_text") + length(i."item")) AS "length"
        FROM "samples" AS s JOIN "items" AS i ON i."digest" = s."item"
        WHERE s."run" = $run AND s."repeat" = 0 AND s."error" IS NULL
            AND ($positions IS NULL OR s."position" IN (SELECT unnest($positions)))
        GROUP BY 1 ORDER BY 1
        """,
        {"run": run, "positions": positions},
    )
    return [(row["position"], row["length"]) for row in rows]


def items_at(store: Reader, run: str, positions: Sequence[int]) -> list[tuple[str, int]]:
    """The items at these positions of a run's split, each with its position."""
    rows = store.query(
        'SELECT DISTINCT "item", "position" FROM "samples" WHERE "run" = $run'
        ' AND "position" IN (SELECT unnest($positions))',
        {"run": run, "positions": list(positions)},
    )
    return [(row["item"], row["position"]) for row in rows]
