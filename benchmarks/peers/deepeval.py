"""deepeval: a metric of three lines, with its cache disabled and nothing stored."""

from __future__ import annotations

import json
import os
import sys
import time

os.environ["DEEPEVAL_TELEMETRY_OPT_OUT"] = "YES"

from deepeval import evaluate
from deepeval.evaluate import AsyncConfig, CacheConfig, DisplayConfig
from deepeval.metrics import BaseMetric
from deepeval.test_case import LLMTestCase


class Same(BaseMetric):
    """Whether the answer is the expected one."""

    measured = 0

    def __init__(self) -> None:
        self.threshold, self.score, self.success, self.async_mode = 0.5, 0.0, False, False

    def measure(self, test_case: LLMTestCase, *args: object, **kwargs: object) -> float:
        """1.0 when both are the same."""
        Same.measured += 1
        self.score = float(test_case.actual_output == test_case.expected_output)
        self.success = self.score >= self.threshold
        return self.score

    async def a_measure(self, test_case: LLMTestCase, *args: object, **kwargs: object) -> float:
        """As `measure`."""
        return self.measure(test_case)

    def is_successful(self) -> bool:
        """Whether it passed."""
        return self.success

    @property
    def __name__(self) -> str:
        return "Same"


def main() -> None:
    """Measure and print."""
    items = int(sys.argv[1])
    cases = [
        LLMTestCase(input=f"Say {n}.", actual_output="42", expected_output=str(n))
        for n in range(items)
    ]
    start, cpu = time.perf_counter(), time.process_time()
    evaluate(
        cases,
        [Same()],
        async_config=AsyncConfig(run_async=False),
        cache_config=CacheConfig(write_cache=False, use_cache=False),
        display_config=DisplayConfig(show_indicator=False, print_results=False),
    )
    seconds, spent = time.perf_counter() - start, time.process_time() - cpu
    assert Same.measured == items, f"{Same.measured} of {items} were measured"
    print()
    print(json.dumps({"per_second": items / seconds, "cpu_ms": spent / items * 1e3}))


main()
