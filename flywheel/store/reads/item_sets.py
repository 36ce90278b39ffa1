"""Item sets: which items a read of a sealed split was about, kept once for each set."""

from __future__ import annotations

from collections.abc import Iterable

from flywheel.store.store import Store
from flywheel.store.tables.reads import SetItemRow, item_set_of, set_digest
from flywheel.store.tables.runs import RunRow
from flywheel.store.tables.samples import items_of

_ROWS = 20_000


def keep_item_set(store: Store, items: Iterable[str]) -> str:
    """Write a set of items down, unless the store has it, and give its name.

    It is on disk when this returns: then a read may name it.
    """
    known = sorted(set(items))
    name = set_digest(known)
    acks = [
        store.append(
            f"item_set/{name}/{start}",
            {"item_sets": [SetItemRow(name, item) for item in known[start : start + _ROWS]]},
        )
        for start in range(0, len(known), _ROWS)
    ]
    for ack in acks:
        ack.result()
    return name


def read_items(store: Store, run: RunRow) -> str:
    """The name of the set of items that a run read."""
    return item_set_of(store, run) or keep_item_set(store, items_of(store, run.sampled))
