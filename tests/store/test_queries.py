"""The questions that runs ask of the store."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from flywheel.store.execute import Params
from flywheel.store.reader import Reader
from flywheel.store.rows.digest import digest
from flywheel.store.store import Store, open_store
from flywheel.store.tables.decisions import find_baseline
from flywheel.store.tables.runs import find_run, list_runs, run_seconds, run_status
from flywheel.store.tables.samples import find_cached, finished, load_cost
from flywheel.store.tables.scores import summarise
from tests.store.rows import (
    NOON,
    baseline,
    event,
    run,
    sample,
    score,
    ungraded,
    whole,
)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as opened:
        yield opened


def test_a_run_under_way_has_worked_until_its_newest_answer(store: Store) -> None:
    store.write("a", {"run_events": [event("r", "started")]})
    assert run_seconds(store, "r") == 0
    store.write("b", {"samples": [sample("r", 0, created=NOON + timedelta(seconds=7))]})
    assert run_seconds(store, "r") == 7
    store.write("c", {"run_events": [event("r", "finished", minute=1)]})
    assert run_seconds(store, "r") == 60


def test_the_pause_after_a_kill_is_no_work(store: Store) -> None:
    events = [event("r", "started"), event("r", "started", 10), event("r", "finished", 11)]
    late = sample("r", 1, created=NOON + timedelta(minutes=10, seconds=30))
    first = sample("r", 0, created=NOON + timedelta(seconds=7))
    store.write("a", {"run_events": events, "samples": [first, late]})
    assert run_seconds(store, "r") == 7 + 60


class Asked(Reader):
    """Reads a store, and keeps what it was asked."""

    def __init__(self, store: Store) -> None:
        super().__init__(store.path, store._connection)  # pyright: ignore[reportPrivateUsage]
        self.queries: list[str] = []

    def query(self, sql: str, params: Params = ()) -> list[dict[str, Any]]:
        self.queries.append(sql)
        return super().query(sql, params)


def test_a_run_without_a_failure_is_summed_up_without_looking_for_later_rows(store: Store) -> None:
    store.write("a", whole("r"))
    store.write("b", {"run_events": [event("r", "finished", 1)]})
    asked = Asked(store)
    assert load_cost(asked, "r").errors == 0
    assert [one.ungraded for one in summarise(asked, "r")] == [{}]
    run_seconds(asked, "r")
    assert not [sql for sql in asked.queries if "newest_" in sql or "UNION" in sql]


def test_what_was_asked_again_counts_once(store: Store) -> None:
    rows = [sample("r", 0, error="timeout"), sample("r", 1, price=0.5), sample("r", 0, price=0.25)]
    store.write("a", {"samples": rows})
    assert load_cost(store, "r")[:2] == (2, 0)
    assert load_cost(store, "r").price == 0.75
    assert load_cost(store, "nobody")[:2] == (0, 0)


def test_finished_is_every_pair_with_an_answer(store: Store) -> None:
    rows = [
        sample("r", 0, 0),
        sample("r", 0, 1),
        sample("r", 1, 0, error="timeout"),
        sample("r", 2, 1, error="timeout"),
        sample("r", 2, 1),  # asked again
        sample("other", 1, 1),
        sample("r", 9, 0),  # no longer in the plan
        sample("r", 0, 5),
    ]
    store.write("b", {"samples": rows})
    assert finished(store, "r", 3, 2).tolist() == [[True, True], [False, False], [False, True]]
    assert finished(store, "r", 2, 1).tolist() == [[True], [False]]
    assert not finished(store, "nobody", 3, 2).any()
    assert finished(store, "r", 0, 2).shape == (0, 2)
    left = np.argwhere(~finished(store, "r", 3, 2))
    assert left.tolist() == [[1, 0], [1, 1], [2, 0]]


def test_the_newest_answer_is_in_the_cache(store: Store) -> None:
    late = NOON.replace(hour=13)
    rows = [
        sample("a", 0, output_text="old"),
        sample("b", 0, output_text="new", created=late),
        sample("c", 0, output_text="", error="timeout", created=late.replace(hour=14)),
        sample("a", 1, error="timeout"),
        sample("a", 2, price=0.25),
    ]
    store.write("b", {"samples": rows})
    keys = [row.key for row in rows] + ["nowhere"]
    assert find_cached(store, keys) == {rows[0].key: rows[1], rows[4].key: rows[4]}
    assert find_cached(store, []) == {}


def test_repeats_are_averaged_within_their_item_first(store: Store) -> None:
    scores = [
        score("r", 0, 0, score=1.0),
        score("r", 0, 1, score=0.0, passed=False),
        score("r", 1, 0, score=1.0),
        score("r", 2, 0, score=0.0, passed=False, parsed=False),
        ungraded("r", 2, 1),
        ungraded("r", 3, 0, error_kind="model_grader_parse_error"),
        score("elsewhere", 0, 0),
    ]
    store.write("b", {"scores": scores})
    (found,) = summarise(store, "r")
    assert (found.name, found.n, found.graded, found.items) == ("exact", 6, 4, 3)
    assert (found.passed, found.unparsed) == (2, 1)
    assert found.mean == pytest.approx(0.5)
    assert found.sd == pytest.approx(0.5)
    assert found.ungraded == {"model_grader_parse_error": 1, "other_error": 1}


def test_a_verdict_stands_over_an_earlier_failure(store: Store) -> None:
    store.write("b", {"scores": [ungraded("r", 0), score("r", 0, score=0.5, passed=False)]})
    (found,) = summarise(store, "r")
    assert (found.n, found.graded, found.passed, found.mean) == (1, 1, 0, 0.5)
    assert found.sd is None
    assert found.ungraded == {}


def test_a_run_that_nobody_graded_has_no_mean(store: Store) -> None:
    store.write("b", {"scores": [ungraded("r", 0)]})
    (found,) = summarise(store, "r")
    assert (found.n, found.graded, found.items, found.mean, found.sd) == (1, 0, 0, None, None)
    assert summarise(store, "nobody") == []


def test_runs_are_listed_with_their_counts_and_status(store: Store) -> None:
    store.write("a", whole("a"))
    again = run("a2", 1, kind="regrade", parent="a")
    rows = [sample("b", 0), sample("b", 1, error="x"), sample("b", 1), sample("b", 2, error="x")]
    store.write("b", {"runs": [run("b", 2, evalset="rivers", items=3), again], "samples": rows})
    store.write("c", {"run_events": [event("a", "interrupted", 5), event("a", "finished", 9)]})
    found = list_runs(store)
    shown = [(r["run"], r["status"], r["samples"], r["errors"], r["done"]) for r in found]
    assert shown == [
        ("b", None, 3, 1, pytest.approx(1 / 3)),
        ("a2", None, 4, 0, 1.0),
        ("a", "finished", 4, 0, 1.0),
    ]
    assert [row["run"] for row in list_runs(store, 1)] == ["b"]
    assert [row["run"] for row in list_runs(store, evalset="capitals")] == ["a2", "a"]
    assert (run_status(store, "a"), run_status(store, "b")) == ("finished", None)
    assert find_run(store, "a2") == again
    assert find_run(store, "nobody") is None


def test_of_two_events_in_one_microsecond_the_later_row_counts(store: Store) -> None:
    store.write("b", {"run_events": [event("r", "started"), event("r", "failed")]})
    assert run_status(store, "r") == "failed"


def test_the_newest_baseline_holds(store: Store) -> None:
    first, second = baseline("first"), baseline("second", 1)
    other = baseline("other", 2, model_digest=digest("another model"), split="test")
    store.write("b", {"baselines": [first, second, other]})
    evalset = digest("evalset")
    assert find_baseline(store, evalset, "dev") == second
    assert find_baseline(store, evalset, "dev", model=digest("model"), prompt=digest("prompt"))
    assert find_baseline(store, evalset, "dev", sampling=digest({"temperature": 1})) is None
    assert find_baseline(store, evalset, "test") == other
    assert find_baseline(store, "another version", "dev") is None


def test_a_query_takes_parameters_by_name_and_by_place(store: Store) -> None:
    assert store.query("SELECT ? + 1 AS n", [1]) == [{"n": 2}]
    assert store.query("SELECT $x + 1 AS n", {"x": 1}) == [{"n": 2}]
    assert store.columns("SELECT $x + 1 AS n", {"x": 1})["n"].tolist() == [2]
