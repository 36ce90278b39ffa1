"""The digests of the stored definitions, so that each is written once.

Only the first 64 bits of a digest are kept in memory, since a run may have a million items. In one
of thirty million stores of a million digests, two share those bits; the later row would be missing,
which `flywheel store check` reports.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel.store.rows.arrow import ArrowBatch, pyarrow

if TYPE_CHECKING:
    import duckdb
    import numpy as np
    from numpy.typing import NDArray

# New digests wait in a set and are sorted in when there are many: sorting costs, sets take space.
_MOST_LOOSE = 20_000


class Known:
    """The digests of each definition table, loaded at the first write to the table.

    Digests that a group adds are dropped again unless the group is committed. Only for the writer's
    thread.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._sorted: dict[str, NDArray[np.uint64]] = {}
        self._loose: dict[str, set[int]] = {}
        self._new: dict[str, set[int]] = {}

    def drop_from(self, batch: ArrowBatch, table: str) -> ArrowBatch:
        """The batch without rows whose digest is known, or occurs earlier in the batch."""
        import numpy as np

        arrow = pyarrow()
        known = self._of(table)
        loose, new = self._loose[table], self._new.setdefault(table, set())
        short = np.array([int(d[:16], 16) for d in batch.column("digest").to_pylist()], np.uint64)
        places = np.searchsorted(known, short)
        found = np.zeros(len(short), np.bool_)
        inside = places < len(known)
        found[inside] = known[places[inside]] == short[inside]
        mask: list[bool] = []
        for name, there in zip(short.tolist(), found.tolist(), strict=True):
            mask.append(not there and name not in loose and name not in new)
            if mask[-1]:
                new.add(name)
        return batch if all(mask) else batch.filter(arrow.array(mask, arrow.bool_()))

    def keep_new(self) -> None:
        """Keep the digests added since the last commit."""
        import numpy as np

        for table, new in self._new.items():
            loose = self._loose[table]
            loose |= new
            if len(loose) > _MOST_LOOSE:
                fresh = np.fromiter(loose, np.uint64, len(loose))
                self._sorted[table] = np.sort(np.concatenate([self._sorted[table], fresh]))
                loose.clear()
        self._new.clear()

    def forget_new(self) -> None:
        """Drop the digests added since the last commit."""
        self._new.clear()

    def _of(self, table: str) -> NDArray[np.uint64]:
        if table not in self._sorted:
            import numpy as np

            cursor = self._connection.execute(f'SELECT "digest" FROM "{table}"')
            parts: list[NDArray[np.uint64]] = [np.empty(0, np.uint64)]
            while rows := cursor.fetchmany(10_000):
                parts.append(np.array([int(row[0][:16], 16) for row in rows], np.uint64))
            self._sorted[table] = np.sort(np.concatenate(parts))
            self._loose[table] = set()
        return self._sorted[table]
