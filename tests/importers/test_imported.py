"""Rows of another harness become runs that compare, and rows that cannot be are refused whole."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadFile, BadOption, NotComparable
from flywheel.evals.decision.compare import compare
from flywheel.evals.results.results import load_result
from flywheel.importers.formats.verdict_rows import read_scores
from flywheel.importers.import_runs import import_runs
from flywheel.importers.verdict import Naming, RunTaken
from flywheel.importers.write import Imported
from flywheel.store.store import open_store
from flywheel.store.tables.reads import chain_head
from flywheel.store.tables.runs import run_status
from flywheel.store.upkeep.check import check_store


def row(run: str, item: object, score: float | None, grader: str = "exact", **more: Any) -> Any:
    """A row as it stands in a file."""
    return {"run": run, "item": item, "grader": grader, "score": score, **more}


def imported(
    tmp_path: Path,
    rows: list[Any],
    evalset: str | None = "faq",
    split: str = "dev",
    primary: str | None = None,
) -> list[Imported]:
    """Import these rows into the store `s.duckdb`."""
    path, db = tmp_path / "rows.jsonl", tmp_path / "s.duckdb"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    return import_runs(read_scores, path, Naming(evalset, split), db, primary)


def is_sound(tmp_path: Path) -> bool:
    """Whether every row of the store leads where it should."""
    return not check_store(tmp_path / "s.duckdb").findings


def test_two_runs_of_one_file_compare_item_by_item(tmp_path: Path) -> None:
    rows = [row("a", f"q{n}", n % 2) for n in range(10)] + [row("b", f"q{n}", 1) for n in range(10)]
    found = imported(tmp_path, rows)
    assert [(one.row.run, one.row.items, one.verdicts, one.new) for one in found] == [
        ("a", 10, 10, True),
        ("b", 10, 10, True),
    ]
    with open_store(tmp_path / "s.duckdb") as store:
        primary = compare(store, "a", ["b"]).candidates[0].primary
        assert primary and primary.paired and primary.paired.difference == pytest.approx(0.5)
        assert (primary.fixed, primary.broken, primary.pairs.missing) == (5, 0, 0)
        assert load_result(store, "a").figures["exact"].as_json()["mean"] == 0.5
        assert run_status(store, "a") == "finished"
    assert is_sound(tmp_path)


def test_runs_over_different_parts_of_a_split_compare_where_they_meet(tmp_path: Path) -> None:
    imported(tmp_path, [row("a", f"q{n}", 0) for n in range(8)])
    imported(tmp_path, [row("b", f"q{n}", 1) for n in reversed(range(4, 12))])
    with open_store(tmp_path / "s.duckdb") as store:
        primary = compare(store, "a", ["b"]).candidates[0].primary
    assert primary and primary.paired and primary.paired.n == 4
    assert primary.pairs.missing == 8


@pytest.mark.parametrize(
    ("second", "naming", "told"),
    [
        ({}, {"evalset": "other"}, "evalset version"),
        ({}, {"split": "train"}, "split"),
        ({"grader": "judge"}, {}, "graders"),
        ({"group": "g"}, {}, "evalset version"),
    ],
)
def test_runs_that_measure_different_things_do_not_compare(
    tmp_path: Path, second: dict[str, Any], naming: dict[str, str], told: str
) -> None:
    imported(tmp_path, [row("a", "q", 0)])
    imported(tmp_path, [row("b", "q", 1, **second)], **naming)
    with (
        open_store(tmp_path / "s.duckdb") as store,
        pytest.raises(NotComparable) as refusal,
    ):
        compare(store, "a", ["b"])
    assert told in str(refusal.value)


def test_the_first_grader_decides_unless_one_is_named(tmp_path: Path) -> None:
    rows = [row("a", "q", 0, "brief"), row("a", "q", 1, "exact"), row("b", "q", 1, "exact")]
    assert [one.row.primary_grader for one in imported(tmp_path, rows)] == ["brief", "brief"]
    rows = [{**one, "run": one["run"] + "2"} for one in rows]
    assert imported(tmp_path, rows, primary="exact")[0].row.primary_grader == "exact"
    with pytest.raises(BadOption, match="faq has no grader 'exakt'; it has brief, exact"):
        imported(tmp_path, rows, primary="exakt")


def test_null_is_ungraded_and_in_no_mean(tmp_path: Path) -> None:
    rows = [row("a", "q1", 1), row("a", "q2", None, error="judge down"), row("a", "q3", None)]
    (found,) = imported(tmp_path, rows)
    assert found.ungraded == 2
    with open_store(tmp_path / "s.duckdb") as store:
        figure = load_result(store, "a").figures["exact"].as_json()
        details = store.query('SELECT "error_detail" AS "d" FROM "scores" ORDER BY "position"')
    assert (figure["mean"], figure["n"], figure["ungraded"]) == (1.0, 3, 2)
    assert [one["d"] for one in details] == [None, "judge down", "no score, and no reason given"]


def test_what_a_row_says_of_its_answer_is_kept(tmp_path: Path) -> None:
    said: dict[str, Any] = {
        "output": "Oslo \ud800",
        "prompt_tokens": 9,
        "completion_tokens": 2,
        "price": 0.5,
    }
    rows = [
        row("a", 7, 1, **said, seconds=2, repeat=1, group=3, model="m", reason="named"),
        row("a", 7, 0.25, "judge", repeat=1),
        row("a", 7, 0, repeat=0, passed=True),
    ]
    (found,) = imported(tmp_path, rows)
    assert (found.row.model, found.row.repeats, found.samples) == ("m", 2, 2)
    with open_store(tmp_path / "s.duckdb") as store:
        sample = store.query('SELECT * FROM "samples" WHERE "repeat" = 1')[0]
        scores = store.query('SELECT "name", "passed", "reason" FROM "scores" ORDER BY rowid')
        item = store.query('SELECT "id", "item" FROM "items"')[0]
    assert (sample["output_text"], sample["prompt_tokens"], sample["price"]) == ("Oslo ?", 9, 0.5)
    assert [tuple(one.values()) for one in scores] == [
        ("exact", True, "named"),
        ("judge", False, ""),
        ("exact", True, ""),
    ]
    assert (item["id"], json.loads(item["item"])) == ("7", {"group": "3", "id": "7"})
    assert is_sound(tmp_path)


def test_groups_are_clusters(tmp_path: Path) -> None:
    rows = [row(run, f"q{n}", n % 2, group=f"g{n // 4}") for run in "ab" for n in range(12)]
    imported(tmp_path, rows)
    with open_store(tmp_path / "s.duckdb") as store:
        primary = compare(store, "a", ["b"]).candidates[0].primary
    assert primary and primary.paired and primary.paired.clusters == 3


def test_the_same_file_twice_is_harmless_also_with_a_run_more(tmp_path: Path) -> None:
    rows = [row("a", f"q{n}", 1) for n in range(3)]
    imported(tmp_path, rows)
    (again,) = imported(tmp_path, rows)
    assert not again.new
    more = imported(tmp_path, [*rows, row("b", "q0", 1)])
    assert [(one.row.run, one.new) for one in more] == [("a", False), ("b", True)]
    with open_store(tmp_path / "s.duckdb") as store:
        assert load_result(store, "a").cost.samples == 3


@pytest.mark.parametrize("change", [{"score": 0}, {"output": "x"}, {"item": "q2"}, {"model": "m"}])
def test_a_taken_name_is_refused_with_all_the_file(tmp_path: Path, change: dict[str, Any]) -> None:
    imported(tmp_path, [row("a", "q", 1)])
    rows = [row("new", "q", 1), {**row("a", "q", 1), **change}]
    with pytest.raises(RunTaken, match=r"already has a run 'a' with other"):
        imported(tmp_path, rows)
    with open_store(tmp_path / "s.duckdb") as store:
        assert not store.query('SELECT 1 FROM "runs" WHERE "run" = \'new\'')


def test_an_import_that_died_is_completed_by_the_next(tmp_path: Path) -> None:
    rows = [row(run, f"q{n}", n % 2) for run in "ab" for n in range(4)]
    steps = 0

    def die(count: int) -> None:
        nonlocal steps
        steps += 1
        if steps == 5:  # the items of the second run
            raise KeyboardInterrupt

    path, db = tmp_path / "rows.jsonl", tmp_path / "s.duckdb"
    path.write_text("".join(json.dumps(one) + "\n" for one in rows))
    with pytest.raises(KeyboardInterrupt):
        import_runs(read_scores, path, Naming("faq"), db, advance=die)
    with open_store(db) as store:
        assert [run_status(store, run) for run in "ab"] == ["interrupted", "interrupted"]
    imported(tmp_path, rows)
    with open_store(db) as store:
        assert [run_status(store, run) for run in "ab"] == ["finished", "finished"]
        assert compare(store, "a", ["b"]).candidates[0].primary
    assert is_sound(tmp_path)


def test_test_is_looked_at_in_public(tmp_path: Path) -> None:
    imported(tmp_path, [row("a", "q", 1)], split="test")
    with open_store(tmp_path / "s.duckdb") as store:
        assert chain_head(store).reads == 1


P = '{"run": "a", "item": "p", "grader": "g", "score": 1, '
GOOD = '{"run": "a", "item": "q", "grader": "g", "score": 1}'


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ('{"run": "a", "item": "q", "grader": "g", "score": NaN}', ":2:1: not JSON: NaN"),
        ('{"run": "a", "item": "q", "grader": "g", "score": Infinity}', ":2:1: not JSON: Inf"),
        ('{"run": "a", "item": "q", "grader": "g", "score": 1e999}', ":2:42: score: wanted a fin"),
        ('{"run": "a", "item": "q", "grader": "g", "score": "1"}', ":2:42: score: wanted a finite"),
        ('{"run": "a", "item": "q", "grader": "g", "score": true}', ":2:42: score: wanted a fini"),
        (f'{{"run": "a", "item": "q", "grader": "g", "score": {"9" * 400}}}', ":2:42: score: wan"),
        ('{"run": "a", "item": "q", "grader": "g"}', ":2:1: score: this field is missing"),
        ('{"run": "a", "item": "", "grader": "g", "score": 1}', ":2:14: item: wanted text"),
        ('{"run": "a\\n", "item": "q", "grader": "g", "score": 1}', ":2:2: run: wanted a name"),
        (P + '"sore": 1}', ":2:54: sore: unknown"),
        (
            P + '"error": "x"}',
            ":2:54: error: a row",
        ),
        (
            '{"run": "a", "item": "p", "grader": "g", "score": null, "passed": true}',
            "passed: needs",
        ),
        (
            P + '"repeat": -1}',
            ":2:54: repeat: wan",
        ),
        (P + '"repeat": 1e9}', ":2:54: repeat: w"),
        (
            P + '"split": "x"}',
            ":2:54: split: want",
        ),
        (P + '"price": -1}', "price: wanted 0 or"),
        (
            P + '"split": "test"}',
            "has two values of split",
        ),
        (P + '"model": "m"}', "has two values of model"),
        (GOOD, ":2:1: duplicate verdict of 'g' on item 'q', repeat 0, in run 'a'"),
        (
            '{"run": "a", "item": "q", "grader": "h", "score": 1, "output": "x"}',
            "rows of one answer",
        ),
        ("[1]", ":2:1: a row is a JSON object, got [1]"),
        ("[" * 5_000, ":2:1: not JSON: it is nested too deeply"),
        ('{"run": "a"', "not JSON: Expecting ','"),
    ],
)
def test_a_bad_row_is_refused_with_its_place_and_nothing_is_written(
    tmp_path: Path, line: str, told: str
) -> None:
    path, db = tmp_path / "rows.jsonl", tmp_path / "s.duckdb"
    path.write_text(f"{GOOD}\n{line}\n")
    with pytest.raises(BadFile) as refusal:
        import_runs(read_scores, path, Naming("faq"), db)
    assert str(refusal.value).startswith(f"{path}:2:")
    assert told in str(refusal.value)
    assert not db.exists()


def test_an_evalset_is_named_by_the_rows_or_by_an_option(tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="evalset: this field is missing; add it, or"):
        imported(tmp_path, [row("a", "q", 1)], evalset=None)
    (found,) = imported(tmp_path, [row("a", "q", 1, evalset="mine")], evalset=None)
    assert found.row.evalset == "mine"
    with pytest.raises(BadOption, match="--split must be one of train, dev, test, got 'prod'"):
        Naming(split="prod")
    with pytest.raises(BadFile, match="has no verdicts"):
        imported(tmp_path, [])
