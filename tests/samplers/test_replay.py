"""replay: recorded answers by prompt or by place, and never one that was not recorded."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from flywheel.errors import BadFile
from flywheel.samplers.replay import ReplaySampler, load_replay, prompt_digest, record
from flywheel.samplers.sampler import Output
from graders.ungraded import Usage
from tests.samplers.asking import ask, request


def recorded(path: Path, *lines: object) -> ReplaySampler:
    path.write_text("\n".join(json.dumps(line) for line in lines) + "\n\n")
    return load_replay(path)


def test_what_was_recorded_comes_back(tmp_path: Path) -> None:
    outputs = [
        Output("ü\u2028\ud800", "m", Usage(1, 2, 3), truncated=True),
        Output("", "m", refusal="no"),
        Output("", "m", error="503"),
    ]
    requests = [request(f"p{i}") for i in range(3)]
    path = tmp_path / "r.jsonl"
    path.write_text("\n".join(record(r, o) for r, o in zip(requests, outputs, strict=True)))
    assert ask(load_replay(path), "p2", "p0", "p1") == [outputs[2], outputs[0], outputs[1]]


def test_a_prompt_that_was_recorded_twice_gives_its_answers_in_turn(tmp_path: Path) -> None:
    line = {"messages": [{"role": "user", "content": "p"}]}
    sampler = recorded(tmp_path / "r.jsonl", line | {"text": "1"}, line | {"text": "2"})
    first, second, third = ask(sampler, "p", "p", "p")
    assert (first.text, second.text) == ("1", "2")
    assert "are used up: 'p'" in (third.error or "")


def test_lines_without_a_prompt_answer_in_order(tmp_path: Path) -> None:
    named = {"prompt": prompt_digest([{"content": "p", "role": "user"}]), "text": "named"}
    sampler = recorded(tmp_path / "r.jsonl", {"text": "1"}, named, {"text": "2"})
    outputs = ask(sampler, "a", "p", "b", "c")
    assert [output.text for output in outputs] == ["1", "named", "2", ""]
    assert "no answer was recorded for the prompt" in (outputs[3].error or "")


def test_a_replay_checks_schemas_and_scores_nothing(tmp_path: Path) -> None:
    sampler = recorded(tmp_path / "r.jsonl", {"text": "[]"})
    (broken,) = ask(sampler, "p", schema={"type": "object"})
    (scored,) = ask(sampler, "p", options=["a"])
    assert broken.violation == "$: wanted object, got []"
    assert "cannot score" in (scored.error or "")


@pytest.mark.parametrize("line", ["{", "3", '{"txt": "x"}', '{"text": 3}', "[" * 100_000])
def test_a_line_that_is_no_record_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(f'{{"text": "fine"}}\n{line}\n')
    with pytest.raises(BadFile, match=r"r\.jsonl:2:\d+: not"):
        load_replay(path)
