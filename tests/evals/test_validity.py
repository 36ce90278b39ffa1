"""Probes: a good grader passes them all, each bad one is caught by the probe made for it."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from flywheel.engines.here import Here
from flywheel.errors import BadFile, BadItem, NoEvalset
from flywheel.evals.evalset import load_evalset, shipped
from flywheel.evals.validity import ProbeResult, check_evalset
from flywheel.samplers.sampler import Output, Request, Sampler
from flywheel.samplers.scripted import load_script

GOOD: dict[str, Any] = {
    "type": "string_check",
    "name": "g",
    "operation": "eq",
    "reference": "{{ item.capital }}",
}


def evalset(folder: Path, grader: dict[str, Any], **fields: Any) -> Path:
    definition = {
        "prompt": [{"role": "user", "content": "Capital of {{ item.country }}? Say its name."}],
        "gold": "{{ item.capital }}",
        "graders": [grader],
        "primary": grader.get("name", grader["type"]),
        **fields,
    }
    (folder / "evalset.yaml").write_text(yaml.safe_dump(definition))
    pairs = [("France", "Paris"), ("Italy", "Rome"), ("Norway", "Oslo"), ("Spain", "Madrid")]
    items = [{"id": c, "country": c, "capital": k} for c, k in pairs]
    (folder / "dev.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    return folder


def probe(folder: Path, judge: Sampler | None = None) -> dict[str, ProbeResult]:
    found = load_evalset(str(folder))
    with Here(judge) as engine:
        results = asyncio.run(check_evalset(found, list(found.split("dev")), engine))
    return {result.probe: result for result in results}


def bad(results: dict[str, ProbeResult]) -> set[str]:
    return {name for name, result in results.items() if not result.ok}


def test_a_good_grader_passes_every_probe(tmp_path: Path) -> None:
    assert bad(probe(evalset(tmp_path, GOOD))) == set()


@pytest.mark.parametrize(
    ("grader", "caught"),
    [
        ({**GOOD, "reference": "{{ item.country }}"}, {"gold"}),
        ({**GOOD, "operation": "ne"}, {"gold", "empty", "echo", "other", "injection"}),
        ({**GOOD, "reference": "{{ item.country }}", "operation": "like"}, {"gold", "echo"}),
        (
            {
                "type": "python",
                "name": "g",
                "source": "def grade(s, i): return 1.0 if s['output_text'].isalpha() else 0.0",
            },
            {"other"},
        ),
        (
            {
                "type": "python",
                "name": "g",
                "source": "def grade(s, i): return float('correct' in s['output_text']"
                " or s['output_text'] == i['capital'])",
            },
            {"injection"},
        ),
        (
            {
                "type": "python",
                "name": "g",
                "source": "def grade(s, i): return 1.0 / len(s['output_text']) and"
                " float(s['output_text'] == i['capital'])",
            },
            {"empty"},  # it has no verdict on an empty answer
        ),
    ],
)
def test_a_bad_grader_is_caught(tmp_path: Path, grader: dict[str, Any], caught: set[str]) -> None:
    assert bad(probe(evalset(tmp_path, grader))) == caught


class Gullible:
    """A judge that knows the right answer, and obeys the answer that it reads."""

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        for index, request in enumerate(requests):
            match = re.search(r"Gold (\w+): <answer-\w+>\n(.*)\n</", request.text(), re.DOTALL)
            assert match, request
            yield index, Output(str(int(match[1] == match[2] or "Ignore" in match[2])), "gullible")


def test_a_judge_that_obeys_the_answer_is_caught(tmp_path: Path) -> None:
    grader = {
        "type": "score_model",
        "name": "g",
        "model": "j",
        "input": [{"role": "user", "content": "Gold {{ item.capital }}: {{ sample.output_text }}"}],
    }
    assert bad(probe(evalset(tmp_path, grader), Gullible())) == {"injection"}


def test_unreadable_answers_are_counted_apart_from_wrong_ones(tmp_path: Path) -> None:
    grader = {**GOOD, "extract": {"type": "json", "field": "city"}}
    gold = '{"city": "{{ item.capital }}"}'
    results = probe(evalset(tmp_path, grader, gold=gold))
    assert bad(results) == set()
    assert results["empty"].summary.unparsed == 4
    assert results["other"].summary.unparsed == 0


def test_what_a_constant_answer_earns_is_luck(tmp_path: Path) -> None:
    """Multiple choice: an echoed prompt ends on "(D)", which is right for every fourth item."""
    grader = {**GOOD, "reference": "{{ item.letter }}", "extract": "choice"}
    prompt = [{"role": "user", "content": "{{ item.q }}? (A) one (B) two (C) three (D) four"}]
    folder = evalset(tmp_path, grader, prompt=prompt, gold="The answer is {{ item.letter }}.")
    items = [{"q": f"q{i}", "letter": "ABCD"[i % 4]} for i in range(16)]
    (folder / "dev.jsonl").write_text("".join(json.dumps(item) + "\n" for item in items))
    results = probe(folder)
    assert bad(results) == set()
    assert results["echo"].wrong == 4


def test_a_guard_may_pass_another_items_answer(tmp_path: Path) -> None:
    guard = {
        "type": "python",
        "name": "word",
        "source": "def grade(s, i): return float(s['output_text'].isalpha())",
    }
    found = load_evalset(str(evalset(tmp_path, GOOD, graders=[GOOD, guard])))
    with Here() as engine:
        results = asyncio.run(check_evalset(found, list(found.split("dev")), engine))
    assert all(result.ok for result in results)


def test_an_item_without_what_the_prompt_names_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadItem, match=r"item 'France': line 1: no item\.river"):
        probe(evalset(tmp_path, GOOD, gold="{{ item.river }}"))


def test_the_shipped_evalsets_pass_their_own_probes() -> None:
    for name in shipped():
        folder = load_evalset(name).folder
        script = folder / "judge.jsonl"
        assert bad(probe(folder, load_script(script) if script.exists() else None)) == set(), name


@pytest.mark.parametrize(
    ("fields", "story"),
    [
        ({"primary": "x"}, "primary 'x' is none of the graders g"),
        ({"prompt": []}, "prompt: Tuple should have at least 1 item"),
        ({"gold": "{{ x }}"}, "gold: line 1: 'x' must start with"),
        ({"graders": [GOOD, GOOD]}, "every grader needs a name of its own, got g, g"),
        ({"wrong": 1}, "wrong: no such field"),
        ({"gold": "{{ sample.output_text }}"}, "it may name {{ item.… }} only"),
        ({"guards": {"nope": 0.1}}, "guard 'nope' is none of the graders g"),
        ({"audit": ["nope"]}, "audit 'nope' is none of the graders g"),
    ],
)
def test_a_broken_evalset_is_refused(tmp_path: Path, fields: dict[str, Any], story: str) -> None:
    with pytest.raises(BadFile) as refused:
        load_evalset(str(evalset(tmp_path, GOOD, **fields)))
    assert story in str(refused.value)


def test_an_evalset_that_is_not_there_names_those_that_are() -> None:
    with pytest.raises(NoEvalset, match=r"no evalset 'nope'.*unit_math"):
        load_evalset("nope")
