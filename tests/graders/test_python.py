"""python: what is asked of the sandbox, and what its answers mean."""

from __future__ import annotations

import pytest

from graders.asks import Failed, Returned, Run
from graders.definition import read_grader
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded

SOURCE = "def grade(sample, item):\n    return 1.0\n"
GRADER = read_grader({"type": "python", "source": SOURCE, "pass_threshold": 0.75})


def test_the_sandbox_gets_the_sample_in_the_shape_of_the_wire() -> None:
    (ask,) = GRADER.asks(Sample({"gold": 1}, '{"a": 1}', model="m"))
    assert isinstance(ask, Run)
    assert ask.item == {"gold": 1}
    assert ask.sample["output_text"] == '{"a": 1}'
    assert ask.sample["output_json"] == {"a": 1}
    assert ask.sample["choices"][0]["message"] == {"role": "assistant", "content": '{"a": 1}'}
    assert set(ask.sample) == {
        "output_text",
        "output_json",
        "output_tools",
        "output_audio",
        "choices",
        "model",
    }


def test_output_json_is_left_out_when_the_answer_is_no_json() -> None:
    (ask,) = GRADER.asks(Sample({}, "words"))
    assert isinstance(ask, Run)
    assert "output_json" not in ask.sample


@pytest.mark.parametrize(
    ("value", "passed"), [(1.0, True), (0.75, True), (0.5, False), (-3, False)]
)
def test_the_returned_number_is_the_score(value: float, passed: bool) -> None:
    given = GRADER.grade(Sample({}), [Returned(value)])
    assert (given.score, given.passed) == (value, passed)


def test_a_failure_is_no_verdict() -> None:
    with pytest.raises(Ungraded) as ungraded:
        GRADER.grade(Sample({}), [Failed(Kind.PYTHON_RUNTIME, "timeout", "after 120 s")])
    assert (ungraded.value.kind, ungraded.value.label) == (Kind.PYTHON_RUNTIME, "timeout")


def test_the_largest_source_is_read() -> None:
    source = SOURCE + "#" * (256 * 1024 - 1 - len(SOURCE))
    assert read_grader({"type": "python", "source": source})
