"""Any grader as an evaluate.Metric."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest

from flywheel.engines.here import Here
from graders.definition import read_grader

CHECK = {
    "type": "string_check",
    "name": "same",
    "operation": "eq",
    "reference": "{{ item.gold }}",
}


@pytest.fixture
def metric(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    from flywheel.evals.grading.metric import as_metric

    with Here() as engine:
        yield as_metric(read_grader(CHECK), engine)


def test_items_are_the_references(metric: Any) -> None:
    items = [{"gold": "a"}, {"gold": "b"}, {}]
    result = metric.compute(predictions=["a", "a", "a"], references=items)
    assert result == {"same": 0.5, "ungraded": 1}


def test_batches_add_up(metric: Any) -> None:
    metric.add_batch(predictions=["a"], references=[{"gold": "a"}])
    metric.add_batch(predictions=["b"], references=['{"gold": "a"}'])
    assert metric.compute() == {"same": 0.5, "ungraded": 0}


def test_metrics_combine(metric: Any) -> None:
    import evaluate

    both: Any = cast("Any", evaluate).combine([metric])
    result = both.compute(predictions=["a"], references=['{"gold": "a"}'])
    assert result["same"] == 1.0


def test_one_answer_at_a_time(metric: Any) -> None:
    metric.add(prediction="a", reference={"gold": "a"})
    assert metric.compute() == {"same": 1.0, "ungraded": 0}


def test_it_works_inside_a_running_event_loop(metric: Any) -> None:
    async def notebook() -> Any:
        return metric.compute(predictions=["a"], references=[{"gold": "a"}])

    assert asyncio.run(notebook()) == {"same": 1.0, "ungraded": 0}
