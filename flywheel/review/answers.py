"""What two runs answered to the same items: where they differ, and the texts of a few of them."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from flywheel.review.blind import Place
from flywheel.review.rows import Verdict
from flywheel.store.reader import Reader
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.scores import VERDICTS

# The newest of several answers counts; a failed request is none.
_NEWEST = """
SELECT "run", "item", "repeat", "output_text", "extra"::JSON AS "extra", "error" FROM "samples"
WHERE list_contains($runs, "run")
QUALIFY row_number() OVER (
    PARTITION BY "run", "item", "repeat" ORDER BY "error" IS NULL DESC, "created" DESC
) = 1
"""
# Texts of answers that call tools are compared here, where the ids of calls can be left out.
_DIFFERING = f"""
WITH "newest" AS (
    SELECT *, ("extra" -> '$.tools') IS NOT NULL AS "calls" FROM ({_NEWEST}) WHERE "error" IS NULL
), "both" AS (
    SELECT a."item" AS "item", a."repeat" AS "repeat", a."calls" OR b."calls" AS "calls",
        a."output_text" AS "a_text", b."output_text" AS "b_text",
        a."extra" AS "a_extra", b."extra" AS "b_extra"
    FROM "newest" AS a JOIN "newest" AS b USING ("item", "repeat")
    WHERE a."run" = $a AND b."run" = $b
)
SELECT "item", "repeat", "calls", CASE WHEN "calls" THEN "a_text" END AS "a_text",
    CASE WHEN "calls" THEN "b_text" END AS "b_text",
    CASE WHEN "calls" THEN "a_extra" END AS "a_extra",
    CASE WHEN "calls" THEN "b_extra" END AS "b_extra"
FROM "both" WHERE "calls" OR trim("a_text", $space) <> trim("b_text", $space)
    OR ("a_extra" ->> '$.refusal') IS DISTINCT FROM ("b_extra" ->> '$.refusal')
"""
_SPACE = " \t\n\r"
_SLOT = re.compile(r"\bitem\.(\w+)")


class Asked(NamedTuple):
    """An item's fields as text: those that a prompt shows to the model, and the others."""

    asked: dict[str, str]
    rest: dict[str, str]


def differing(store: Reader, one: RunRow, other: RunRow) -> list[Place]:
    """The pairs where both runs have an answer, and not the same one.

    White space around an answer makes no difference, nor do the ids of tool calls.
    """
    a, b = one.sampled, other.sampled
    if a == b:
        return []
    rows = store.query(_DIFFERING, {"runs": [a, b], "a": a, "b": b, "space": _SPACE})
    return [
        Place(row["item"], row["repeat"])
        for row in rows
        if not row["calls"]
        or said(row["a_text"], row["a_extra"]) != said(row["b_text"], row["b_extra"])
    ]


def said(text: str, extra: str | None) -> str:
    """All that the model gave: its text, what it refused, and the tools that it called."""
    more: dict[str, Any] = json.loads(extra) if extra else {}
    parts = [text.strip(_SPACE), more.get("refusal") or "", *map(_call, more.get("tools") or ())]
    return "\n".join(part for part in parts if part)


def texts(store: Reader, run: RunRow, items: Sequence[str]) -> dict[Place, str | None]:
    """What a run answered to these items, None for a request that failed."""
    rows = store.query(
        f'FROM ({_NEWEST}) WHERE list_contains($items, "item")',
        {"runs": [run.sampled], "items": list(items)},
    )
    return {
        Place(row["item"], row["repeat"]): None
        if row["error"]
        else said(row["output_text"], row["extra"])
        for row in rows
    }


def verdicts(store: Reader, run: RunRow, grader: str, items: Sequence[str]) -> dict[Place, Verdict]:
    """The answers of a run to these items, each with what the grader said."""
    rows = store.query(
        f"""
        SELECT "item", "repeat", "score", "reason", "error_kind", "error_detail"
        FROM ({VERDICTS}) WHERE "name" = $grader AND list_contains($items, "item")
        """,
        {"run": run.run, "grader": grader, "items": list(items)},
    )
    by_place = {Place(row["item"], row["repeat"]): row for row in rows}
    found: dict[Place, Verdict] = {}
    for place, text in texts(store, run, items).items():
        row = by_place.get(place, {})
        kind = "the request failed" if text is None else row.get("error_kind")
        found[place] = Verdict(text or "", kind, row.get("score"), row.get("reason", ""))
    return found


def item_fields(store: Reader, items: Sequence[str], runs: Sequence[RunRow]) -> dict[str, Asked]:
    """The fields of these items by digest, split by whether a prompt of the runs names them."""
    prompts = store.query(
        'SELECT "messages" FROM "prompts" WHERE list_contains($digests, "digest")',
        {"digests": [run.prompt_digest for run in runs]},
    )
    named = {name for row in prompts for name in _SLOT.findall(row["messages"])}
    rows = store.query(
        'SELECT "digest", "item" FROM "items" WHERE list_contains($items, "digest")',
        {"items": list(items)},
    )
    return {row["digest"]: _split(json.loads(row["item"]), named) for row in rows}


def prompt_text(store: Reader, run: RunRow) -> str:
    """The messages of the run's prompt, each after its role; empty where no prompt is known."""
    rows = store.query('SELECT "messages" FROM "prompts" WHERE "digest" = ?', [run.prompt_digest])
    messages: Any = json.loads(rows[0]["messages"]) if rows else []
    if isinstance(messages, str):
        return messages
    return "\n\n".join(f"{m.get('role')}: {as_text(m.get('content', ''))}" for m in messages)


def _split(item: Mapping[str, Any], named: set[str]) -> Asked:
    fields = {name: as_text(value) for name, value in item.items()}
    asked = {name: text for name, text in fields.items() if name in named}
    return Asked(asked or fields, {n: t for n, t in fields.items() if asked and n not in asked})


def as_text(value: Any) -> str:
    """A field of an item as a person reads it: a text as it is, all else as JSON."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, indent=None if len(str(value)) < 80 else 2)


def _call(tool: Mapping[str, Any]) -> str:
    called: Mapping[str, Any] = tool.get("function") or tool
    return f"{called.get('name')}({as_text(called.get('arguments', ''))})"
