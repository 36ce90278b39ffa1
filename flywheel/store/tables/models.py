"""models: every model that was ever asked, down to what tells two of one name apart."""

from __future__ import annotations

from typing import NamedTuple

from flywheel.store.reader import Reader
from flywheel.store.rows.table import Table


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
