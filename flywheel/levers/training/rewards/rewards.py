# pyright: standard
"""Graders as TRL reward functions.

A dataset row has its item as JSON in the column `item`. Judges, sandboxes and embedders are called
in one batch per step. An ungraded answer is None, which TRL leaves out of the group's mean: an
outage is never a training signal. An unreadable answer is the model's fault and gets the grader's
score. An answer that violates the response format gets the minimum of the grader's range, since a
server that enforces the schema would never return it.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from flywheel.engines.engine import Answerer
from flywheel.errors import BadOption
from flywheel.evals.grading.grade import Verdict, grade_samples
from flywheel.levers.training.exams.roles import span
from flywheel.samplers.local.chat import tool_calls
from flywheel.samplers.schema import BadSchema, Unchecked, check_schema
from flywheel.samplers.structured import violation
from graders.grader import Grade, Grader
from graders.sample import Sample
from graders.ungraded import Kind

LogExtra = Callable[[str, list[Any]], None]
LogMetric = Callable[[str, float], None]


class GraderReward:
    """One grader as a reward function. Its `__name__`, and so its column, is the grader's name.

    `errors` counts ungraded answers by kind.
    """

    def __init__(
        self,
        grader: Grader,
        engine: Answerer,
        *,
        schema: Mapping[str, Any] | None = None,
        tools: bool = False,
    ) -> None:
        """`tools`: answers may contain tool calls. `schema`: the JSON schema of answers."""
        self.__name__ = grader.name
        self.grader = grader
        self.errors: Counter[str] = Counter()
        self._engine = engine
        self._schema = schema
        self._tools = tools

    async def __call__(
        self,
        completions: Sequence[Any],
        item: Sequence[str],
        log_extra: LogExtra | None = None,
        log_metric: LogMetric | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """A reward for every completion, None if it is ungraded."""
        del columns
        began = time.monotonic()
        texts = [text_of(completion) for completion in completions]
        broken = [self._broken(text) for text in texts]
        fits = [i for i, fault in enumerate(broken) if fault is None]
        samples = [self._sample(texts[i], item[i]) for i in fits]
        verdicts = dict(
            zip(fits, await grade_samples(self.grader, samples, self._engine), strict=True)
        )
        results = [self._verdict(verdicts.get(i), fault) for i, fault in enumerate(broken)]
        failed = Counter(kind for _, _, kind in results if kind is not None)
        self.errors.update(failed)
        if log_extra is not None:
            log_extra(f"{self.__name__}_reason", [reason for _, reason, _ in results])
        if log_metric is not None:
            count = max(len(results), 1)
            log_metric(f"rewards/{self.__name__}/error_rate", sum(failed.values()) / count)
            for kind in Kind:
                if kind in self.errors:
                    log_metric(f"rewards/{self.__name__}/errors/{kind}", failed[kind] / count)
            log_metric(f"rewards/{self.__name__}/seconds", time.monotonic() - began)
            if self._schema is not None:
                bad = sum(isinstance(fault, str) for fault in broken)
                log_metric("completions/violations", bad / count)
        return [score for score, _, _ in results]

    def _verdict(
        self, verdict: Verdict | None, fault: str | Unchecked | None
    ) -> tuple[float | None, str, str | None]:
        """(score, reason, kind of error) of one completion."""
        if isinstance(fault, Unchecked):
            return None, f"the response format cannot be checked: {fault}", Kind.OTHER.value
        if verdict is None:
            return span(self.grader)[0], f"violates the response format: {fault}", None
        if isinstance(verdict, Grade):
            return float(verdict.score), verdict.reason, None
        return None, f"ungraded: {verdict.detail}", verdict.kind.value

    def _broken(self, text: str) -> str | Unchecked | None:
        if self._schema is None or (self._tools and tool_calls(text)):
            return None
        try:
            return violation(text, self._schema)
        except Unchecked as error:
            return error

    def _sample(self, text: str, item: str) -> Sample:
        return Sample(json.loads(item), text, output_tools=tool_calls(text) if self._tools else ())


def text_of(completion: Any) -> str:
    """The text of a completion, which is a string or a list of messages (the last one counts)."""
    return completion if isinstance(completion, str) else str(completion[-1].get("content") or "")


def schema_of(response_format: Mapping[str, Any] | None) -> Mapping[str, Any] | None:
    """The schema in a `response_format`, nested as in chat completions or flat; None without one.

    Raises BadOption for any other form.
    """
    if response_format is None or response_format.get("type") == "text":
        return None
    inner = response_format.get("json_schema", response_format)
    schema = inner.get("schema") if isinstance(inner, Mapping) else None
    if response_format.get("type") != "json_schema" or not isinstance(schema, Mapping):
        raise BadOption(
            'response_format must be {"type": "json_schema", "json_schema": {"name": ...,'
            f' "schema": {{...}}}}}}, got {dict(response_format)!r:.200}'
        )
    try:
        check_schema(schema)
    except BadSchema as error:
        where = ".".join(map(str, ("response_format", *error.path)))
        raise BadOption(f"{where}: {error}") from None
    return schema
