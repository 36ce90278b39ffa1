# pyright: standard
"""Graders as rewards: what scores, what is None, and what is told beside it."""

from __future__ import annotations

import asyncio
import json
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import pytest
from pydantic import TypeAdapter

from flywheel.engines.here import Here
from flywheel.errors import BadOption
from flywheel.levers.training.rewards.rewards import GraderReward, schema_of
from flywheel.samplers.scripted import Rule, ScriptedSampler
from graders.definition import AnyGrader
from graders.grader import Grader
from tests.engines.opened import engine_of

READER: TypeAdapter[Any] = TypeAdapter(AnyGrader)
CITY = {
    "type": "string_check",
    "name": "city",
    "operation": "eq",
    "input": "{{ sample.output_json.city }}",
    "reference": "{{ item.city }}",
}
JUDGED = {
    "type": "score_model",
    "name": "kind",
    "model": "judge",
    "range": [1, 5],
    "input": [{"role": "user", "content": "How kind is: {{ sample.output_text }}"}],
}
RESULT = '{"steps": [], "result": 4}'
SCHEMA = {"type": "object", "required": ["city"], "additionalProperties": False}
SCHEMA["properties"] = {"city": {"type": "string"}}


def grader(fields: dict[str, Any]) -> Grader:
    return READER.validate_python(fields)


class Told:
    """What a reward function tells its trainer."""

    def __init__(self) -> None:
        self.extra: dict[str, list[Any]] = defaultdict(list)
        self.metrics: dict[str, float] = {}

    def columns(self) -> dict[str, Any]:
        return {"log_extra": self._extra, "log_metric": self.metrics.__setitem__}

    def _extra(self, name: str, values: list[Any]) -> None:
        self.extra[name] += values


def rewards(
    reward: GraderReward, completions: Sequence[Any], told: Told | None = None
) -> list[float | None]:
    items = [json.dumps({"city": "Paris"})] * len(completions)
    columns = (told or Told()).columns()
    return asyncio.run(reward(completions, items, prompts=[], completion_ids=[], **columns))


def test_an_answer_is_scored_by_the_grader_and_an_unreadable_one_scores_nothing() -> None:
    told = Told()
    reward = GraderReward(grader(CITY), Here())
    answers = ['{"city": "Paris"}', [{"role": "assistant", "content": '{"city": "Rome"}'}], "{"]
    assert reward.__name__ == "city"
    assert rewards(reward, answers, told) == [1.0, 0.0, 0.0]
    assert told.extra["city_reason"][0] == "'Paris' eq 'Paris' is True"
    assert "not JSON" in told.extra["city_reason"][2]
    assert told.metrics["rewards/city/error_rate"] == 0.0 and not reward.errors


def test_an_outage_is_none_and_is_counted_by_its_kind() -> None:
    told = Told()
    reward = GraderReward(grader(JUDGED), Here())
    assert rewards(reward, ["Hello.", "Go away."], told) == [None, None]
    assert told.metrics["rewards/kind/error_rate"] == 1.0
    assert told.metrics["rewards/kind/errors/model_grader_server_error"] == 1.0
    assert reward.errors == {"model_grader_server_error": 2}
    assert told.extra["kind_reason"][0].startswith("ungraded: no judge is set")


def test_a_judge_is_asked_and_an_item_without_the_field_is_no_zero() -> None:
    judge = ScriptedSampler([Rule(when="", text=RESULT)])
    assert rewards(GraderReward(grader(JUDGED), engine_of(judge)), ["Hello."]) == [4.0]
    lacking = GraderReward(grader(CITY | {"reference": "{{ item.town }}"}), Here())
    assert rewards(lacking, ['{"city": "Paris"}']) == [None]
    assert lacking.errors == {"invalid_variable_error": 1}


def test_an_answer_that_breaks_the_response_format_scores_the_bottom_of_the_span() -> None:
    told = Told()
    city = GraderReward(grader(CITY), Here(), schema=SCHEMA)
    answers = ['{"city": "Paris"}', '{"city": "Paris", "so": 1}', '{"city": 5}', "Paris"]
    assert rewards(city, answers, told) == [1.0, 0.0, 0.0, 0.0]
    assert told.extra["city_reason"][1] == "violates the response format: $: 'so' is not allowed"
    assert told.metrics["completions/violations"] == 0.75
    judge = ScriptedSampler([Rule(when="", text=RESULT)])
    kind = GraderReward(grader(JUDGED), engine_of(judge), schema=SCHEMA)
    assert rewards(kind, answers[:2]) == [4.0, 1.0]


def test_calls_of_tools_are_read_from_the_answer() -> None:
    check = {
        "type": "string_check",
        "name": "called",
        "operation": "eq",
        "input": "{{ sample.output_tools[0].function.name }}",
        "reference": "find",
    }
    reward = GraderReward(grader(check), Here(), schema=SCHEMA, tools=True)
    call = '<tool_call>{"name": "find", "arguments": {}}</tool_call>'
    assert rewards(reward, [call, "find", '{"city": "Paris"}']) == [1.0, 0.0, 0.0]


@pytest.mark.parametrize(
    "given",
    [
        {"type": "json_schema", "json_schema": {"name": "x", "strict": True, "schema": SCHEMA}},
        {"type": "json_schema", "name": "x", "schema": SCHEMA},
    ],
)
def test_a_response_format_is_read_nested_and_flat(given: dict[str, Any]) -> None:
    assert schema_of(given) == SCHEMA


def test_no_format_is_none_and_another_one_is_refused() -> None:
    assert schema_of(None) is None and schema_of({"type": "text"}) is None
    for wrong in ({"type": "json_schema"}, {"type": "xml"}, {"schema": SCHEMA}):
        with pytest.raises(BadOption, match="response_format must be"):
            schema_of(wrong)
