"""Ten concurrent runs in one process, compared with the same work as one run.

    python -m benchmarks.side_by_side

A scripted model answers, so what is measured is the harness. Each number is the median of three
rounds that alternate between the two; one JSON line, also into
benchmarks/results/side_by_side.jsonl.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import flywheel as fw
from benchmarks.records import Record

RUNS, ITEMS, ROUNDS = 10, 5_000, 3
CHECK = {"type": "string_check", "name": "same", "operation": "eq", "reference": "{{ item.gold }}"}


def evalset(count: int) -> fw.Evalset:
    """An evalset of this many short items."""
    rows = [{"id": str(n), "gold": str(n % 7)} for n in range(count)]
    return fw.Evalset(items=rows, prompt="Say {{ item.gold }}: {{ item.id }}", graders=[CHECK])


def seconds(folder: Path, runs: int, items: int) -> float:
    """The wall time of the runs, all started before waiting for any."""
    model = folder / "model.jsonl"
    model.write_text(json.dumps({"when": "", "text": "3"}) + "\n")
    with fw.open(folder / f"{runs}-{time.time_ns()}.duckdb") as ws:
        task = ws.evalset(evalset(items))
        began = time.perf_counter()
        begun = [
            ws.eval(task, model=f"scripted:{model}", cache=False, wait=False) for _ in range(runs)
        ]
        for run in begun:
            assert run.wait().result.n == items
        return time.perf_counter() - began


def main() -> None:
    """Measure both alternately, and compare their medians."""
    record = Record("side_by_side")
    with TemporaryDirectory() as name:
        folder = Path(name)
        rounds = [
            (seconds(folder, 1, RUNS * ITEMS), seconds(folder, RUNS, ITEMS)) for _ in range(ROUNDS)
        ]
    one, many = (median(times) for times in zip(*rounds, strict=True))
    record.add(
        f"{RUNS} runs of {ITEMS} at once, beside one of {RUNS * ITEMS}",
        round(many / one, 3),
        "times",
        most=1.1,
        one=round(one, 2),
        many=round(many, 2),
    )


if __name__ == "__main__":
    main()
