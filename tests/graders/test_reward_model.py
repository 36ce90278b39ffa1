"""reward_model: what it asks to be rated, and how the number becomes a score."""

from __future__ import annotations

import math
from typing import Any

import pytest
from pydantic import ValidationError

from graders.asks import Failed, Rate, Rated
from graders.definition import LOCAL_ONLY, read_grader, wire_json
from graders.grader import Grader, Pins
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded

ASKED = [{"role": "user", "content": "{{ item.q }}"}]
LIKED: dict[str, Any] = {"type": "reward_model", "name": "liked", "model": "m", "input": ASKED}
SAMPLE = Sample({"q": "Where is it?"}, '{"reply": "Here."}')
PROMPT = [{"role": "system", "content": "Be kind."}, *ASKED]
TOOL = {"type": "function", "function": {"name": "find"}}
RAW = {**LIKED, "raw": True, "range": [-4, 8]}
WHOLE = [*ASKED, {"role": "assistant", "content": "{{ sample.output_json.reply }}"}]
ANSWER = {"role": "assistant", "content": SAMPLE.output_text}


def asked(grader: Grader, sample: Sample = SAMPLE) -> Rate:
    (ask,) = grader.asks(sample)
    assert isinstance(ask, Rate)
    return ask


@pytest.mark.parametrize(
    ("value", "score", "passed", "reason"),
    [
        (0.0, 0.5, True, "logistic of 0.0000"),
        (-0.1, 0.4750208, False, "logistic of -0.1000"),
        (2.0, 0.8807971, True, "logistic of 2.0000"),
        (1e9, 1.0, True, "logistic of 1000000000.0000"),
        (-1e9, 0.0, False, "logistic of -1000000000.0000"),
    ],
)
def test_the_logistic_function_makes_it_a_score(
    value: float, score: float, passed: bool, reason: str
) -> None:
    grade = read_grader(LIKED).grade(SAMPLE, [Rated(value)])
    assert (grade.score, grade.passed, grade.reason) == (pytest.approx(score), passed, reason)


@pytest.mark.parametrize(
    ("value", "score", "passed", "reason"),
    [
        (2.5, 2.5, True, "reward 2.5000"),
        (1.9, 1.9, False, "reward 1.9000"),
        (9.0, 8.0, True, "reward 9.0000, held within [-4, 8]"),
        (-7.0, -4.0, False, "reward -7.0000, held within [-4, 8]"),
    ],
)
def test_raw_it_stays_as_it_is_within_its_range(
    value: float, score: float, passed: bool, reason: str
) -> None:
    assert read_grader(RAW).grade(SAMPLE, [Rated(value)])[:3] == (score, passed, reason)


def test_the_answer_is_put_behind_what_was_asked() -> None:
    messages = ({"role": "user", "content": "Where is it?"}, ANSWER)
    assert asked(read_grader(LIKED)) == Rate("m", messages)


def test_an_input_that_shows_the_sample_is_taken_as_it_is() -> None:
    grader = read_grader({**LIKED, "input": WHOLE})
    assert asked(grader).messages[-1] == {"role": "assistant", "content": "Here."}
    grade = grader.grade(Sample({"q": "?"}, "Here."))
    assert (grade.score, grade.passed, grade.parsed) == (0.0, False, False)
    assert "not JSON" in grade.reason
    assert read_grader({**RAW, "input": WHOLE}).grade(Sample({"q": "?"}, "x")).score == -4


def test_a_conversation_may_come_with_the_item() -> None:
    grader = read_grader({**LIKED, "input": "{{ item.messages }}"})
    said = [{"role": "user", "content": "Hi."}]
    assert asked(grader, Sample({"messages": said}, "Hello.")).messages[0] == said[0]
    for wrong in ("Hi.", {"role": "user"}, ["Hi."]):
        with pytest.raises(Ungraded, match="no list of messages"):
            grader.asks(Sample({"messages": wrong}, "Hello."))


def test_calls_of_tools_that_the_text_does_not_spell_are_rated_too() -> None:
    call = {"type": "function", "function": {"name": "find", "arguments": "{}"}}
    told = asked(read_grader(LIKED), Sample({"q": "?"}, "", output_tools=[call]))
    assert told.messages[-1]["tool_calls"] == [call]
    spelt = Sample({"q": "?"}, "<tool_call>{}</tool_call>", output_tools=[call])
    assert "tool_calls" not in asked(read_grader(LIKED), spelt).messages[-1]


@pytest.mark.parametrize("raw", [False, True])
def test_without_an_input_it_reads_the_prompt_of_its_evalset(raw: bool) -> None:
    bare = {name: value for name, value in (RAW if raw else LIKED).items() if name != "input"}
    grader = read_grader(bare)
    with pytest.raises(Ungraded, match="say in `input` what was asked") as refused:
        grader.asks(SAMPLE)
    assert refused.value.kind is Kind.VARIABLE
    known = grader.about(PROMPT, [TOOL])
    assert [turn["role"] for turn in asked(known).messages] == ["system", "user", "assistant"]
    assert asked(known).tools == (TOOL,)
    assert read_grader(wire_json(known)) == known
    assert known.about([{"role": "user", "content": "Else."}], []) == known


def test_it_can_be_tied_to_the_content_of_its_model() -> None:
    grader = read_grader(LIKED)
    tied = grader.pinned(Pins({"m": "a" * 64}.__getitem__))
    assert asked(tied).digest == "a" * 64
    assert wire_json(tied) == {**LIKED, "digest": "a" * 64}
    assert tied.pinned(Pins({"m": "b" * 64}.__getitem__)) == tied


def test_as_a_part_of_a_multi_it_knows_and_is_tied_all_the_same() -> None:
    check = {"type": "string_check", "operation": "eq", "reference": "x"}
    bare = {"type": "reward_model", "model": "m"}
    plain = read_grader({"type": "multi", "graders": {"a": check}, "calculate_output": "a"})
    assert plain.about(PROMPT, ()) is plain and plain.pinned(Pins(str.lower)) is plain
    multi = read_grader(
        {"type": "multi", "graders": {"a": check, "b": bare}, "calculate_output": "a + b"}
    )
    ready = multi.about(PROMPT, ()).pinned(Pins({"m": "c" * 64}.__getitem__))
    assert asked(ready).digest == "c" * 64
    assert len(asked(ready).messages) == 3
    assert ready.grade(SAMPLE, [Rated(0.0)]).parts == {"a": 0.0, "b": 0.5}
    assert read_grader(wire_json(ready)) == ready


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_what_is_no_number_is_no_verdict(value: float) -> None:
    with pytest.raises(Ungraded, match="m gave") as refused:
        read_grader(LIKED).grade(SAMPLE, [Rated(value)])
    assert (refused.value.kind, refused.value.label) == (Kind.JUDGE_PARSE, "not_finite")


def test_without_a_number_there_is_no_verdict() -> None:
    failed = Failed(Kind.JUDGE_SERVER, "no_reward_model", "no model 'm'")
    with pytest.raises(Ungraded, match="no model 'm'"):
        read_grader(LIKED).grade(SAMPLE, [failed])
    with pytest.raises(Ungraded, match="the reward model answered"):
        read_grader(LIKED).grade(SAMPLE)


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"raw": True}, "raw scores need the range in which they lie"),
        ({"range": [0, 5]}, "leave range out, or say raw: true"),
        ({"raw": True, "range": [5, 0]}, "range runs from low to high"),
        ({"pass_threshold": 1.5}, "lies outside range [0, 1]"),
        ({"model": ""}, "at least 1 character"),
        ({"input": []}, "at least 1 item"),
        ({"input": "{{ sample.output_text }}"}, "write messages"),
        ({"input": list(reversed(WHOLE))}, "its last message is the assistant's"),
        ({"input": [{"role": "judge", "content": "x"}]}, "Input should be 'system'"),
        ({"digest": "abc"}, "should match pattern"),
    ],
)
def test_what_is_no_reward_model_is_refused(fields: dict[str, Any], story: str) -> None:
    with pytest.raises(ValidationError) as refused:
        read_grader({**LIKED, **fields})
    assert story in refused.value.errors()[0]["msg"]


def test_it_loads_what_lies_on_this_machine_so_it_does_not_come_over_http() -> None:
    assert "reward_model" in LOCAL_ONLY
    assert not read_grader(LIKED).is_pure()
