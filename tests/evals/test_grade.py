"""Grading: the three steps, and the one place where Ungraded is caught."""

from __future__ import annotations

import asyncio
import os
import subprocess
from collections.abc import Sequence
from typing import Any

import pytest

from flywheel.engines.here import Here
from flywheel.evals.grading.grade import Verdict, grade_samples
from flywheel.evals.results.summary import Summary
from flywheel.samplers.scripted import Rule, ScriptedSampler
from graders.asks import Answer
from graders.definition import read_grader
from graders.grader import Grade, Grader
from graders.sample import Sample
from graders.ungraded import Kind, Ungraded
from tests.engines.opened import engine_of

JUDGE: dict[str, Any] = {
    "type": "score_model",
    "model": "j",
    "input": [{"role": "user", "content": "{{ item.q }}: {{ sample.output_text }}"}],
}
CHECK: dict[str, Any] = {"type": "string_check", "operation": "eq", "reference": "{{ item.gold }}"}


def grade(definition: Any, samples: Sequence[Sample], *rules: Rule) -> list[Verdict]:
    grader = definition if isinstance(definition, Grader) else read_grader(definition)
    with engine_of(ScriptedSampler(rules) if rules else None, workers=2) as engine:
        return asyncio.run(grade_samples(grader, samples, engine))


def scores(verdicts: list[Verdict]) -> list[float | Kind]:
    return [v.score if isinstance(v, Grade) else v.kind for v in verdicts]


def test_one_ungraded_sample_costs_the_others_nothing() -> None:
    samples = [Sample({"gold": "a"}, "a"), Sample({}, "a"), Sample({"gold": "a"}, "b")]
    verdicts = grade(CHECK, samples)
    assert scores(verdicts) == [1.0, Kind.VARIABLE, 0.0]
    summary = Summary.of(verdicts)
    assert (summary.mean, summary.graded, summary.n) == (0.5, 2, 3)
    assert summary.ungraded == {"invalid_variable_error": 1}


def test_a_mean_of_nothing_is_none_and_not_zero() -> None:
    assert Summary.of(grade(CHECK, [Sample({}, "a")])).mean is None


def test_a_variable_that_is_missing_in_a_judges_prompt_is_ungraded_unasked() -> None:
    (verdict,) = grade(JUDGE, [Sample({}, "x")], Rule(text='{"result": 1}'))
    assert isinstance(verdict, Ungraded)
    assert verdict.kind is Kind.VARIABLE


def test_judges_are_asked_in_one_batch_and_answers_find_their_sample() -> None:
    samples = [Sample({"q": f"q{i}"}, "x") for i in range(5)]
    rules = [Rule(when=f"q{i}:", text=f'{{"result": {i / 10}}}') for i in (3, 1, 4, 0, 2)]
    assert scores(grade(JUDGE, samples, *rules)) == [0.0, 0.1, 0.2, 0.3, 0.4]


def test_refusal_outage_and_unreadable_are_three_kinds() -> None:
    samples = [Sample({"q": q}, "x") for q in ("q1", "q2", "q3", "q4")]
    rules = (
        Rule(when="q1:", refusal="no"),
        Rule(when="q2:", error="503"),
        Rule(when="q3:", text="hm"),
    )
    assert scores(grade(JUDGE, samples, *rules)) == [
        Kind.JUDGE_REFUSAL,
        Kind.JUDGE_SERVER,
        Kind.JUDGE_PARSE,
        Kind.JUDGE_SERVER,  # the script had no answer left
    ]


def test_without_a_judge_a_model_grader_is_ungraded() -> None:
    (verdict,) = grade(JUDGE, [Sample({"q": "?"}, "x")])
    assert isinstance(verdict, Ungraded)
    assert verdict.detail == "no judge is set; name one with --judge"


def test_python_graders_run_in_the_sandbox() -> None:
    source = "def grade(sample, item):\n    return len(sample['output_text']) / item['n']\n"
    samples = [Sample({"n": n}, "abc") for n in (3, 6, 0)]
    assert scores(grade({"type": "python", "source": source}, samples)) == [
        1.0,
        0.5,
        Kind.PYTHON_RUNTIME,
    ]


def test_a_multi_asks_for_all_of_its_parts() -> None:
    source = "def grade(sample, item):\n    return 0.5\n"
    parts = {"c": CHECK, "j": JUDGE, "p": {"type": "python", "source": source}}
    definition = {"type": "multi", "graders": parts, "calculate_output": "c + j + p"}
    samples = [Sample({"gold": "x", "q": "?"}, "x")]
    assert scores(grade(definition, samples, Rule(text='{"result": 1}'))) == [2.5]


class Broken(Grader):
    """A grader with a bug."""

    type: str = "broken"

    def grade(self, sample: Sample, answers: Sequence[Answer] = ()) -> Grade:
        """Fails."""
        raise KeyError(sample.output_text)


def test_a_bug_is_no_verdict_and_is_named() -> None:
    (verdict,) = grade(Broken(name="b"), [Sample({}, "x")])
    assert isinstance(verdict, Ungraded)
    assert (verdict.kind, verdict.label) == (Kind.OTHER, "bug")
    assert verdict.detail == "b raised KeyError: 'x'"


@pytest.mark.wide
def test_cosine_uses_the_model_that_is_installed() -> None:
    definition = {
        "type": "text_similarity",
        "evaluation_metric": "cosine",
        "reference": "{{ item.gold }}",
    }
    gold = {"gold": "The cat sleeps on the sofa."}
    near, far = grade(
        definition,
        [Sample(gold, "A kitten naps on the couch."), Sample(gold, "Interest rates rose again.")],
    )
    assert isinstance(near, Grade) and isinstance(far, Grade)
    assert near.score > 0.5 > 0.2 > far.score


@pytest.mark.wide
def test_a_lone_surrogate_costs_nobody_the_embedding() -> None:
    definition = {
        "type": "text_similarity",
        "evaluation_metric": "cosine",
        "reference": "a cat",
    }
    assert [type(v) for v in grade(definition, [Sample({}, "\ud83d"), Sample({}, "a cat")])] == [
        Grade,
        Grade,
    ]


class BrokenEmbedder:
    """An embedder with a bug."""

    def embed(self, texts: Sequence[str]) -> list[tuple[float, ...]]:
        """Fails."""
        raise RuntimeError("no weights")


def test_a_broken_model_costs_only_those_who_asked_it() -> None:
    cosine = {"type": "text_similarity", "evaluation_metric": "cosine", "reference": "x"}
    definition = read_grader(cosine)
    with Here(embedder=BrokenEmbedder()) as engine:
        (verdict,) = asyncio.run(grade_samples(definition, [Sample({}, "x")], engine))
    assert isinstance(verdict, Ungraded)
    assert verdict.detail == "no answer came back. RuntimeError: no weights"


def test_several_sources_share_one_sandbox() -> None:
    parts = {
        f"p{i}": {"type": "python", "source": f"def grade(s, i): return {i}.0"} for i in range(4)
    }
    definition = {"type": "multi", "graders": parts, "calculate_output": "p0 + p1 + p2 + p3"}
    before = children()
    assert scores(grade(definition, [Sample({}, "x")])) == [6.0]
    assert children() == before


def children() -> set[str]:
    """The processes that this one has started and that still run."""
    listed = subprocess.run(
        ["ps", "-o", "pid=,comm=", "--ppid", str(os.getpid())],
        capture_output=True,
        text=True,
        check=False,
    )
    return {line for line in listed.stdout.splitlines() if " ps" not in line}
