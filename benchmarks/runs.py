"""Single measurements of runs, each in a separate process: `python -m benchmarks.runs WHAT N`."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from flywheel.engines.engine import EngineSpec
from flywheel.engines.here import Here
from flywheel.evals.evalset.evalset import load_evalset
from flywheel.evals.run.choose import Choice, plan_of
from flywheel.evals.run.measure import Bench, begin, go_on
from flywheel.evals.run.plan import Plan
from flywheel.samplers.resolve import open_sampler
from flywheel.samplers.sampler import Output, Request, Sampler
from flywheel.store.store import Store, open_store
from flywheel.synchronous import result_of
from graders.ungraded import Usage


class Instant:
    """A model that answers immediately, and stops the run after `until` requests."""

    def __init__(self, until: int | None = None) -> None:
        self.left = until
        self.first: float | None = None

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Answer every request."""
        self.first = self.first or time.perf_counter()
        for index in range(len(requests)):
            if self.left is not None:
                self.left -= 1
                if self.left < 0:
                    raise KeyboardInterrupt
            yield index, Output("42", "instant", Usage(5, 1))


def evalset(folder: Path, items: int) -> Path:
    """An evalset with this many items and one trivial grader."""
    folder.mkdir()
    (folder / "evalset.yaml").write_text(
        "prompt: [{role: user, content: 'Say {{ item.gold }}.'}]\n"
        "gold: '{{ item.gold }}'\nprimary: same\n"
        "graders: [{type: string_check, name: same, operation: eq, reference: '{{ item.gold }}'}]\n"
    )
    with (folder / "dev.jsonl").open("w") as file:
        file.writelines(f'{{"id": "i{n}", "gold": "{n}"}}\n' for n in range(items))
    (folder / "script.jsonl").touch()
    return folder


def plan(folder: Path, model: str = "") -> Plan:
    """The plan of that evalset."""
    name = model or f"scripted:{folder / 'script.jsonl'}"
    return plan_of(Choice(evalset=load_evalset(str(folder)), model=name), EngineSpec())


def finish(store: Store, of: Plan, sampler: Sampler) -> None:
    """Measure a plan from its beginning."""
    result_of(go_on(of, begin(of, store), Bench(store, Here(samplers={of.model: sampler}))))


def warm_up(folder: Path) -> None:
    """Run ten items with a separate store, so that lazy imports happen now."""
    with open_store(folder / "warm.duckdb") as store:
        finish(store, plan(evalset(folder / "warm", 10)), Instant())


def overhead(folder: Path, items: int) -> dict[str, Any]:
    """Everything except the model: from the evalset on disk to the last row and the result."""
    warm_up(folder)
    of = plan(evalset(folder / "e", items))
    start, cpu = time.perf_counter(), time.process_time()
    with open_store(folder / "s.duckdb") as store:
        finish(store, of, Instant())
    seconds = time.perf_counter() - start
    return {
        "seconds": seconds,
        "per_second": items / seconds,
        "cpu_ms": (time.process_time() - cpu) / items * 1e3,
        "megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def endpoint(folder: Path, items: int) -> dict[str, Any]:
    """A mock server in its own process, 50 ms away, 200 in flight."""
    from tests.samplers.mock_server import MockServer

    warm_up(folder)
    with MockServer(latency=0.05) as server:
        of = plan(evalset(folder / "e", items), f"{server.url}#echo")
        sampler = open_sampler(of.model, EngineSpec(in_flight=200).setting(of.model))
        with open_store(folder / "s.duckdb") as store:
            start, cpu = time.perf_counter(), time.process_time()
            finish(store, of, sampler)
            seconds = time.perf_counter() - start
    spent = (time.process_time() - cpu) / items * 1e3
    return {"share": items / seconds / 4000, "cpu_ms": spent}


def resume(folder: Path, items: int) -> dict[str, Any]:
    """The time until the next request when a half-finished run is resumed."""
    path = folder / "s.duckdb"
    evalset(folder / "e", items)
    if os.fork() == 0:
        of = plan(folder / "e")
        with open_store(path) as store, suppress(KeyboardInterrupt):
            finish(store, of, Instant(items // 2))
        os._exit(0)
    os.wait()
    model = Instant(500)
    start = time.perf_counter()
    of = plan(folder / "e")
    with open_store(path) as store:
        from flywheel.store.tables.runs import find_run

        (row,) = store.query('SELECT "run" FROM "runs"')
        run = find_run(store, row["run"])
        assert run is not None
        with suppress(KeyboardInterrupt):
            result_of(go_on(of, run, Bench(store, Here(samplers={of.model: model}))))
    assert model.first is not None
    return {"seconds": model.first - start}


def local(folder: Path, items: int) -> dict[str, Any]:
    """Completions of the embedded model per CPU second, without loading."""
    del folder
    import torch

    torch.set_num_threads(1)
    sampler = open_sampler("tiny", EngineSpec().setting("tiny"))
    requests = tiny_requests(items)

    async def ask(some: Sequence[Request]) -> int:
        return sum([1 async for _, output in sampler.sample(some) if output.error is None])

    async def both() -> tuple[int, float]:
        await ask(requests[:8])
        start = time.process_time()
        return await ask(requests), time.process_time() - start

    done, cpu = asyncio.run(both())
    assert done == items
    return {"per_cpu_second": items / cpu}


def tiny_requests(items: int) -> list[Request]:
    """Requests for tickets of the train split with the evalset's prompt, greedy."""
    triage = load_evalset("ticket_triage")
    rows = list(triage.split("train"))
    sampling = {"temperature": 0.0, "max_completion_tokens": 48}
    return [Request("tiny", triage.ask(rows[n % len(rows)]), sampling) for n in range(items)]


WHAT: dict[str, Callable[[Path, int], dict[str, Any]]] = {
    "overhead": overhead,
    "endpoint": endpoint,
    "resume": resume,
    "local": local,
}


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(WHAT[sys.argv[1]](Path(scratch), int(sys.argv[2]))))
