"""Another database file, or a file copied back, begins no new count: the ledger knows its reads."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from flywheel.evals.decision.decide import Rules
from flywheel.evals.decision.gate import Case, Verdict, judge
from flywheel.store.reads.ledger import ledger_folder
from flywheel.store.store import Store, open_store
from tests.evals.world import Echo, measure, plan, write_evalset, wrong_on

BAD = wrong_on(*range(40))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_evalset(tmp_path / "e", items=60)


def run_of(store: Store, folder: Path, model: Echo, name: str) -> str:
    return measure(store, plan(folder, name, split="test"), model).run.run


def gate(path: Path, folder: Path, name: str, rules: Rules | None = None) -> Verdict:
    """Measure a baseline and a candidate in this store, and gate the candidate."""
    with open_store(path) as store:
        known = store.values("""SELECT "run" FROM "runs" WHERE "model" LIKE '%base.jsonl'""")
        base = known[0] if known else run_of(store, folder, BAD, "base")
        candidate = run_of(store, folder, wrong_on(len(name)), name)
        return judge(store, Case(baseline=base, candidate=candidate), rules)


def sealed(verdict: Verdict) -> tuple[str, str]:
    (found,) = [check for check in verdict.decision.checks if check.name == "sealed"]
    return found.state, found.reason


def test_another_database_file_begins_no_new_count(tmp_path: Path, folder: Path) -> None:
    looks = [gate(tmp_path / f"{n}.duckdb", folder, "c" * n).decision.look for n in range(1, 4)]
    assert looks == [1, 2, 3]
    again = gate(tmp_path / "4.duckdb", folder, "c")
    assert again.decision.look == 4, "the same candidate, measured again where nothing is known"


def test_a_store_copied_back_begins_no_new_count(tmp_path: Path, folder: Path) -> None:
    path = tmp_path / "s.duckdb"
    gate(path, folder, "c")
    before = path.read_bytes()
    assert [gate(path, folder, "c" * n).decision.look for n in (2, 3)] == [2, 3]
    path.write_bytes(before)
    assert gate(path, folder, "c" * 4).decision.look == 4


def test_other_items_have_a_count_of_their_own(tmp_path: Path, folder: Path) -> None:
    gate(tmp_path / "1.duckdb", folder, "c")
    rows = [json.loads(line) for line in (folder / "test.jsonl").read_text().splitlines()]
    lines = [json.dumps({**row, "gold": f"+{100 + n}"}) + "\n" for n, row in enumerate(rows)]
    (folder / "test.jsonl").write_text("".join(lines))
    assert gate(tmp_path / "2.duckdb", folder, "cc").decision.look == 1


def test_a_ledger_that_cannot_be_written_promotes_nothing(
    tmp_path: Path, folder: Path, ledger: Path
) -> None:
    ledger.write_text("a file where the folder should be")
    verdict = gate(tmp_path / "1.duckdb", folder, "c")
    state, reason = sealed(verdict)
    assert (verdict.decision.outcome, state) == ("undecided", "open")
    assert reason.startswith("the ledger of reads by other database files cannot be used: ")
    assert "--no-ledger decides without it" in reason
    verdict = gate(tmp_path / "1.duckdb", folder, "cc", Rules(ledger=False))
    assert (verdict.decision.outcome, verdict.decision.look) == ("promote", 2)


def test_a_line_that_a_crash_cut_costs_itself(tmp_path: Path, folder: Path) -> None:
    gate(tmp_path / "1.duckdb", folder, "c")
    reads = ledger_folder() / "reads.jsonl"
    whole = reads.read_text()
    reads.write_text(whole + '{"hash": "')
    assert gate(tmp_path / "2.duckdb", folder, "cc").decision.look == 2
    lines = reads.read_text().splitlines()
    assert lines[: whole.count("\n")] == whole.splitlines()
    assert len({json.loads(line)["hash"] for line in lines if line != '{"hash": "'}) == 6


def test_stores_at_once_share_the_ledger(tmp_path: Path, folder: Path) -> None:
    names = ["c" * n for n in range(1, 4)]
    for name in ("base", *names):
        plan(folder, name)
    with ThreadPoolExecutor(3) as pool:
        done = [pool.submit(gate, tmp_path / f"{name}.duckdb", folder, name) for name in names]
    assert all(one.result() for one in done)
    lines = (ledger_folder() / "reads.jsonl").read_text().splitlines()
    assert len({json.loads(line)["hash"] for line in lines}) == len(lines) == 9
