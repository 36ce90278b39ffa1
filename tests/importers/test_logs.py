"""Real logs of inspect_ai, lm-eval and promptfoo, number by number."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel.errors import BadFile
from flywheel.evals.decision.compare import compare
from flywheel.evals.results.results import load_result
from flywheel.importers.formats.inspect_ai import read_inspect
from flywheel.importers.formats.lm_eval import read_lm_eval
from flywheel.importers.formats.promptfoo import read_promptfoo
from flywheel.importers.import_runs import Read, import_runs
from flywheel.importers.verdict import Naming, Verdict
from flywheel.store.store import open_store
from flywheel.store.upkeep.check import check_store

LOGS = Path(__file__).parent / "logs"
CAPITALS = {
    size: next((LOGS / f"lm-eval-{size}").glob("samples_capitals_*")) for size in ("small", "large")
}
CONTINENTS = next((LOGS / "lm-eval-large").glob("samples_continents_*"))
PROMPTFOO = LOGS / "promptfoo" / "results.json"


def verdicts(read: Read, path: Path, naming: Naming | None = None) -> list[Verdict]:
    """All verdicts in a log."""
    return list(read(path, naming or Naming()))


def scored(found: list[Verdict], run: str = "") -> dict[tuple[str, str | None, int], float | None]:
    """Scores by item, grader and repeat, of the runs that are called so at the end."""
    return {
        (one.item, one.grader, one.repeat): one.score
        for one in found
        if one.source.run.endswith(run)
    }


def test_inspect_letters_objects_and_nothing_are_what_inspect_makes_of_them() -> None:
    found = scored(verdicts(read_inspect, LOGS / "inspect-a.eval"))
    # C is 1, I is 0; the scorer of Oslo said that it has no score; Narnia's request failed.
    assert found["fr", "letter", 0] == found["fr", "letter", 1] == found["no", "letter", 0] == 1.0
    assert found["3", "letter", 0] == 0.0
    assert (found["fr", "style/length", 0], found["fr", "style/polite", 0]) == (5.0, 0.0)
    assert (found["fr", "unsure", 0], found["no", "unsure", 0]) == (0.5, None)
    assert (found["na", None, 0], found["na", None, 1]) == (None, None)
    partial = scored(verdicts(read_inspect, LOGS / "inspect-b.json"))
    assert partial["fr", "letter", 0] == 0.5, "P"
    assert ("3", "unsure", 0) not in partial, "its scorer gave nothing"


def test_inspect_says_why_there_is_no_score_and_what_it_cost() -> None:
    found = {(v.item, v.grader): v for v in verdicts(read_inspect, LOGS / "inspect-a.eval")}
    assert found["no", "unsure"].error == "the judge gave no verdict; unscored"
    assert found["na", None].error == "RuntimeError('no such country')"
    assert found["na", None].answer.error == "RuntimeError('no such country')"
    answer = found["fr", "letter"].answer
    assert (answer.output, answer.prompt_tokens, answer.completion_tokens) == ("Paris", 8, 3)
    assert answer.price == pytest.approx(0.00004)
    assert found["fr", "letter"].source.evalset == "capitals"
    assert found["fr", "letter"].source.model == "mockllm/model"


def test_runs_of_inspect_compare(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    grouped = Naming(group="region")
    (one,) = import_runs(read_inspect, LOGS / "inspect-a.eval", grouped, db)
    (other,) = import_runs(read_inspect, LOGS / "inspect-b.json", grouped, db)
    # Three of eight samples are without `unsure`, two failed: 2 x (3 + 1) + 2, and 2 more in b.
    assert (one.row.repeats, one.row.items, one.samples, one.ungraded) == (2, 4, 8, 10)
    assert other.ungraded == 12
    with open_store(db) as store:
        found = compare(store, one.row.run, [other.row.run]).candidates[0]
        assert (load_result(store, one.row.run).cost.errors, found.run.kind) == (2, "import")
    letter = found.graders["letter"]
    assert letter.role == "primary"
    assert letter.as_json()["wins"] == letter.as_json()["losses"] == 1
    assert letter.as_json()["ungraded"] == {"baseline": 2, "candidate": 2}
    assert letter.paired and letter.paired.clusters == 2
    assert not check_store(db).findings


def test_lm_eval_filters_are_graders_of_their_own() -> None:
    naming = Naming()
    found = scored(verdicts(read_lm_eval, CAPITALS["small"], naming))
    graders = ("exact_match,strict", "exact_match,last_word")
    assert [[found[item, grader, 0] for item in "0123"] for grader in graders] == [
        [1.0, 0.0, 0.0, 0.0],
        [1.0, 1.0, 0.0, 1.0],
    ]
    assert naming.left_out == ["bleu: not one number per item"]
    first = verdicts(read_lm_eval, CAPITALS["small"])[1]
    assert (first.source.model, first.answer.output) == ("toy-small", "It is Oslo")


def test_lm_eval_metrics_of_which_less_is_better_are_left_out() -> None:
    naming = Naming()
    found = verdicts(read_lm_eval, CONTINENTS, naming)
    assert {one.grader for one in found} == {"acc", "acc_norm"}
    assert naming.left_out == ["brier_score: lower is better, but a grader's score must increase"]
    assert found[0].answer.output is None, "a model that only ranked gave no text"


def test_runs_of_lm_eval_compare(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    runs = [import_runs(read_lm_eval, path, Naming(), db)[0].row.run for path in CAPITALS.values()]
    with open_store(db) as store:
        primary = compare(store, runs[0], runs[1:]).candidates[0].primary
    assert primary and primary.grader == "exact_match,strict"
    assert primary.paired and primary.paired.difference == 0.75


def test_promptfoo_failures_are_ungraded_where_promptfoo_wrote_0() -> None:
    found = verdicts(read_promptfoo, PROMPTFOO)
    by_country = {
        (one.content["vars"]["country"], one.grader, one.repeat): one
        for one in found
        if one.content and one.source.model == "small"
    }
    assert by_country["Norway", "score", 1].score == 0.625
    assert by_country["Norway", "brief", 0].score == 0.25
    assert by_country["Sweden", "named", 0].score == 0.0
    judged, summed = by_country["Sweden", "polite", 0], by_country["Sweden", "score", 0]
    assert judged.score is summed.score is None
    assert judged.error == "Could not extract JSON from llm-rubric response"
    failed = by_country["Narnia", "named", 0]
    assert (failed.score, failed.answer.error) == (None, "upstream answered 503")
    answer = by_country["France", "named", 0].answer
    assert (answer.output, answer.prompt_tokens, answer.price) == ("Paris", 9, 2e-05)


def test_columns_of_promptfoo_are_runs_that_compare(tmp_path: Path) -> None:
    db = tmp_path / "s.duckdb"
    found = import_runs(read_promptfoo, PROMPTFOO, Naming(run="r"), db, "named")
    assert [(one.row.run, one.row.model, one.row.repeats) for one in found] == [
        ("r-0", "small", 2),
        ("r-1", "large", 2),
    ]
    assert [one.ungraded for one in found] == [8, 4]
    with open_store(db) as store:
        primary = compare(store, "r-0", ["r-1"]).candidates[0].primary
    assert primary and primary.paired
    assert (primary.paired.wins, primary.paired.n, primary.fixed) == (1, 3, 1)


@pytest.fixture(params=[read_inspect, read_lm_eval, read_promptfoo])
def read(request: pytest.FixtureRequest) -> Iterator[Read]:
    yield request.param


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[" * 9_000,
        "{}",
        "[]",
        "1",
        '{"results": 1}',
        '{"eval": [], "status": 1}',
        "\ud800",
        "9" * 9_000,
    ],
)
def test_what_is_no_log_is_one_line(tmp_path: Path, read: Read, text: str) -> None:
    path = tmp_path / "samples_t_2026-01-01T00-00-00.0.jsonl"
    if read is not read_lm_eval:
        path = tmp_path / "log.json"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    with pytest.raises(BadFile) as refusal:
        import_runs(read, path, Naming(), tmp_path / "s.duckdb")
    assert str(refusal.value).startswith(str(path)) and "\n" not in str(refusal.value)
    assert not (tmp_path / "s.duckdb").exists()
