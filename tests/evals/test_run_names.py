"""A run that could not be named afterwards is not imported."""

from __future__ import annotations

from pathlib import Path

import pytest

from flywheel.errors import BadFile, BadOption
from flywheel.evals.results.results import the_run
from flywheel.evals.run.run_names import steps_back, why_not
from flywheel.importers.verdict import Naming
from flywheel.store.store import open_store
from tests.importers.test_imported import imported, row

BAD = ["latest", "latest~1", "latest~old", "-x", "--json", " a", "a ", "a\nb", "", "x" * 201]
GOOD = ["run-1", "my run", "org/model", "latest-2", "Latest", "2024-01-01T00:00:00", "ü"]


@pytest.mark.parametrize("name", BAD)
def test_a_name_that_leads_elsewhere_is_refused(tmp_path: Path, name: str) -> None:
    assert why_not(name)
    with pytest.raises(BadFile, match=r"rows\.jsonl:1"):
        imported(tmp_path, [row(name, "q1", 1)])
    assert not (tmp_path / "s.duckdb").exists()
    with pytest.raises(BadOption, match="--run"):
        Naming(run=name)


def test_the_refusal_says_the_way_out(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match=r"'latest': this name means the newest run; rename .*--run"):
        imported(tmp_path, [row("latest", "q1", 1)])


def test_every_name_that_is_taken_leads_to_its_run(tmp_path: Path) -> None:
    imported(tmp_path, [row(name, "q1", 1) for name in GOOD])
    with open_store(tmp_path / "s.duckdb") as store:
        assert [the_run(store, name).run for name in GOOD] == GOOD


@pytest.mark.parametrize(
    ("name", "steps"), [("latest", 0), ("latest~3", 3), ("latest~", None), ("a", None)]
)
def test_latest_counts_from_the_newest(name: str, steps: int | None) -> None:
    assert steps_back(name) == steps
