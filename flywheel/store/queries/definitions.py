"""What digests stand for: evalsets, graders, prompts and items."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from flywheel.store.reader import Reader


def evalset_definition(store: Reader, digest: str) -> str | None:
    """The definition of an evalset's version as JSON, None where it is unknown."""
    return _text(store, 'SELECT "definition" FROM "evalsets" WHERE "digest" = ?', digest)


def grader_definition(store: Reader, digest: str | None) -> str | None:
    """The definition of a grader as JSON, None where it is unknown."""
    return _text(store, 'SELECT "definition" FROM "graders" WHERE "digest" = ?', digest)


def prompt_messages(store: Reader, digest: str) -> str | None:
    """The messages of a prompt as JSON, None where it is unknown."""
    return _text(store, 'SELECT "messages" FROM "prompts" WHERE "digest" = ?', digest)


def item_texts(store: Reader, digests: Sequence[str]) -> dict[str, str]:
    """The JSON of each of these items that is known."""
    rows = store.query(
        'SELECT "digest", "item" FROM "items" WHERE list_contains($items, "digest")',
        {"items": list(digests)},
    )
    return {row["digest"]: row["item"] for row in rows}


def item_fields(
    store: Reader, runs: Sequence[str], paths: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """The digest and `id` of every item that has a verdict in one of these runs.

    With them the text at each of `paths` (name to JSON path), None where an item has none.
    """
    columns = "".join(f', json_extract_string("item", ${name}) AS "{name}"' for name in paths)
    return store.query(
        f"""
        SELECT "digest", "id"{columns} FROM "items" SEMI JOIN (
            SELECT DISTINCT "item" FROM "scores" WHERE list_contains($runs, "run")
        ) AS s ON s."item" = "items"."digest"
        """,
        {"runs": list(runs), **paths},
    )


def _text(store: Reader, sql: str, digest: str | None) -> str | None:
    rows = store.query(sql, [digest])
    return next((str(text) for row in rows for text in row.values()), None)
