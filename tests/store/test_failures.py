"""Damaged files, full disks and places that cannot be written: one line, with a remedy."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from flywheel.store.errors import BrokenStore, StoreFailed
from flywheel.store.store import open_store
from flywheel.store.upkeep.check import check_store
from flywheel.store.upkeep.export import export_store
from flywheel.store.upkeep.rebuild import rebuild_store
from tests.store.process import line, python
from tests.store.rows import sample, whole

FILL = """
import resource, sys
from pathlib import Path
from flywheel.errors import FlywheelError
from flywheel.store.store import open_store
from tests.store.rows import sample

store = open_store(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (2_000_000, 2_000_000))
acked, heard = [], []
import os
for i in range(100):
    try:
        rows = [sample("r", i, j, output_text=os.urandom(500).hex()) for j in range(100)]
        if store.write(f"b{i}", {"samples": rows}):
            acked.append(i)
    except FlywheelError as error:
        heard.append(f"{type(error).__name__}: {error}")
store.close()
print(len(acked), len(heard), flush=True)
print(heard[0], flush=True)
print(heard[-1], flush=True)
"""

DENIED = """
import ctypes, os, sys
# Not even root may write then; for others the folder's own mode says no.
for capability in (1, 2):
    ctypes.CDLL(None).prctl(24, capability, 0, 0, 0)
code = '''
import sys
from pathlib import Path
from flywheel.errors import FlywheelError
from flywheel.store.store import open_store
try:
    open_store(Path(sys.argv[1]))
except FlywheelError as error:
    print(f"{type(error).__name__}: {error}")
'''
os.execv(sys.executable, [sys.executable, "-c", code, sys.argv[1]])
"""


def garbage(path: Path) -> None:
    path.write_bytes(b"this is no database" * 1_000)


def empty_header(path: Path) -> None:
    path.write_bytes(bytes(100_000))


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flipped(path: Path) -> None:
    """One wrong byte in each block of data; the three headers stay as they are."""
    data = bytearray(path.read_bytes())
    for start in range(3 * 4096, len(data), 262_144):
        data[start + 5_000] ^= 0xFF
    path.write_bytes(data)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        store.write("b", whole("r", items=2_000))
        export_store(store, tmp_path / "export")
    return path


@pytest.mark.parametrize("harm", [garbage, empty_header, cut_short, flipped])
def test_a_damaged_file_says_so_and_is_rebuilt(
    path: Path, tmp_path: Path, harm: Callable[[Path], None]
) -> None:
    harm(path)
    try:
        told = "\n".join(finding.story for finding in check_store(path).findings)
    except BrokenStore as error:
        told = str(error)
        assert "\n" not in told
    assert "flywheel store rebuild EXPORT --db NEW" in told
    rebuild_store(tmp_path / "export", tmp_path / "new.duckdb")
    assert check_store(tmp_path / "new.duckdb").findings == []


@pytest.mark.parametrize("harm", [garbage, empty_header])
def test_a_damaged_file_is_not_opened(path: Path, harm: Callable[[Path], None]) -> None:
    harm(path)
    before = path.read_bytes()
    with pytest.raises(BrokenStore, match="flywheel store rebuild"):
        open_store(path)
    assert path.read_bytes() == before


def test_a_folder_is_no_store(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match="--db"):
        open_store(tmp_path)


def test_a_place_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(StoreFailed, match=r"cannot be opened for writing: No such file.*--db"):
        open_store(tmp_path / "nowhere" / "s.duckdb")


@pytest.mark.skipif(sys.platform != "linux", reason="it drops Linux capabilities")
@pytest.mark.parametrize("name", [":memory:", ":memory:a", "md:a", "sqlite:a.db", "s3:a"])
def test_a_name_is_that_of_a_file_whatever_duckdb_makes_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with open_store(Path(name)) as store:
        store.write("b", whole("a"))
    assert (tmp_path / name).is_file()
    assert check_store(Path(name)).rows["runs"] == 1


def test_a_question_mark_in_a_path_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "why?"
    folder.mkdir()
    with pytest.raises(StoreFailed, match="no log for a path with a question mark; choose another"):
        open_store(folder / "s.duckdb")
    assert list(folder.iterdir()) == []


def test_a_disk_without_a_byte_left_still_tells_what_is_wrong(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    open_store(path).close()
    code = (
        "import resource, sys; from pathlib import Path;"
        "from flywheel.store.upkeep.check import check_store;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0));"
        "print(check_store(Path(sys.argv[1])).findings)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    tmp_path.chmod(0o555)
    with python(DENIED, tmp_path / "s.duckdb") as process:
        said = line(process)
    tmp_path.chmod(0o755)
    assert said.startswith("StoreFailed: ")
    assert "cannot be opened for writing: Permission denied; choose another place" in said


def test_a_full_disk_stops_the_writing_and_keeps_what_was_acknowledged(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with python(FILL, path) as process:
        acked, refused = map(int, line(process).split())
        first, last = line(process), line(process)
    assert acked > 0
    assert acked + refused == 100
    assert first == last, "later writes are refused for the same reason"
    assert "the disk is full" in first and "free some space" in first
    with open_store(path) as store:
        (found,) = store.query(
            'SELECT count(*) AS "n", (SELECT count(*) FROM "batches") AS "b" FROM "samples"'
        )
        assert found["n"] == 100 * found["b"]
        assert found["b"] >= acked
        assert store.write("more", {"samples": [sample("r", 500)]})
