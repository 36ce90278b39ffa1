"""The response of `graders/run`, as OpenAI's API gives it: every key, every error flag.

The wire has no word for "no verdict": there an ungraded sample has reward 0 and a flag that is
true; a multi may name another reward for that case, `invalid_grade`. This is the one place where
that translation is made. An answer that could not be read is a
score of its own, so it keeps its reward and sets `sample_parse_error`.
"""

from __future__ import annotations

from typing import Any

from graders.combine.multi import MultiGrader
from graders.grader import Grade, Grader
from graders.ungraded import Kind, Ungraded, Usage


def run_response(grader: Grader, verdict: Grade | Ungraded, seconds: float) -> dict[str, Any]:
    """The response body for one graded, or ungraded, sample."""
    by_model = {model: _tokens(usage) for model, usage in verdict.usage.items()}
    used = Usage(*map(sum, zip(*verdict.usage.values(), strict=True)))
    graded = isinstance(verdict, Grade)
    return {
        "reward": verdict.score if graded else getattr(grader, "invalid_grade", None) or 0.0,
        "metadata": {
            "name": grader.name,
            "type": grader.model_dump(include={"type"})["type"],
            "errors": _errors(verdict),
            "execution_time": seconds,
            "scores": {},
            "token_usage": _tokens(used) if by_model else None,
            "sampled_model_name": next(iter(by_model), None),
        },
        "sub_rewards": dict(verdict.parts) if graded and isinstance(grader, MultiGrader) else {},
        "model_grader_token_usage_per_model": by_model,
    }


def _errors(verdict: Grade | Ungraded) -> dict[str, Any]:
    flags: dict[str, Any] = {kind.value: False for kind in Kind}
    flags["python_grader_server_error_type"] = None
    flags["python_grader_runtime_error_details"] = None
    flags["model_grader_server_error_details"] = None
    if isinstance(verdict, Grade):
        flags[Kind.SAMPLE] = not verdict.parsed
        return flags
    flags[verdict.kind] = True
    if verdict.kind is Kind.PYTHON_SERVER:
        flags["python_grader_server_error_type"] = verdict.label or "unknown"
    if verdict.kind is Kind.PYTHON_RUNTIME:
        flags["python_grader_runtime_error_details"] = verdict.detail
    if verdict.kind is Kind.JUDGE_SERVER:
        flags["model_grader_server_error_details"] = verdict.detail
    return flags


def _tokens(usage: Usage) -> dict[str, int]:
    return {
        "prompt_tokens": usage.prompt_tokens,
        "total_tokens": usage.prompt_tokens + usage.completion_tokens,
        "completion_tokens": usage.completion_tokens,
        "cached_tokens": usage.cached_tokens,
    }
