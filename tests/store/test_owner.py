"""One process owns a store; others learn which one, and a dead one owns nothing."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flywheel.store.errors import StoreFailed, StoreInUse
from flywheel.store.owner import find_owner, own, owner_path
from flywheel.store.store import open_store
from flywheel.store.upkeep.check import check_store
from tests.store.process import line, python
from tests.store.rows import sample

OWN = """
import sys
from pathlib import Path
from flywheel.store.store import open_store
with open_store(Path(sys.argv[1]), *sys.argv[2:]):
    print("open", flush=True)
    sys.stdin.read()
"""


@pytest.mark.parametrize("url", ["http://127.0.0.1:8000", None])
def test_a_second_process_is_told_who_has_it(tmp_path: Path, url: str | None) -> None:
    path = tmp_path / "s.duckdb"
    with python(OWN, path, *([url] if url else [])) as process:
        assert line(process) == "open"
        owner = find_owner(path)
        assert owner and (owner.pid, owner.url) == (process.pid, url)
        for refused in (open_store, check_store):
            with pytest.raises(StoreInUse, match=f"in use by process {process.pid}") as caught:
                refused(path)
            assert (url or "serves no URL") in str(caught.value)
        process.communicate("", timeout=300)
    assert find_owner(path) is None
    assert not owner_path(path).exists()
    open_store(path).close()


def test_what_a_killed_owner_left_is_taken_over(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with python(OWN, path) as process:
        line(process)
    assert json.loads(owner_path(path).read_text())["pid"] == process.pid
    assert find_owner(path) is None
    with open_store(path) as store:
        owner = find_owner(path)
        assert owner and owner.pid == os.getpid()
        assert store.write("b", {"samples": [sample("r", 0)]})


def test_one_process_cannot_own_a_store_twice(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path), pytest.raises(StoreInUse, match="open in this process already"):
        open_store(path)


def test_of_many_that_want_it_one_gets_it(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    code = """
import sys, time
from pathlib import Path
from flywheel.store.errors import StoreFailed, StoreInUse
from flywheel.store.owner import own
try:
    own(Path(sys.argv[1]))
    print("mine", flush=True)
except StoreInUse:
    print("taken", flush=True)
sys.stdin.read()
"""
    with python(code, path) as a, python(code, path) as b, python(code, path) as c:
        assert sorted(line(process) for process in (a, b, c)) == ["mine", "taken", "taken"]


def test_nobody_owns_what_is_not_there(tmp_path: Path) -> None:
    assert find_owner(tmp_path / "s.duckdb") is None
    owner_path(tmp_path / "s.duckdb").write_text("garbage")
    assert find_owner(tmp_path / "s.duckdb") is None
    ownership = own(tmp_path / "s.duckdb")
    ownership.give_up()
    ownership.give_up()


def test_a_link_to_a_store_is_the_store(tmp_path: Path) -> None:
    path, link = tmp_path / "s.duckdb", tmp_path / "elsewhere" / "link.duckdb"
    link.parent.mkdir()
    link.symlink_to(path)
    with python(OWN, path) as process:
        assert line(process) == "open"
        owner = find_owner(link)
        assert owner and owner.pid == process.pid
        for refused in (open_store, check_store):
            with pytest.raises(StoreInUse, match=f"in use by process {process.pid}"):
                refused(link)
        process.communicate("", timeout=300)
    with open_store(link) as store:
        assert store.write("b", {"samples": [sample("r", 0)]})
        assert find_owner(path) is not None
    assert [found.name for found in link.parent.iterdir()] == ["link.duckdb"]
    with open_store(path) as store:
        assert store.write("b", {"samples": [sample("r", 0)]}) is False


def test_links_in_a_circle_are_refused(tmp_path: Path) -> None:
    one, other = tmp_path / "one.duckdb", tmp_path / "other.duckdb"
    one.symlink_to(other)
    other.symlink_to(one)
    for refused in (open_store, check_store):
        with pytest.raises(StoreFailed, match=r"circle|no such file"):
            refused(one)


def test_a_store_that_another_program_has_open_is_not_called_damaged(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    open_store(path).close()
    code = """
import sys, duckdb
connection = duckdb.connect(sys.argv[1])
print("open", flush=True)
sys.stdin.read()
"""
    with python(code, path) as process:
        assert line(process) == "open"
        with pytest.raises(StoreInUse, match="another program has it open"):
            open_store(path)
