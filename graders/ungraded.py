"""Ungraded: a grader reached no verdict, and says in the wire's words why."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Any, NamedTuple


class Usage(NamedTuple):
    """Tokens that a judge took."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0


class Kind(StrEnum):
    """Why there is no verdict. The values are the error flags of the graders API."""

    FORMULA = "formula_parse_error"
    SAMPLE = "sample_parse_error"
    TRUNCATED = "truncated_observation_error"
    UNRESPONSIVE = "unresponsive_reward_error"
    VARIABLE = "invalid_variable_error"
    OTHER = "other_error"
    PYTHON_SERVER = "python_grader_server_error"
    PYTHON_RUNTIME = "python_grader_runtime_error"
    JUDGE_SERVER = "model_grader_server_error"
    JUDGE_REFUSAL = "model_grader_refusal_error"
    JUDGE_PARSE = "model_grader_parse_error"


class Ungraded(Exception):
    """The grader reached no verdict. That says nothing about the answer it was given.

    Raised by graders, caught in one place (`flywheel.evals.grading.grade`). Such an answer keeps no
    score: it stays out of every mean and is counted in every summary. `label` is the short machine
    name that the wire's `*_error_type` carries, such as "timeout"; `usage` and `replies` are what
    a judge took and said anyway.
    """

    def __init__(self, kind: Kind, detail: str, label: str | None = None) -> None:
        super().__init__(detail)
        self.usage: Mapping[str, Usage] = {}
        self.replies: Sequence[Any] = ()
        self.kind = kind
        self.detail = detail
        self.label = label
