"""The gate over a real store: what it asks for, what it writes down, which look it was."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from flywheel.errors import BadOption, NoRun, NotComparable
from flywheel.evals.decision.gate import Case, judge, promote
from flywheel.evals.run.measure import begin
from flywheel.store.store import Store, open_store
from flywheel.store.tables.decisions import find_baseline
from flywheel.store.tables.definitions import ModelRow
from flywheel.store.upkeep.check import check_store
from tests.evals.world import Echo, failing_on, measure, plan, write_evalset, wrong_on
from tests.store.process import line, python


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


def run_of(store: Store, folder: Path, model: Echo, name: str, **choice: Any) -> str:
    """A finished run of that model on the test split."""
    of = plan(folder, name, **{"split": "test", **choice})
    return measure(store, of, model).run.run


def check(verdict: Any, name: str) -> tuple[str, str]:
    """State and words of one check."""
    (found,) = [check for check in verdict.decision.checks if check.name == name]
    return found.state, found.reason


BAD = wrong_on(*range(40))


def test_a_real_gain_is_promoted_and_becomes_the_baseline(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a = run_of(store, folder, BAD, "a")
    on_dev = run_of(store, folder, Echo(), "b", split="dev")
    b = run_of(store, folder, Echo(), "b")
    verdict = judge(store, Case(baseline=a, candidate=b))
    assert verdict.decision.outcome == "promote"
    promote(store, verdict)
    for split, run in (("test", b), ("dev", on_dev)):
        found = find_baseline(store, verdict.candidate.evalset_digest, split)
        assert found is not None and found.run == run
    (row,) = store.query('SELECT * FROM "comparisons"')
    assert (row["decision"], row["look"], row["alpha"]) == ("promote", 1, 0.025)
    (row,) = store.query('SELECT * FROM "promotions"')
    assert (row["baseline"], row["candidate"]) == (a, b)
    *_, read = store.query('SELECT * FROM "reads_chain" ORDER BY "n"')
    assert (read["purpose"], read["run"], read["decision"]) == ("gate", b, verdict.name)
    assert json.loads(read["rules"])["alpha"] == 0.05
    items = store.query('SELECT "item" FROM "item_sets" WHERE "item_set" = ?', [read["item_set"]])
    assert len(items) == 100
    assert verdict.as_json()["reads"] == {"reads": 3, "hash": read["hash"]}


def test_a_promotion_that_is_repeated_adds_nothing(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a = run_of(store, folder, BAD, "a")
    run_of(store, folder, Echo(), "b", split="dev")
    b = run_of(store, folder, Echo(), "b")
    for verdict in [judge(store, Case(baseline=a, candidate=b))] * 3:
        promote(store, verdict)
    promote(store, judge(store, Case(baseline=a, candidate=b)))
    counts = 'SELECT (SELECT count(*) FROM "promotions") AS "p", count(*) AS "b" FROM "baselines"'
    assert store.query(counts) == [{"p": 1, "b": 2}]


PROMOTE = """
import sys
from pathlib import Path
from flywheel.evals.decision.decide import Decision
from flywheel.evals.decision.gate import Verdict, promote
from flywheel.store.store import open_store
from tests.store.rows import run

store = open_store(Path(sys.argv[1]))
print("open", flush=True)
number = int(sys.argv[2])
while True:
    number += 1
    one, other = (run(f"r{n}", split="test") for n in (number - 1, number))
    decision = Decision("promote", (), None, 1, 0.05)
    promote(store, Verdict(f"gate-{number}", one, other, decision))
    print(number, flush=True)
"""


def test_a_promotion_and_its_baseline_outlive_a_kill_together(tmp_path: Path) -> None:
    path, random_moment, last = tmp_path / "s.duckdb", random.Random(0), 0
    for _ in range(4):
        with python(PROMOTE, path, last) as process:
            assert line(process) == "open"
            last = int(line(process))
            time.sleep(random_moment.uniform(0, 0.2))
            process.kill()
            assert process.stdout
            last = max([last, *map(int, process.stdout.read().split("\n")[:-1])])
        with open_store(path) as store:
            promoted = {row["candidate"] for row in store.query('SELECT * FROM "promotions"')}
            appointed = {row["run"] for row in store.query('SELECT * FROM "baselines"')}
            assert promoted == appointed
            assert f"r{last}" in promoted
            last = max(int(name[1:]) for name in promoted)


def test_what_was_not_promoted_cannot_become_the_baseline(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a, b = run_of(store, folder, Echo(), "a"), run_of(store, folder, BAD, "b")
    verdict = judge(store, Case(baseline=a, candidate=b))
    assert verdict.decision.outcome == "keep"
    with pytest.raises(BadOption, match="nothing is promoted"):
        promote(store, verdict)


def trained(store: Store, folder: Path, name: str, seed: int, rows: int = 9) -> None:
    """Say of the model of that name that a lever made it."""
    detail = json.dumps({"lever": "sft", "seed": seed, "config": {"seed": seed, "rows": rows}})
    row = ModelRow(plan(folder, name).model_digest, name, "local", detail)
    store.write(f"model/{name}", {"models": [row]})


def test_looks_are_counted_by_candidate_and_never_given_back(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=60)
    a = run_of(store, folder, BAD, "a")
    runs = [run_of(store, folder, wrong_on(n), f"c{n}") for n in range(3)]
    looks = [judge(store, Case(baseline=a, candidate=run)).decision.look for run in runs]
    assert looks == [1, 2, 3]
    assert judge(store, Case(baseline=a, candidate=runs[1])).decision.look == 2, "the same look"
    base = run_of(store, folder, BAD, "a", repeats=2)
    more = run_of(store, folder, wrong_on(1), "c1", repeats=2)
    assert judge(store, Case(baseline=base, candidate=more)).decision.look == 4, "more data"


def test_only_another_seed_of_the_same_training_is_a_seed(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=60)
    for name, (seed, rows) in {"s0": (0, 9), "s1": (1, 9), "same": (0, 9), "rows": (1, 8)}.items():
        trained(store, folder, name, seed, rows)
    a = run_of(store, folder, BAD, "a")
    runs = {name: run_of(store, folder, wrong_on(1), name) for name in ("s0", "s1", "same", "rows")}
    for candidate, seed, reason in (
        ("s0", "rows", "its config differs"),
        ("s0", "same", "its seed is 0 too"),
        ("s0", "a", "no lever of Flywheel trained its model"),
        ("a", "s0", "no lever of Flywheel trained the candidate"),
    ):
        names = {**runs, "a": a}
        case = Case(
            baseline=runs["s1"] if "a" in (candidate, seed) else a,
            candidate=names[candidate],
            seeds=[names[seed]],
        )
        with pytest.raises(NotComparable, match=f"is no other seed of .*: {reason}"):
            judge(store, case)
    case = Case(baseline=a, candidate=runs["s1"], seeds=[runs["s0"]])
    assert judge(store, case).decision.look == 2, "the seed was read before"
    case = Case(baseline=a, candidate=runs["s0"], seeds=[runs["s1"]])
    assert judge(store, case).decision.look == 1


def test_dev_is_not_sealed(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a = run_of(store, folder, BAD, "a", split="dev")
    b = run_of(store, folder, Echo(), "b", split="dev")
    verdict = judge(store, Case(baseline=a, candidate=b))
    assert verdict.decision.outcome == "undecided"
    assert check(verdict, "sealed") == (
        "open",
        "measured on dev, which levers may have seen: measure both with --split test and gate"
        " those runs",
    )


def test_30_percent_without_a_verdict_are_refused(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a = run_of(store, folder, BAD, "a")
    b = run_of(store, folder, failing_on(*range(0, 90, 3)), "b")
    verdict = judge(store, Case(baseline=a, candidate=b))
    assert verdict.decision.outcome == "undecided"
    assert check(verdict, "ungraded")[1].startswith("30% of the candidate's samples")


def test_a_change_that_never_reached_the_model_is_found(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=30)
    a, b = run_of(store, folder, BAD, "a"), run_of(store, folder, BAD, "b")
    verdict = judge(store, Case(baseline=a, candidate=b))
    state, told = check(verdict, "artifact")
    assert state == "fail" and "never reached the model" in told


def test_what_is_served_is_compared_with_what_was_measured(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    a, b = run_of(store, folder, BAD, "a"), run_of(store, folder, Echo(), "b")
    broken = run_of(store, folder, wrong_on(*range(30, 50)), "merged")
    verdict = judge(store, Case(baseline=a, candidate=b, served=broken))
    assert verdict.decision.outcome == "keep"
    assert check(verdict, "artifact")[1] == (
        "what will be served gives 80.0% of the answers that were measured"
    )


def test_seeds_of_a_lever_must_all_gain(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=100)
    for seed, name in enumerate(("b", "good", "bad")):
        trained(store, folder, name, seed)
    a, b = run_of(store, folder, BAD, "a"), run_of(store, folder, Echo(), "b")
    good = run_of(store, folder, wrong_on(99), "good")
    bad = run_of(store, folder, wrong_on(*range(50)), "bad")
    verdict = judge(store, Case(baseline=a, candidate=b, seeds=[good]))
    assert check(verdict, "seeds") == ("pass", "+40.0, +39.0 points: every seed gained")
    verdict = judge(store, Case(baseline=a, candidate=b, seeds=[good, bad]))
    assert check(verdict, "seeds")[0] == "fail"


def test_guards_and_audits_come_from_the_evalset(store: Store, tmp_path: Path) -> None:
    short = {"type": "string_check", "name": "short", "operation": "ne", "reference": "99"}
    same = {
        "type": "string_check",
        "name": "same",
        "operation": "eq",
        "reference": "{{ item.gold }}",
    }
    folder = write_evalset(
        tmp_path / "e", items=100, graders=[same, short], guards={"short": 0.1}, audit=["short"]
    )
    a, b = run_of(store, folder, BAD, "a"), run_of(store, folder, Echo(), "b")
    verdict = judge(store, Case(baseline=a, candidate=b))
    assert check(verdict, "guard: short")[0] == "pass"
    assert check(verdict, "audit: short")[0] == "pass"


def test_what_is_not_finished_is_not_judged(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=10)
    a = run_of(store, folder, BAD, "a")
    b = begin(plan(folder, "b", split="test"), store).run
    with pytest.raises(NotComparable, match="not begun: finish it with flywheel eval --resume"):
        judge(store, Case(baseline=a, candidate=b))


def test_words_that_make_no_case_are_refused(store: Store, tmp_path: Path) -> None:
    folder = write_evalset(tmp_path / "e", items=10)
    a, b = run_of(store, folder, BAD, "a"), run_of(store, folder, Echo(), "b")
    with pytest.raises(BadOption, match="different runs"):
        judge(store, Case(baseline=a, candidate=a))
    with pytest.raises(BadOption):
        judge(store, Case(baseline=a, candidate=b, tried=0))
    with pytest.raises(NoRun):
        judge(store, Case(baseline=a, candidate="nobody"))


def test_the_store_stays_whole(tmp_path: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        folder = write_evalset(tmp_path / "e", items=100)
        a, b = run_of(store, folder, BAD, "a"), run_of(store, folder, Echo(), "b")
        promote(store, judge(store, Case(baseline=a, candidate=b)))
    assert check_store(path).findings == []
