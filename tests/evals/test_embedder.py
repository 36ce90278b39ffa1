"""Which model embeds is a part of a run: runs of different embedders are kept apart."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from flywheel.engines.here import Here
from flywheel.errors import ChangedPlan, NotComparable
from flywheel.evals.decision.compare import compare
from flywheel.evals.decision.gate import Case, judge
from flywheel.evals.grading.regrade import begin_regrade, find_regrade
from flywheel.evals.results.results import the_run
from flywheel.evals.run.measure import Bench, begin
from flywheel.evals.run.plan import Plan
from flywheel.models.digest import content_digest
from flywheel.samplers.local.scoring.embedder import default_folder
from flywheel.store.store import open_store
from graders.definition import read_grader, wire_json
from graders.grader import Pins
from tests.evals.world import Echo, go_on, plan, write_evalset

CLOSE = {
    "type": "text_similarity",
    "name": "close",
    "evaluation_metric": "cosine",
    "reference": "{{ item.gold }}",
}
FUZZY = {**CLOSE, "name": "fuzzy", "evaluation_metric": "fuzzy_match"}
OTHER = Pins(str, embedder="b" * 64)


class Vector:
    """Embeds every text the same way."""

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        return [(1.0, 0.0) for _ in texts]


@pytest.mark.wide
def test_a_run_keeps_the_files_of_its_embedder(tmp_path: Path) -> None:
    evalset = write_evalset(tmp_path / "e", graders=[CLOSE, FUZZY], primary="close")
    close, fuzzy = plan(evalset).graders
    folder = default_folder()
    assert folder is not None
    assert wire_json(close)["embedder_digest"] == content_digest(str(folder))
    assert "embedder_digest" not in wire_json(fuzzy)


def test_a_multi_ties_its_parts() -> None:
    multi = read_grader(
        {"type": "multi", "name": "m", "graders": {"close": CLOSE}, "calculate_output": "close"}
    )
    assert multi.pinned(OTHER).embedders() == {"b" * 64}
    assert multi.embedders() == frozenset()


@pytest.mark.wide
def test_runs_of_different_embedders_do_not_mix(tmp_path: Path) -> None:
    evalset = write_evalset(tmp_path / "e", items=4, graders=[CLOSE], primary="close")

    def measured(of: Plan) -> str:
        engine = Here(samplers={of.model: Echo()}, embedder=Vector())
        return go_on(of, begin(of, store), Bench(store, engine)).run.run

    today, other = plan(evalset), plan(evalset)
    vars(other)["graders"] = tuple(one.pinned(OTHER) for one in other.evalset.graders)
    with open_store(tmp_path / "store.duckdb") as store:
        ours, theirs = measured(today), measured(other)
        differ = r"graders \(close: another (embedding model|definition)"
        with pytest.raises(NotComparable, match=differ):
            compare(store, ours, [theirs])
        with pytest.raises(NotComparable, match=differ):
            judge(store, Case(baseline=ours, candidate=theirs))
        with pytest.raises(ChangedPlan, match="graders changed: close was "):
            today.check_same(the_run(store, theirs))
        again = begin_regrade(store, ours, [read_grader(CLOSE).pinned(OTHER)])
        with pytest.raises(ChangedPlan, match="close compared embeddings of another model"):
            find_regrade(store, again.run)
        with pytest.raises(ChangedPlan, match="its graders changed: close was "):
            find_regrade(store, again.run, [read_grader(CLOSE)])
