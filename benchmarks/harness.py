"""The overhead of the harness: the cost of a run besides the model, compared with its peers.

    make bench-harness

One JSON line per figure, also in benchmarks/results/harness.jsonl. Every figure is measured in a
separate process, so that memory and caches do not carry over. Ten warm-up items exclude imports.
The peers run in `.venv-peers` (created by the same command) on the same items; one that does not
install is left out with a note. Storage differs: Flywheel writes every answer and score durably,
lm-eval and deepeval keep theirs in memory.
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.records import Record
from benchmarks.runs import tiny_requests

HERE = Path(__file__).parent
PEERS_PYTHON = HERE.parent / ".venv-peers" / "bin" / "python"
ROUNDS = 3


def child(module: str, *arguments: object, python: str = sys.executable) -> dict[str, Any]:
    """The JSON object that a script prints on its last line."""
    command = [python, "-m", module, *map(str, arguments)]
    done = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        cwd=HERE.parent,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},  # a peer would wait for the hub
    )
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or ["no word"])[-1][:200]}
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def median(figures: list[dict[str, Any]], name: str) -> float:
    """The median over the rounds."""
    return float(statistics.median(figure[name] for figure in figures))


def overhead(record: Record) -> None:
    """Samples per second with a model that answers immediately, for growing numbers of items."""
    peers = {name: peer(name, 1_000) for name in ("inspect_ai", "lm_eval", "deepeval")}
    rounds = [child("benchmarks.runs", "overhead", 10_000) for _ in range(ROUNDS)]
    record.add(
        "samples/s, no latency, 10,000 items, durable",
        median(rounds, "per_second"),
        "samples/s by the wall",
        least=10_000,
        peers=peers,
    )
    record.add(
        "CPU of one sample, 10,000 items",
        median(rounds, "cpu_ms"),
        "ms of CPU",
        most=0.1,
    )
    grown = child("benchmarks.runs", "overhead", 100_000)
    record.add(
        "time for ten times the items",
        grown["seconds"] / median(rounds, "seconds"),
        "times",
        most=11,
        per_second=grown["per_second"],
    )


def peer(name: str, items: int, *more: object) -> dict[str, Any]:
    """A peer's samples per second on the same kind of items, or why there is no figure."""
    if not PEERS_PYTHON.exists():
        return {"failed": "no .venv-peers"}
    return child(f"benchmarks.peers.{name}", items, *more, python=str(PEERS_PYTHON))


def endpoint(record: Record) -> None:
    """A server 50 ms away, 200 requests in flight: the share of the ideal 4,000 a second."""
    rounds = [child("benchmarks.runs", "endpoint", 40_000) for _ in range(ROUNDS)]
    record.add(
        "share of the ideal, 50 ms latency, 200 in flight",
        median(rounds, "share"),
        "of 4,000 samples/s",
        least=0.85,
        cpu_ms=median(rounds, "cpu_ms"),
    )


def million(record: Record) -> None:
    """A million samples: the memory, and the time to resume a half-finished run."""
    whole = child("benchmarks.runs", "overhead", 1_000_000)
    record.add(
        "peak memory at 1,000,000 samples",
        whole["megabytes"],
        "MB",
        most=400,
        per_second=whole["per_second"],
    )
    half = child("benchmarks.runs", "resume", 1_000_000)
    record.add(
        "resume with 1,000,000 samples half done: to the first new request",
        half["seconds"],
        "s",
        most=2,
    )


def local(record: Record) -> None:
    """1,000 prompts on the embedded model, against lm-eval's hf model on the same ones."""
    ours: list[dict[str, Any]] = []
    theirs: list[dict[str, Any]] = []
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl") as prompts:
        prompts.writelines(json.dumps(r.messages) + "\n" for r in tiny_requests(1_000))
        prompts.flush()
        for _ in range(ROUNDS):  # alternating, so that load affects both
            ours.append(child("benchmarks.runs", "local", 1_000))
            theirs.append(peer("lm_eval_hf", 1_000, prompts.name))
    broken = [one for one in (*ours, *theirs) if "failed" in one]
    if broken:
        record.add("local sampler", 0, "completions/CPU-s", least=1, failed=broken[0]["failed"])
        return
    mine, peers = median(ours, "per_cpu_second"), median(theirs, "per_cpu_second")
    record.add(
        "local sampler against lm-eval's hf model, 1,000 prompts",
        mine / peers,
        "times the completions per CPU second",
        least=2,
        ours=round(mine, 1),
        lm_eval=round(peers, 1),
        ours_by_round=[round(one["per_cpu_second"], 1) for one in ours],
        lm_eval_by_round=[round(one["per_cpu_second"], 1) for one in theirs],
    )


def main() -> None:
    """Measure everything; exit with 1 if a figure misses its target."""
    record = Record("harness")
    for measure in (overhead, endpoint, local, million):
        measure(record)
    if record.missed:
        sys.exit(f"missed: {', '.join(record.missed)}")


if __name__ == "__main__":
    main()
