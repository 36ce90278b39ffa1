"""Definitions: the contents of the digests in other tables. Each content is stored once.

evalsets, items, graders, prompts and models.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


class EvalsetRow(NamedTuple):
    """One version. `definition` is the JSON whose digest it is."""

    digest: str
    name: str
    definition: str
    created: datetime


EVALSETS = Table("evalsets", EvalsetRow, key=("digest",), definition=True)


class ItemRow(NamedTuple):
    """One item. `evalset` is the digest of the first version with it, `item` the row as JSON. Its
    cluster and tags are read from the JSON, by the fields that each version names."""

    digest: str
    evalset: str
    split: str
    position: int
    id: str
    item: str


ITEMS = Table("items", ItemRow, key=("digest",), definition=True)


class GraderRow(NamedTuple):
    """One grader. `definition` is its wire JSON."""

    digest: str
    name: str
    type: str
    definition: str


GRADERS = Table("graders", GraderRow, key=("digest",), definition=True)


class PromptRow(NamedTuple):
    """One prompt. `messages` is the JSON list of its template messages."""

    digest: str
    messages: str


PROMPTS = Table("prompts", PromptRow, key=("digest",), definition=True)


class ModelRow(NamedTuple):
    """One model. `kind` is its sampler's; `detail` is JSON: URL, adapter and base digests."""

    digest: str
    name: str
    kind: str
    detail: str


MODELS = Table("models", ModelRow, key=("digest",), definition=True)


def find_model(store: Reader, digest: str) -> ModelRow | None:
    """The model of this digest."""
    return store.first(ModelRow, f'{MODELS.select} WHERE "digest" = ?', [digest])


def evalset_definition(store: Reader, digest: str) -> str | None:
    """The definition of an evalset's version as JSON, None where it is unknown."""
    return store.value('SELECT "definition" FROM "evalsets" WHERE "digest" = ?', [digest])


def grader_definition(store: Reader, digest: str | None) -> str | None:
    """The definition of a grader as JSON, None where it is unknown."""
    return store.value('SELECT "definition" FROM "graders" WHERE "digest" = ?', [digest])


def prompt_messages(store: Reader, digest: str) -> str | None:
    """The messages of a prompt as JSON, None where it is unknown."""
    return store.value('SELECT "messages" FROM "prompts" WHERE "digest" = ?', [digest])


def item_texts(store: Reader, digests: Sequence[str]) -> dict[str, str]:
    """The JSON of those of these items that are stored."""
    sql = 'SELECT "digest", "item" FROM "items" WHERE list_contains($items, "digest")'
    return dict(store.tuples(sql, {"items": list(digests)}))


def texts_of_run(store: Reader, run: str) -> list[tuple[str, str]]:
    """The digest and the JSON of every item that a run has samples of."""
    return store.tuples(
        """
        SELECT "digest", "item" FROM "items" SEMI JOIN (
            SELECT DISTINCT "item" FROM "samples" WHERE "run" = ?
        ) AS s ON s."item" = "items"."digest"
        """,
        [run],
    )


def item_fields(
    store: Reader, runs: Sequence[str], paths: Mapping[str, str | None]
) -> list[dict[str, Any]]:
    """The digest and `id` of every item that has a verdict in one of these runs.

    Each with the text at each of `paths` (name to JSON path), None if the item has none.
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
