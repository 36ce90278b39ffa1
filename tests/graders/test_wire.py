"""The response of graders/run, key for key."""

from __future__ import annotations

from typing import Any

import pytest

from graders.definition import read_grader
from graders.grader import Grade
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded, Usage
from graders.wire import run_response

GRADER = read_grader(
    {"type": "python", "name": "p", "source": "def grade(s, i): return 1"},
)
FLAGS = {
    "formula_parse_error",
    "sample_parse_error",
    "truncated_observation_error",
    "unresponsive_reward_error",
    "invalid_variable_error",
    "other_error",
    "python_grader_server_error",
    "python_grader_runtime_error",
    "model_grader_server_error",
    "model_grader_refusal_error",
    "model_grader_parse_error",
}
STORIES = {
    "python_grader_server_error_type",
    "python_grader_runtime_error_details",
    "model_grader_server_error_details",
}


def errors(verdict: Grade | Ungraded) -> dict[str, Any]:
    found: dict[str, Any] = run_response(GRADER, verdict, 0.5)["metadata"]["errors"]
    return found


def test_a_grade_has_every_key_and_no_flag() -> None:
    body = run_response(GRADER, Grade(0.7, True), 0.5)
    assert list(body) == [
        "reward",
        "metadata",
        "sub_rewards",
        "model_grader_token_usage_per_model",
    ]
    assert body["reward"] == 0.7
    assert body["metadata"]["name"] == "p"
    assert body["metadata"]["type"] == "python"
    assert body["metadata"]["execution_time"] == 0.5
    assert body["metadata"]["scores"] == body["sub_rewards"] == {}
    assert body["metadata"]["token_usage"] is body["metadata"]["sampled_model_name"] is None
    flags = body["metadata"]["errors"]
    assert set(flags) == FLAGS | STORIES
    assert len(flags) == 14
    assert not any(flags.values())
    assert all(flags[story] is None for story in STORIES)


@pytest.mark.parametrize("kind", list(Kind))
def test_an_ungraded_sample_has_reward_0_and_its_flag(kind: Kind) -> None:
    body = run_response(GRADER, Ungraded(kind, "story", "label"), 0.0)
    assert body["reward"] == 0.0
    flags = body["metadata"]["errors"]
    assert [flag for flag in FLAGS if flags[flag]] == [kind.value]


def test_the_stories_go_where_clients_look() -> None:
    runtime = errors(Ungraded(Kind.PYTHON_RUNTIME, "Traceback …", "exception"))
    assert runtime["python_grader_runtime_error_details"] == "Traceback …"
    server = errors(Ungraded(Kind.PYTHON_SERVER, "gone", "sandbox_died"))
    assert server["python_grader_server_error_type"] == "sandbox_died"
    judge = errors(Ungraded(Kind.JUDGE_SERVER, "503", "http"))
    assert judge["model_grader_server_error_details"] == "503"


def test_an_unreadable_answer_keeps_its_score_and_is_flagged() -> None:
    body = run_response(GRADER, Grade(0.0, False, parsed=False), 0.0)
    assert body["metadata"]["errors"]["sample_parse_error"] is True


def test_tokens_are_told_in_sum_and_by_model() -> None:
    usage = {"m1": Usage(190, 134), "m2": Usage(10, 6, 4)}
    body = run_response(GRADER, Grade(1.0, True, usage=usage), 0.0)
    assert body["metadata"]["token_usage"] == {
        "prompt_tokens": 200,
        "total_tokens": 340,
        "completion_tokens": 140,
        "cached_tokens": 4,
    }
    assert body["metadata"]["sampled_model_name"] == "m1"
    assert body["model_grader_token_usage_per_model"]["m2"]["total_tokens"] == 16


def test_an_invalid_grade_is_a_reward_on_the_wire_beside_the_flag_and_never_a_score() -> None:
    check = {"type": "string_check", "operation": "eq", "reference": "{{ item.x }}"}
    multi = read_grader(
        {"type": "multi", "graders": {"a": check}, "calculate_output": "a", "invalid_grade": -1}
    )
    with pytest.raises(Ungraded) as ungraded:
        multi.grade(Sample({}, "x"))
    body = run_response(multi, ungraded.value, 0.0)
    assert body["reward"] == -1.0
    assert body["metadata"]["errors"]["invalid_variable_error"] is True
    assert run_response(multi, Grade(0.5, True), 0.0)["reward"] == 0.5


def test_a_multi_tells_its_parts() -> None:
    check = {"type": "string_check", "operation": "eq", "reference": "x"}
    multi = read_grader({"type": "multi", "graders": {"a": check}, "calculate_output": "a"})
    assert run_response(multi, Grade(1.0, True, parts={"a": 1.0}), 0.0)["sub_rewards"] == {"a": 1.0}
