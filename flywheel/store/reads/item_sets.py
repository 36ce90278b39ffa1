"""Item sets: which items a read of a sealed split was about, or a split holds, each set once."""

from __future__ import annotations

from collections.abc import Iterable

from flywheel.store.rows.table import utc_now
from flywheel.store.store import Store
from flywheel.store.tables.batches import has_batch
from flywheel.store.tables.reads import SetItemRow, SplitSetRow, set_digest

_ROWS = 20_000


def keep_item_set(store: Store, items: Iterable[str]) -> str:
    """Store a set of items, unless the store has it, and return its name.

    It is on disk when this returns, so that a read may name it.
    """
    known = sorted(set(items))
    name = set_digest(known)
    starts = range(0, len(known), _ROWS)
    # Batches are written in their order: with the last one, all of them are there.
    if starts and has_batch(store, f"item_set/{name}/{starts[-1]}"):
        return name
    acks = [
        store.append(
            f"item_set/{name}/{start}",
            {"item_sets": [SetItemRow(name, item) for item in known[start : start + _ROWS]]},
        )
        for start in starts
    ]
    for ack in acks:
        ack.result()
    return name


def keep_split_set(store: Store, evalset: str, split: str, keys: Iterable[str]) -> str:
    """Write down which items a split holds that is not sealed: none of them belongs in test.

    Returns the name of their set.
    """
    name = keep_item_set(store, keys)
    row = SplitSetRow(name, evalset, split, utc_now())
    store.write(f"split_set/{split}/{evalset}/{name}", {"split_sets": [row]})
    return name
