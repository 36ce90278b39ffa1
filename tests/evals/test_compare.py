"""Two runs are compared item by item, and only where they measure the same thing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption, NoRun, NotComparable
from flywheel.evals.decision.compare import compare
from flywheel.evals.decision.gate import Case, judge
from flywheel.evals.results.results import the_run
from flywheel.evals.results.worst_items import slices
from flywheel.samplers.sampler import Output
from flywheel.store.store import Store, open_store
from tests.evals.world import Echo, failing_on, measure, plan, say, write_evalset, wrong_on


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


def run_of(store: Store, folder: Path, model: Echo, name: str = "m", **choice: Any) -> str:
    """A finished run of that model; each name is a model of its own."""
    return measure(store, plan(folder, name, **choice), model).run.run


def test_wins_losses_and_ties_are_counted_by_item(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", tags=["kind"])
    a = run_of(store, folder, wrong_on(0, 1, 2, 3, 4, 5), "a")
    b = run_of(store, folder, wrong_on(5, 6), "b")
    (candidate,) = compare(store, a, [b]).candidates
    found = candidate.primary
    assert found is not None and found.paired is not None
    assert (found.paired.wins, found.paired.losses, found.paired.ties) == (5, 1, 14)
    assert (found.fixed, found.broken) == (5, 1)
    assert found.paired.difference == pytest.approx(0.2)
    assert found.role == "primary"
    assert found.mde is not None and 0.2 < found.mde < 0.6
    assert [part.tag for part in candidate.slices] == ["kind=even", "kind=odd"]


def test_changed_tags_block_nothing_and_the_newest_run_slices(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    a = run_of(store, folder, wrong_on(0, 1, 2, 3, 4, 5), "a")
    write_evalset(folder, tags=["kind"], description="Numbers said back.")
    b = run_of(store, folder, wrong_on(5, 6), "b")
    tags = [part.tag for part in compare(store, a, [b]).candidates[0].slices]
    assert tags == ["kind=even", "kind=odd"]
    assert [part.tag for part in compare(store, b, [a]).candidates[0].slices] == tags
    assert judge(store, Case(baseline=a, candidate=b)).decision.outcome == "undecided"
    assert [slices(store, the_run(store, name)) == [] for name in (a, b)] == [True, False]


def test_an_item_that_one_run_has_no_score_for_is_in_no_pair(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    a = run_of(store, folder, wrong_on(0, 1), "a")
    b = run_of(store, folder, failing_on(0, 7, 8), "b")
    found = compare(store, a, [b]).candidates[0].graders["same"]
    assert found.pairs.missing == 3
    assert found.as_json()["n"] == 17
    assert found.as_json()["ungraded"] == {"baseline": 0, "candidate": 3}


def test_runs_without_a_common_item_are_refused(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=4)
    a = run_of(store, folder, failing_on(0, 1), "a")
    b = run_of(store, folder, failing_on(2, 3), "b")
    with pytest.raises(NotComparable, match=r"no item in common that 'same' graded"):
        compare(store, a, [b])


@pytest.mark.parametrize(
    ("fields", "choice", "told"),
    [
        ({"group": "kind"}, {}, "evalset version"),
        ({}, {"split": "train"}, "split (dev against train)"),
        ({}, {"temperature": 1.0}, "sampling parameters"),
    ],
)
def test_runs_of_different_things_are_refused(
    store: Store, tmp_path: Path, fields: dict[str, Any], choice: dict[str, Any], told: str
) -> None:
    folder = write_evalset(tmp_path / "e")
    a = run_of(store, folder, Echo(), "a")
    write_evalset(folder, **fields)
    b = run_of(store, folder, Echo(), "b", **choice)
    with pytest.raises(NotComparable) as refusal:
        compare(store, a, [b])
    assert told in str(refusal.value)


def test_other_graders_are_refused(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    a = run_of(store, folder, Echo(), "a")
    write_evalset(
        folder,
        graders=[{"type": "string_check", "name": "same", "operation": "ne", "reference": "x"}],
    )
    b = run_of(store, folder, Echo(), "b")
    with pytest.raises(NotComparable, match="graders"):
        compare(store, a, [b])


def test_many_candidates_pay_for_their_number(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    a = run_of(store, folder, wrong_on(*range(8)), "a")
    others = [run_of(store, folder, wrong_on(n), f"c{n}") for n in range(6)]
    alone = compare(store, a, others[:1]).candidates[0].primary
    among = compare(store, a, others).candidates[0].primary
    assert alone and among and alone.paired and alone.paired.p
    assert alone.adjusted == alone.paired.p
    assert among.adjusted == pytest.approx(min(1.0, 6 * alone.paired.p))


def test_groups_make_fewer_of_many(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", group="kind")
    a = run_of(store, folder, wrong_on(0, 1, 2), "a")
    b = run_of(store, folder, Echo(), "b")
    found = compare(store, a, [b]).candidates[0].primary
    assert found and found.paired and found.paired.clusters == 2


def test_repeats_are_averaged_before_pairing(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=10)
    half = Echo(lambda p: say(p) if len(half.asked) % 2 else Output("no"))
    a = run_of(store, folder, half, "a", repeats=2)
    b = run_of(store, folder, Echo(), "b", repeats=2)
    found = compare(store, a, [b]).candidates[0].primary
    assert found and found.paired and found.paired.n == 10
    assert found.paired.difference == 0.5
    assert found.paired.low is not None and found.paired.low < 0.5, "never a zero-width interval"


def test_a_run_is_not_compared_with_itself(store: Store, tmp_path: Path) -> None:
    a = run_of(store, write_evalset(tmp_path / "e"), Echo(), "a")
    with pytest.raises(BadOption, match="each once"):
        compare(store, a, [a])
    with pytest.raises(BadOption):
        compare(store, a, [])
    with pytest.raises(BadOption):
        compare(store, a, ["latest"])
    with pytest.raises(NoRun, match="no run 'nobody'"):
        compare(store, a, ["nobody"])


def test_the_newest_runs_have_short_names(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    a, b = run_of(store, folder, wrong_on(0), "a"), run_of(store, folder, Echo(), "b")
    found = compare(store, "latest~1", ["latest"])
    assert (found.baseline.run, found.candidates[0].run.run) == (a, b)
    with pytest.raises(NoRun, match="latest~2"):
        compare(store, "latest~2", ["latest"])
