"""What may be said of a comparison, and what may not."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel.evals.decision.compare import compare
from flywheel.evals.decision.conclude import conclude, spread_of
from flywheel.evals.decision.flips import load_flips
from flywheel.store.store import Store, open_store
from tests.evals.world import Echo, failing_on, measure, plan, write_evalset, wrong_on


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


def said(store: Store, folder: Path, before: Echo, *after: Echo, split: str = "test") -> list[str]:
    a = measure(store, plan(folder, "a", split=split), before).run.run
    runs = [
        measure(store, plan(folder, f"c{n}", split=split), model).run.run
        for n, model in enumerate(after)
    ]
    found = compare(store, a, runs)
    return conclude(found, found.candidates[0])


def test_a_shown_gain_is_said_with_its_doubt(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    (told,) = said(store, folder, wrong_on(*range(20)), Echo())
    assert told.startswith("same: better, +20.0 points (95% +13.")
    assert told.endswith("p <.001).")


def test_a_loss_is_called_a_loss(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    assert "same: worse, -20.0 points" in said(store, folder, Echo(), wrong_on(*range(20)))[0]


def test_what_is_not_shown_is_not_called_equal(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    first, second = said(store, folder, wrong_on(1, 2, 3), wrong_on(4, 5))
    assert first.startswith("same: no difference is shown, +1.0 points")
    assert second.startswith("This does not show that there is none: 100 items detect")
    assert "items to detect 1.0 points" in second


def test_equal_answers_say_nothing_of_what_could_be_found(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=10)
    told = said(store, folder, wrong_on(1), wrong_on(1))
    assert "agree too much" in told[1]


def test_gaps_are_told(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    told = said(store, folder, wrong_on(*range(40, 60)), failing_on(*range(20)))
    assert "Left out, for lack of a score in one run or in both: 20 items." in told
    assert any("20% of the candidate's samples have no verdict" in line for line in told)


def test_dev_is_called_dev(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    told = said(store, folder, wrong_on(*range(20)), Echo(), split="dev")
    assert told[-1].startswith("Measured on dev")


def test_seeds_show_how_much_is_luck(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a = measure(store, plan(folder, "a"), wrong_on(*range(20))).run.run
    runs = [measure(store, plan(folder, f"s{n}"), wrong_on(*range(n))).run.run for n in (0, 5, 10)]
    told = spread_of(compare(store, a, runs))
    assert told.startswith("3 candidates gain +10.0 to +20.0 points, 5.0 points of spread (sd)")


def test_flips_show_both_answers_and_reasons(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=30)
    a = measure(store, plan(folder, "a"), wrong_on(1, 2, 3)).run.run
    b = measure(store, plan(folder, "b"), wrong_on(7)).run.run
    found = compare(store, a, [b])
    flips = load_flips(store, found, found.candidates[0], most=2)
    assert [(flip.change, flip.id) for flip in flips] == [
        ("broken", "i7"),
        ("fixed", "i1"),
        ("fixed", "i2"),
    ]
    assert (flips[0].before_output, flips[0].after_output) == ("7", "no")
    assert flips[0].after_reason == "'no' eq '7' is False"
    assert load_flips(store, found, found.candidates[0], most=0) == []
