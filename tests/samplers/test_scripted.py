"""scripted: rules in order, used up or reusable, and never an empty answer by accident."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from flywheel.errors import BadFile
from flywheel.samplers.sampler import Output, Request
from flywheel.samplers.scripted import Rule, ScriptedSampler, load_script


def ask(sampler: ScriptedSampler, *prompts: str) -> list[Output]:
    async def collect() -> dict[int, Output]:
        requests = [Request("m", [{"role": "user", "content": text}]) for text in prompts]
        return {index: output async for index, output in sampler.sample(requests)}

    found = asyncio.run(collect())
    return [found[index] for index in range(len(prompts))]


def test_a_rule_with_when_is_reused_and_one_without_is_used_up() -> None:
    sampler = ScriptedSampler([Rule(when="x", text="1"), Rule(text="2"), Rule(text="3")])
    assert [output.text for output in ask(sampler, "x", "y", "x", "z")] == ["1", "2", "1", "3"]


def test_a_prompt_without_a_rule_is_an_error() -> None:
    (output,) = ask(ScriptedSampler([]), "anything")
    assert output.error == "the script has no answer left for this prompt"


def test_parts_of_a_message_count_as_its_text() -> None:
    request = Request("m", [{"role": "user", "content": [{"type": "text", "text": "hi"}]}])
    assert request.text() == "hi"


def test_a_script_is_read_from_a_file(tmp_path: Path) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text('"plain"\n\n{"when": "x", "refusal": "no"}\n{"error": "503"}\n')
    outputs = ask(load_script(path), "x", "y", "z")
    # A plain string is used up by the first prompt, whatever it says.
    assert [output.text or output.error for output in outputs] == [
        "plain",
        "503",
        "the script has no answer left for this prompt",
    ]


@pytest.mark.parametrize("line", ["{", "[1]", "3", '{"wen": "x"}', '{"match": "("}', "[" * 100_000])
def test_a_line_that_is_no_rule_is_named(tmp_path: Path, line: str) -> None:
    path = tmp_path / "s.jsonl"
    path.write_text(f'"fine"\n{line}\n')
    with pytest.raises(BadFile, match=r"s\.jsonl:2:\d+: not"):
        load_script(path)


def test_a_rule_may_match_an_expression_and_one_that_explodes_does_not_fit() -> None:
    sampler = ScriptedSampler([Rule(match=r"^(a|aa)+$", text="1"), Rule(match=r"(\w)\1", text="2")])
    assert [output.text for output in ask(sampler, "a" * 40 + "!", "xx", "aa")] == ["2", "2", "1"]
