"""How many items a gain takes, told before anything is spent."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from flywheel.errors import BadOption
from flywheel.evals.decision.sample_size import Wish, forecast
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.store.store import Store, open_store
from tests.evals.world import Echo, measure, plan, write_evalset, wrong_on


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


@pytest.mark.parametrize(
    ("effect", "discordance", "items"),
    [(0.10, 0.20, 152), (0.05, 0.20, 622), (0.02, 0.20, 3920), (0.05, 0.10, 305)],
)
def test_the_numbers_of_pass_and_fail_items(
    tmp_path: Path, effect: float, discordance: float, items: int
) -> None:
    evalset = load_evalset(str(write_evalset(tmp_path / "e")))
    found = forecast(evalset, Wish(effect=effect, discordance=discordance))
    assert found.items == pytest.approx(items, abs=3)
    assert found.as_json()["splits"]["dev"]["items"] == 20
    assert [row["items"] for row in found.as_json()["table"]] == sorted(
        (row["items"] for row in found.as_json()["table"]), reverse=True
    )


def test_a_later_look_takes_more(tmp_path: Path) -> None:
    evalset = load_evalset(str(write_evalset(tmp_path / "e")))
    needed = [forecast(evalset, Wish(look=look)).items for look in (1, 2, 5)]
    assert needed == sorted(needed) and needed[0] < needed[2]


def test_two_runs_tell_the_spread(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a = measure(store, plan(folder, "a"), wrong_on(*range(30))).run.run
    b = measure(store, plan(folder, "b"), wrong_on(*range(20, 40))).run.run
    found = forecast(load_evalset(str(folder)), Wish(), store, [a, b])
    assert "30% differ" in found.spread.source
    assert found.spread.sd is None and found.spread.discordance == pytest.approx(0.3)
    twin = measure(store, plan(folder, "c"), wrong_on(*range(30))).run.run
    with pytest.raises(BadOption, match="agree on every item"):
        forecast(load_evalset(str(folder)), Wish(), store, [a, twin])
    with pytest.raises(BadOption, match="two runs"):
        forecast(load_evalset(str(folder)), Wish(), store, [a])


def test_what_the_baseline_took_is_what_a_candidate_will_take(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    took = measure(store, plan(folder, "a"), Echo(), "baseline").seconds
    found = forecast(load_evalset(str(folder)), Wish(effect=0.2), store)
    assert found.seconds == pytest.approx(found.items * took / 20)
    assert found.price is None
    measure(store, plan(folder, "a"), Echo(), "baseline")
    again = forecast(load_evalset(str(folder)), Wish(effect=0.2), store)
    assert again.seconds is None, "what came from the cache says nothing of time"


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        (Wish(effect=0.0), "above 0"),
        (Wish(effect=0.3, discordance=0.2), "--discordance 0.3 or more"),
        (Wish(power=1.0), "--power between 0 and 1"),
        (Wish(discordance=1.5), "at most 1"),
    ],
)
def test_wishes_that_mean_nothing_are_refused(tmp_path: Path, wish: Wish, told: str) -> None:
    evalset = load_evalset(str(write_evalset(tmp_path / "e")))
    with pytest.raises(BadOption, match=told):
        forecast(evalset, wish)


def test_a_split_that_is_not_there_is_not_planned_for(tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e")
    (folder / "train.jsonl").unlink()
    assert set(forecast(load_evalset(str(folder)), Wish()).splits) == {"dev", "test"}
