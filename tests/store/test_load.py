"""The store takes no memory that grows with what it was given. tests/store/load.py has its pace."""

from __future__ import annotations

from pathlib import Path

from tests.store.load import measure_asking, measure_writing


def test_small_batches_take_no_memory(tmp_path: Path) -> None:
    load = measure_writing(tmp_path / "s.duckdb", rows=200_000, batch=200)
    assert load.megabytes_gained < 200


def test_a_run_of_many_samples_is_found_again_whole(tmp_path: Path) -> None:
    assert measure_asking(tmp_path / "s.duckdb", samples=100_000).samples == 100_000
