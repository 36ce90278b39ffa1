"""multi: one score from several, and silence when a part is silent."""

from __future__ import annotations

from typing import Any

import pytest

from graders.asks import Failed, Reply, Returned
from graders.definition import read_grader
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded, Usage

PARTS: dict[str, Any] = {
    "name": {
        "type": "text_similarity",
        "evaluation_metric": "rouge_1",
        "input": "{{ sample.output_json.name }}",
        "reference": "{{ item.name }}",
        "pass_threshold": 0.9,
    },
    "judged": {
        "type": "score_model",
        "model": "j",
        "input": [{"role": "user", "content": "{{ sample.output_text }}"}],
    },
    "code": {"type": "python", "source": "..."},
    "judged_too": {
        "type": "score_model",
        "model": "j",
        "input": [{"role": "user", "content": "{{ sample.output_json.mail }}"}],
    },
}
MULTI = read_grader(
    {
        "type": "multi",
        "graders": PARTS,
        "calculate_output": "(name + judged + code + judged_too) / 4",
    }
)


def test_answers_go_to_the_parts_that_asked() -> None:
    sample = Sample({"name": "Ada L"}, '{"name": "ada", "mail": "x"}')
    assert [type(ask).__name__ for ask in MULTI.asks(sample)] == ["Judge", "Run", "Judge"]
    answers = [
        Reply('{"result": 0.5}', "j", Usage(3, 1)),
        Returned(0.25),
        Reply('{"result": 1}', "j", Usage(4, 1)),
    ]
    given = MULTI.grade(sample, answers)
    assert given.parts == pytest.approx(
        {"name": 2 / 3, "judged": 0.5, "code": 0.25, "judged_too": 1.0}
    )
    assert given.score == pytest.approx((2 / 3 + 0.5 + 0.25 + 1) / 4)
    assert given.usage == {"j": Usage(7, 2)}


def test_a_part_that_cannot_read_the_answer_asks_nothing_and_scores_zero() -> None:
    sample = Sample({"name": "Ada"}, "no JSON")
    assert [type(ask).__name__ for ask in MULTI.asks(sample)] == ["Judge", "Run"]
    given = MULTI.grade(sample, [Reply('{"result": 1}', "j"), Returned(1.0)])
    assert given.parts == {"name": 0.0, "judged": 1.0, "code": 1.0, "judged_too": 0.0}
    assert not given.parsed


def test_a_silent_part_silences_the_whole() -> None:
    sample = Sample({"name": "Ada"}, "no JSON")
    outage = Failed(Kind.JUDGE_SERVER, "http", "503")
    with pytest.raises(Ungraded) as ungraded:
        MULTI.grade(sample, [outage, Returned(1.0)])
    assert ungraded.value.kind is Kind.JUDGE_SERVER
    assert ungraded.value.detail == "part 'judged': 503"


def test_a_silent_part_does_not_hide_what_the_others_cost() -> None:
    sample = Sample({"name": "Ada"}, '{"name": "ada", "mail": "x"}')
    replies = [
        Reply('{"result": 1}', "j", Usage(5, 1)),
        Returned(1.0),
        Reply("hm", "k", Usage(2, 1)),
    ]
    with pytest.raises(Ungraded) as ungraded:
        MULTI.grade(sample, replies)
    assert ungraded.value.usage == {"j": Usage(5, 1), "k": Usage(2, 1)}


def test_a_threshold_of_a_part_has_no_effect_on_the_score() -> None:
    definition = {
        "type": "multi",
        "graders": {"n": PARTS["name"]},
        "calculate_output": "n",
    }
    given = read_grader(definition).grade(Sample({"name": "Ada L"}, '{"name": "ada"}'))
    assert given.score == pytest.approx(2 / 3)
