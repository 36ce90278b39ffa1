"""flywheel store check, export and rebuild, from the outside."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from flywheel.store.store import open_store
from tests.cli.command import flywheel
from tests.store.rows import sample, whole


@pytest.fixture
def db(tmp_path: Path) -> Path:
    path = tmp_path / "flywheel.duckdb"
    with open_store(path) as store:
        store.write("b", whole("r"))
    return path


def test_a_store_goes_out_and_comes_back(db: Path, tmp_path: Path) -> None:
    folder, again = tmp_path / "export", tmp_path / "again.duckdb"
    done = flywheel("store", "export", folder, "--db", db)
    assert done.stdout == f"{db} -> {folder}: 17 rows in 21 tables\n", done.stderr
    done = flywheel("store", "rebuild", folder, "--db", again, "--json")
    told = json.loads(done.stdout)
    assert (told["ok"], told["rows"]["samples"], told["rows"]["batches"]) == (True, 4, 1)
    done = flywheel("store", "check", "--db", again)
    assert done.returncode == 0
    assert done.stdout.splitlines()[-1].startswith(f"{again}: ok, ")


def test_a_store_is_compacted_and_its_size_is_shown(db: Path) -> None:
    checked = json.loads(flywheel("store", "check", "--db", db, "--json").stdout)
    assert checked["size"] == db.stat().st_size
    done = json.loads(flywheel("store", "compact", "--db", db, "--json").stdout)
    assert (done["before"], done["after"]) == (checked["size"], db.stat().st_size)
    assert flywheel("store", "compact", "--db", db).stdout.startswith(f"{db}: 4.")
    with open_store(db):
        done = flywheel("store", "compact", "--db", db)
    assert done.returncode == 1 and "in use by process" in done.stderr


def test_the_store_is_named_by_an_option_the_environment_or_its_place(db: Path) -> None:
    assert flywheel("store", "check", "--db", db).returncode == 0
    assert flywheel("store", "check", FLYWHEEL_DB=str(db)).returncode == 0
    assert flywheel("store", "check", cwd=db.parent).returncode == 0
    assert flywheel("store", "check", cwd=db.parent.parent).returncode == 1


def test_a_finding_is_shown_and_exits_with_1(db: Path) -> None:
    with open_store(db) as store:
        store.write("c", {"samples": [sample("r", 0)]})
    done = flywheel("store", "check", "--db", db)
    assert done.returncode == 1
    assert "samples: 1 rows that are there twice, such as r " in done.stdout
    done = flywheel("store", "check", "--db", db, "--json")
    told = json.loads(done.stdout)
    assert (done.returncode, told["ok"], told["findings"][0]["count"]) == (1, False, 1)


def test_a_store_in_use_names_its_owner(db: Path, tmp_path: Path) -> None:
    with open_store(db, url="http://127.0.0.1:8000"):
        for command in (["check"], ["export", tmp_path / "export"], ["rebuild", tmp_path]):
            done = flywheel("store", *command, "--db", db)
            assert done.returncode == 1
            story = f"Error: {db}: in use by process {os.getpid()}"
            if command[0] != "rebuild":
                assert done.stderr.startswith(story)
                assert "http://127.0.0.1:8000" in done.stderr
            assert done.stderr.count("\n") == 1


def test_what_cannot_be_done_is_one_line_with_a_remedy(db: Path, tmp_path: Path) -> None:
    broken = tmp_path / "broken.duckdb"
    broken.write_bytes(b"no database" * 1_000)
    for arguments, story in (
        (("check", "--db", tmp_path / "none.duckdb"), "no such file; name the store with --db"),
        (("export", tmp_path / "e", "--db", tmp_path / "none.duckdb"), "no such file"),
        (("check", "--db", broken), "restore with `flywheel store rebuild EXPORT --db NEW`"),
        (("export", tmp_path / "e", "--db", broken), "`flywheel store rebuild EXPORT --db NEW`"),
        (("rebuild", tmp_path / "none", "--db", tmp_path / "new.duckdb"), "no complete export"),
        (("export", tmp_path, "--db", db), "name a new folder for the export"),
    ):
        done = flywheel("store", *arguments)
        assert (done.returncode, done.stdout) == (1, ""), done.stderr
        assert done.stderr.startswith("Error: ") and done.stderr.count("\n") == 1
        assert story in done.stderr
    assert not (tmp_path / "none.duckdb").exists()
