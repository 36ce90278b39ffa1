"""A look stays counted whatever happens next: a kill, another gate at the same time."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flywheel.evals.decision.decide import Rules
from flywheel.evals.decision.gate import Case, judge
from flywheel.store.store import Store, open_store
from flywheel.store.upkeep.check import check_store
from tests.evals.world import Echo, measure, plan, write_evalset, wrong_on
from tests.store.process import line, python

# Judges, or measures, and kills itself when it calls a function of this name.
KILLED = """
import os, signal, sys, threading
from pathlib import Path
from flywheel.evals.decision.gate import Case, judge
from flywheel.store.store import open_store
from tests.evals.world import Echo, measure, plan

path, folder, moment, *runs = sys.argv[1:]

def kill(frame, event, argument):
    if event == "call" and frame.f_code.co_name == moment:
        print("killed", flush=True)
        os.kill(os.getpid(), signal.SIGKILL)

with open_store(Path(path)) as store:
    sys.setprofile(kill)
    threading.setprofile(kill)
    if runs:
        judge(store, Case(baseline=runs[0], candidate=runs[1]))
    else:
        measure(store, plan(Path(folder), "c0", split="test"), Echo())
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_evalset(tmp_path / "e", items=40)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path / "s.duckdb") as store:
        yield store


def run_of(store: Store, folder: Path, model: Echo, name: str) -> str:
    return measure(store, plan(folder, name, split="test"), model).run.run


def test_a_gate_that_is_killed_has_looked(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "s.duckdb"
    with open_store(path) as store:
        base = run_of(store, folder, wrong_on(*range(30)), "base")
        one, other = (run_of(store, folder, wrong_on(n), f"c{n}") for n in range(2))
        judge(store, Case(baseline=base, candidate=other), Rules(margin=0.1))
    with python(KILLED, path, folder, "decide", base, other) as process:
        assert line(process) == "killed"
        process.wait()
    assert check_store(path).findings == []
    with open_store(path) as store:
        assert not store.query("""SELECT 1 FROM "comparisons" WHERE "decision" = 'undecided'""")
        looks = [
            judge(store, Case(baseline=base, candidate=other), Rules(margin=margin)).decision.look
            for margin in (0.0, 0.2, 0.0)
        ]
        assert looks == [3, 4, 3], "the killed gate was the third look, and is that look again"
        assert judge(store, Case(baseline=base, candidate=one)).decision.look == 1


def test_a_measurement_that_is_killed_has_read(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "s.duckdb"
    with python(KILLED, path, folder, "keep_floors") as process:
        assert line(process) == "killed"
        process.wait()
    with open_store(path) as store:
        base = run_of(store, folder, wrong_on(*range(30)), "base")
        assert judge(store, Case(baseline=base, candidate=run_of(store, folder, Echo(), "c1")))
        verdict = judge(store, Case(baseline=base, candidate=run_of(store, folder, Echo(), "c2")))
        assert verdict.decision.look == 3


def test_gates_at_once_are_different_looks(store: Store, folder: Path) -> None:
    base = run_of(store, folder, wrong_on(*range(30)), "base")
    run = run_of(store, folder, Echo(), "c")
    judge(store, Case(baseline=base, candidate=run))
    margins = [n / 100 for n in range(1, 9)]

    def look(margin: float) -> int:
        return judge(store, Case(baseline=base, candidate=run), Rules(margin=margin)).decision.look

    with ThreadPoolExecutor(8) as pool:
        looks = list(pool.map(look, margins))
    assert sorted(looks) == list(range(2, 10))


def test_a_store_copied_back_lacks_the_head_that_was_printed(tmp_path: Path, folder: Path) -> None:
    path, copy = tmp_path / "s.duckdb", tmp_path / "earlier.duckdb"
    with open_store(path) as store:
        base = run_of(store, folder, wrong_on(*range(30)), "base")
        first = judge(store, Case(baseline=base, candidate=run_of(store, folder, Echo(), "c1")))
    copy.write_bytes(path.read_bytes())
    with open_store(path) as store:
        second = judge(store, Case(baseline=base, candidate=run_of(store, folder, Echo(), "c2")))
    assert first.head and second.head
    for head, where, wrong in (
        (first.head, path, 0),
        (second.head, path, 0),
        (first.head, copy, 0),
        (second.head, copy, 1),
    ):
        assert len(check_store(where, head.hash).findings) == wrong
    (finding,) = check_store(copy, second.head.hash).findings
    assert finding.story.endswith("reads were taken back") and finding.example == second.head.hash
