"""Any grader as an `evaluate.Metric`, for scripts and trainers that use Hugging Face's evaluate.

    from flywheel.evals.grading.metric import as_metric

    with open_engine() as engine:
        metric = as_metric(read_grader({...}), engine)
        metric.compute(predictions=["Paris"], references=[{"capital": "Paris"}])

`references` are the items, as objects or as JSON text. The result has the mean under the grader's
name, and the number of `ungraded` samples, which the mean excludes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any, cast

import datasets
import evaluate

from flywheel.engines.engine import Answerer
from flywheel.evals.grading.grade import grade_samples
from flywheel.evals.results.summary import Summary
from graders.grader import Grader
from graders.sample import Sample
from graders.text.strict_json import dump_json, parse_json


def as_metric(grader: Grader, engine: Answerer) -> evaluate.Metric:
    """A metric whose `compute`, `add`, `add_batch` and `combine` grade with this grader."""
    return _GraderMetric(grader, engine)


class _GraderMetric(evaluate.Metric):
    def __init__(self, grader: Grader, engine: Answerer) -> None:
        self._grader, self._engine = grader, engine
        cast("Any", super()).__init__()  # it calls _info, which needs the grader

    def _info(self) -> evaluate.MetricInfo:
        text = datasets.Value("string")
        return evaluate.MetricInfo(
            description=f"flywheel grader {self._grader.name}",
            citation="",
            inputs_description="predictions: answers; references: items as JSON text",
            features=datasets.Features({"predictions": text, "references": text}),
        )

    def compute(self, **inputs: Any) -> Any:
        """As in evaluate; items may be objects, which become text here, as its table requires."""
        return cast("Any", super()).compute(**_packed(inputs))

    def add(self, *, prediction: Any = None, reference: Any = None, **inputs: Any) -> None:
        """As `compute`, for one answer."""
        self.add_batch(predictions=[prediction], references=[reference], **inputs)

    def add_batch(self, **inputs: Any) -> None:
        """As `compute`, for a batch that is computed later."""
        cast("Any", super()).add_batch(**_packed(inputs))

    def _compute(self, **inputs: Any) -> dict[str, Any]:
        samples = [
            Sample(parse_json(item), answer)
            for answer, item in zip(inputs["predictions"], inputs["references"], strict=True)
        ]
        # In another thread, since a notebook's event loop may be running in this one.
        with ThreadPoolExecutor(1) as thread:
            graded = thread.submit(asyncio.run, grade_samples(self._grader, samples, self._engine))
        summary = Summary.of(graded.result())
        return {self._grader.name: summary.mean, "ungraded": summary.ungraded.total()}


def _packed(inputs: dict[str, Any]) -> dict[str, Any]:
    items = inputs.get("references")
    if items is None:
        return inputs
    texts = [dump_json(item) if isinstance(item, Mapping) else item for item in items]
    return {**inputs, "references": texts}
