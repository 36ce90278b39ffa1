"""items: every item that was ever sampled, once for each content.

The digest alone tells items apart. An item that stays the same from one version of its evalset to
the next keeps its row, with the split and position where it was seen first.
"""

from __future__ import annotations

from typing import NamedTuple

from flywheel.store.rows.table import Table


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
