"""Definitions: what the digests in other tables stand for. Each content is kept once.

evalsets, items, graders, prompts and models.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

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
    """One item. `evalset` is the digest of the version where it was seen first, `item` the row as
    JSON: its cluster and its tags are read from there, as each version names them."""

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
    found = store.query(f'SELECT {MODELS.quoted} FROM "models" WHERE "digest" = ?', [digest])
    return ModelRow(**found[0]) if found else None
