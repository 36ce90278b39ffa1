"""Logs that were cut, and metrics of promptfoo that are sums: what a file counts is held to."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from flywheel.errors import BadFile, NotComparable
from flywheel.evals.decision.gate import Case, judge
from flywheel.evals.results.results import load_result
from flywheel.importers.formats.archive import open_archive
from flywheel.importers.formats.inspect_ai import read_inspect
from flywheel.importers.formats.lm_eval import read_lm_eval
from flywheel.importers.formats.promptfoo import read_promptfoo
from flywheel.importers.import_runs import Read, import_runs
from flywheel.importers.verdict import Naming
from flywheel.store.store import open_store

LOGS = Path(__file__).parent / "logs"


def inspect_zip(folder: Path) -> Path:
    """A zip of inspect_ai that kept one sample of eight."""
    path = folder / "cut.eval"
    with open_archive(LOGS / "inspect-a.eval") as log, zipfile.ZipFile(path, "w") as cut:
        for name in ("header.json", "samples/fr_epoch_1.json"):
            cut.writestr(name, log.read(name))
    return path


def inspect_json(folder: Path) -> Path:
    """A log in JSON without its second epoch, and without the sum of its samples."""
    log = json.loads((LOGS / "inspect-b.json").read_text())
    log["samples"] = [one for one in log["samples"] if one["epoch"] == 1]
    log["results"].pop("total_samples")
    path = folder / "cut.json"
    path.write_text(json.dumps(log))
    return path


def lm_eval(folder: Path) -> Path:
    """The samples of an lm-eval task, all but the last, beside their results."""
    samples = next((LOGS / "lm-eval-small").glob("samples_continents_*"))
    for other in samples.parent.glob("results_*"):
        (folder / other.name).write_bytes(other.read_bytes())
    path = folder / samples.name
    path.write_text("".join(samples.read_text().splitlines(keepends=True)[:-1]))
    return path


def promptfoo(folder: Path) -> Path:
    """Results of promptfoo without the last one."""
    log = json.loads((LOGS / "promptfoo" / "results.json").read_text())
    log["results"]["results"].pop()
    path = folder / "results.json"
    path.write_text(json.dumps(log))
    return path


@pytest.mark.parametrize(
    ("read", "cut", "story"),
    [
        (read_inspect, inspect_zip, "it has 1 of the 8 samples that it declares"),
        (read_inspect, inspect_json, "it has 4 of the 8 samples that it declares"),
        (read_lm_eval, lm_eval, "it has 3 of the 4 items that it declares"),
        (read_promptfoo, promptfoo, "it has 7 of the 8 results that it declares"),
    ],
)
def test_a_log_that_was_cut_is_refused_or_unfinished(
    tmp_path: Path, read: Read, cut: Callable[[Path], Path], story: str
) -> None:
    path, db = cut(tmp_path), tmp_path / "s.duckdb"
    with pytest.raises(BadFile, match=f"{story}.* --partial"):
        import_runs(read, path, Naming(), db)
    assert not db.exists()
    short = [run for run in import_runs(read, path, Naming(partial=True), db) if run.lacks]
    assert short and short[-1].lacks == story
    (other, *_) = import_runs(read, path, Naming(partial=True, run="other"), db)
    with open_store(db) as store:
        name = short[-1].row.run
        assert load_result(store, name).status == "interrupted"
        with pytest.raises(NotComparable, match="its log holds less than it counts"):
            judge(store, Case(baseline=name, candidate=other.row.run))


def test_sums_of_older_promptfoo_become_means(tmp_path: Path) -> None:
    log = json.loads((LOGS / "promptfoo" / "results.json").read_text())
    first = log["results"]["results"][0]
    again = {**first["testCase"]["assert"][0], "weight": 3}
    first["testCase"]["assert"] = [*first["testCase"]["assert"], again]
    first["namedScores"] = {"named": 2, "brief": 1}
    first["gradingResult"]["componentResults"].append(first["gradingResult"]["componentResults"][0])
    first["gradingResult"].pop("namedScoreWeights")
    path = tmp_path / "results.json"
    path.write_text(json.dumps(log))
    found = list(read_promptfoo(path, Naming()))
    scores = {one.grader: one.score for one in found if one.item == found[0].item}
    assert scores["named"] == 1.0 and scores["brief"] == 1.0
    # Newer versions weigh and divide themselves.
    first["gradingResult"]["namedScoreWeights"] = {"named": 4, "brief": 1}
    first["namedScores"] = {"named": 0.75, "brief": 1}
    path.write_text(json.dumps(log))
    again_found = list(read_promptfoo(path, Naming()))
    assert {v.grader: v.score for v in again_found[:3]}["named"] == 0.75
