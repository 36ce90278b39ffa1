"""The store keeps its pace. The bounds leave room for a busy machine; load.py measures."""

from __future__ import annotations

from pathlib import Path

from tests.store.load import measure_asking, measure_writing


def test_small_batches_are_written_fast_and_take_no_memory(tmp_path: Path) -> None:
    load = measure_writing(tmp_path / "s.duckdb", rows=200_000, batch=200)
    assert load.rows_per_second > 20_000
    assert load.megabytes_gained < 200


def test_answers_come_soon_at_a_steady_pace(tmp_path: Path) -> None:
    load = measure_writing(tmp_path / "s.duckdb", rows=20_000, batch=100, per_second=10_000)
    assert load.median_ms < 250


def test_a_run_of_many_samples_is_resumed_at_once(tmp_path: Path) -> None:
    asked = measure_asking(tmp_path / "s.duckdb", samples=100_000)
    assert asked.open_and_resume < 2
    assert asked.summary < 2
