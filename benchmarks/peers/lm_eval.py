"""lm-eval: its dummy model and exact_match, without the bootstrap. Results are not durable."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

import lm_eval
from lm_eval.tasks import TaskManager

TASK = """
task: numbers
dataset_path: json
dataset_kwargs: {{data_files: {{test: {data}}}}}
test_split: test
output_type: generate_until
doc_to_text: "Say {{{{gold}}}}."
doc_to_target: "{{{{gold}}}}"
generation_kwargs: {{until: ["\\n"]}}
metric_list: [{{metric: exact_match, aggregation: mean, higher_is_better: true}}]
"""


def main() -> None:
    """Measure and print."""
    items = int(sys.argv[1])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        rows = (json.dumps({"gold": str(n)}) + "\n" for n in range(items))
        (folder / "data.jsonl").write_text("".join(rows))
        (folder / "numbers.yaml").write_text(TASK.format(data=folder / "data.jsonl"))
        tasks = TaskManager(include_path=name, include_defaults=False)
        start, cpu = time.perf_counter(), time.process_time()
        lm_eval.simple_evaluate(
            model="dummy", tasks=["numbers"], task_manager=tasks, bootstrap_iters=0
        )
        seconds, spent = time.perf_counter() - start, time.process_time() - cpu
    print(json.dumps({"per_second": items / seconds, "cpu_ms": spent / items * 1e3}))


main()
