"""Parameters do not make DuckDB import pandas, and nobody else is kept from it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from flywheel.store.read_server import ReadServer
from flywheel.store.store import open_store
from tests.cli.command import flywheel
from tests.store.rows import whole

ASKED = """
import sys
from pathlib import Path
import duckdb
from flywheel.store.store import connect
from flywheel.store.execute import execute
from flywheel.store.reader import Reader

reader = Reader(Path("x"), connect(Path(sys.argv[1])))
params = ["a", 1, 1.5, True, None, ["a"]]
assert reader.query("SELECT ? AS a, ?, ?, ?, ?, ?", params)[0]["a"] == "a"
assert reader.columns("SELECT $n AS n", {"n": 2})["n"].tolist() == [2]
assert "pandas" not in sys.modules
try:
    with reader.cursor() as cursor:
        execute(cursor, "SELECT nothing, ?", [1])
except duckdb.BinderException:
    pass
import pandas
assert reader.query("SELECT ? AS t", [pandas.NaT]) == [{"t": None}]
print("done")
"""

MANY = """
import sys
from pathlib import Path
from flywheel.store.store import open_store
from flywheel.store.tables.samples import find_cached, first_lengths

tries = []

class Spy:
    def find_spec(self, name, path=None, target=None):
        if name == "pandas":
            tries.append(name)

with open_store(Path(sys.argv[1])) as store:
    sys.meta_path.insert(0, Spy())
    for count in (3, 300):
        find_cached(store, [f"{n:064x}" for n in range(count)])
        first_lengths(store, "r", list(range(count)))
        print(len(tries))
        tries.clear()
"""

READ = """
import sys
from pathlib import Path
from flywheel.store.read_server import RemoteReader

reader = RemoteReader(Path(sys.argv[1]))
assert reader.query('SELECT "run" FROM "runs" WHERE "run" = ?', ["r"]) == [{"run": "r"}]
assert "pandas" not in sys.modules
"""


def test_rows_that_the_owner_reads_import_no_pandas(tmp_path: Path) -> None:
    with open_store(tmp_path / "s.duckdb") as store:
        store.write("a", whole("r"))
        server = ReadServer(store)
        server.start()
        command = [sys.executable, "-c", READ, str(store.path)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        server.close()
    assert done.returncode == 0, done.stderr


def test_parameters_import_no_pandas_and_it_can_be_imported_after_them(tmp_path: Path) -> None:
    pytest.importorskip("pandas")
    command = [sys.executable, "-c", ASKED, str(tmp_path / "s.duckdb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "done\n"), done.stderr


def test_a_long_list_makes_duckdb_look_for_pandas_no_more_often(tmp_path: Path) -> None:
    command = [sys.executable, "-c", MANY, str(tmp_path / "s.duckdb")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    few, many = done.stdout.split()
    assert few == many, done.stderr


def test_a_command_that_reads_imports_no_pandas(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("a", whole("r"))
    done = flywheel("show", "r", "--db", path, PYTHONPROFILEIMPORTTIME="1")
    assert done.returncode == 0
    assert "| duckdb" in done.stderr and "pandas.core" not in done.stderr
