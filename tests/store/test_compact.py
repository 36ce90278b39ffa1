"""Compacting gives the space of the past back, and leaves the old file or the new one, whole."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import pytest

from flywheel.store.errors import StoreFailed, StoreInUse
from flywheel.store.reads.item_sets import keep_item_set
from flywheel.store.store import connect, open_store
from flywheel.store.tables.reads import Read, chain_head, read_of
from flywheel.store.upkeep.check import check_store
from flywheel.store.upkeep.compact import compact_store
from tests.store.older import write_older
from tests.store.process import line, python
from tests.store.rows import NOON, item_digest, run, sample, whole

KILLS = int(os.environ.get("FLYWHEEL_KILLS", "10"))
TEST = run("r", split="test")
COMPACT = """
import sys
from pathlib import Path
from flywheel.store.upkeep.compact import compact_store
print("ready", flush=True)
while True:
    compact_store(Path(sys.argv[1]))
    print("compacted", flush=True)
"""


def grown(path: Path, dead: int = 4_000) -> dict[str, Any]:
    """A store from which many long answers are gone, and what it still holds."""
    with open_store(path) as store:
        store.write("whole", {**whole("r"), "runs": [TEST]})
        items = keep_item_set(store, [item_digest(0), item_digest(1)])
        store.write("read", {"reads_chain": [read_of(TEST, "eval", Read("c", items, "{}"), NOON)]})
        for start in range(0, dead, 1_000):
            rows = [
                sample("gone", n, output_text=os.urandom(1_000).hex())
                for n in range(start, start + 1_000)
            ]
            store.write(f"gone-{start}", {"samples": rows})
    connection = connect(path)
    connection.execute("""DELETE FROM "samples" WHERE "run" = 'gone'""")
    connection.execute("""UPDATE "batches" SET "rows" = 0 WHERE "batch" LIKE 'gone%'""")
    connection.close()
    return contents(path)


def contents(path: Path) -> dict[str, Any]:
    """Every row of every table, in its order, and the order of the migrations."""
    with open_store(path) as store:
        names = [row["name"] for row in store.query("SHOW TABLES")]
        return {name: store.query(f'SELECT * FROM "{name}" ORDER BY rowid') for name in names}


def test_the_space_of_the_past_is_given_back(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    held = grown(path)
    path.chmod(0o640)
    done = compact_store(path)
    assert done.before > 8_000_000 > 5_500_000 > done.after == path.stat().st_size
    assert path.stat().st_mode & 0o777 == 0o640
    assert list(tmp_path.iterdir()) == [path]
    assert contents(path) == held
    assert check_store(path).findings == []
    with open_store(path) as store:
        assert store.write("whole", whole("r")) is False, "the ledger is there too"
        assert store.write(
            "after", {"reads_chain": [read_of(TEST, "eval", Read("c", "set", "{}"), NOON)]}
        )
        assert chain_head(store).reads == 2
        assert store.query("SELECT count(*) AS n FROM newest_samples('r')") == [{"n": 4}]


def test_a_kill_leaves_the_old_file_or_the_new_one(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    held, moment = grown(path, 1_000), random.Random(0)
    for _ in range(KILLS):
        with python(COMPACT, path) as process:
            assert line(process) == "ready"
            time.sleep(moment.uniform(0, 1.5))
            process.kill()
        assert contents(path) == held
        assert not (tmp_path / "s.duckdb.wal").exists()
    compact_store(path)
    assert list(tmp_path.iterdir()) == [path], "what the killed ones left is gone"
    assert check_store(path).findings == []


def test_a_store_in_use_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path), pytest.raises(StoreInUse):
        compact_store(path)
    with pytest.raises(StoreFailed, match="no such file"):
        compact_store(tmp_path / "nothing.duckdb")
    assert not (tmp_path / "nothing.duckdb").exists()


def test_tables_of_somebody_else_are_not_lost(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    open_store(path).close()
    connection = connect(path)
    connection.execute("CREATE TABLE mine AS SELECT 1 AS x")
    connection.close()
    before = path.read_bytes()
    with pytest.raises(StoreFailed, match=r"not Flywheel's \(mine\)"):
        compact_store(path)
    assert path.read_bytes() == before


def test_an_older_store_is_migrated_and_compacted(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    write_older(path, 3, [whole("r")])
    compact_store(path)
    assert check_store(path).findings == []


def test_a_damaged_store_stays_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    grown(path, 1_000)
    data = bytearray(path.read_bytes())
    for at in range(300_000, len(data), 50_000):
        data[at] ^= 0xFF
    path.write_bytes(data)
    with pytest.raises(StoreFailed):
        compact_store(path)
    assert list(tmp_path.iterdir()) == [path]
