"""inspect_ai: its mock model, one match scorer, its default log."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from typing import Any

import inspect_ai
from inspect_ai.dataset import Sample
from inspect_ai.model import ModelOutput, ModelUsage, get_model
from inspect_ai.scorer import match
from inspect_ai.solver import generate


def answers(items: int) -> Any:
    """As many answers as items, with usage: the mock would fetch a tokenizer for it."""
    for _ in range(items + 1):
        output = ModelOutput.from_content("mockllm/model", "42")
        output.usage = ModelUsage(input_tokens=5, output_tokens=1, total_tokens=6)
        yield output


def main() -> None:
    """Measure and print."""
    items = int(sys.argv[1])
    rows = [Sample(id=n, input=f"Say {n}.", target=str(n)) for n in range(items)]
    task = inspect_ai.Task(dataset=rows, solver=generate(), scorer=match())
    model = get_model("mockllm/model", custom_outputs=answers(items))
    start, cpu = time.perf_counter(), time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        inspect_ai.eval(task, model=model, log_dir=folder, display="none")
    seconds, spent = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"per_second": items / seconds, "cpu_ms": spent / items * 1e3}))


main()
