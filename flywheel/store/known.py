"""Which definitions the store holds, so that each is written once."""

from __future__ import annotations

from typing import TYPE_CHECKING

from flywheel.store.arrow import ArrowBatch, pyarrow

if TYPE_CHECKING:
    import duckdb


class Known:
    """The digests of each table of definitions, read when a table is first written to.

    About 100 bytes a definition. What a group adds counts at once, and stays only when the group
    was committed. For the writer's thread alone.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self._connection = connection
        self._digests: dict[str, set[str]] = {}
        self._new: list[tuple[str, str]] = []

    def drop_from(self, batch: ArrowBatch, table: str) -> ArrowBatch:
        """The batch without rows whose digest is known, or stood further up in it."""
        arrow = pyarrow()
        known = self._of(table)
        mask: list[bool] = []
        for digest in batch.column("digest").to_pylist():
            mask.append(digest not in known)
            if mask[-1]:
                known.add(digest)
                self._new.append((table, digest))
        return batch if all(mask) else batch.filter(arrow.array(mask, arrow.bool_()))

    def keep_new(self) -> None:
        """What was added since is committed."""
        self._new.clear()

    def forget_new(self) -> None:
        """What was added since was not committed."""
        for table, digest in self._new:
            self._digests[table].discard(digest)
        self._new.clear()

    def _of(self, table: str) -> set[str]:
        if table not in self._digests:
            rows = self._connection.execute(f'SELECT "digest" FROM "{table}"').fetchall()
            self._digests[table] = {digest for (digest,) in rows}
        return self._digests[table]
