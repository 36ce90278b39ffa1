"""scripted: a fake model that answers by the rules in a file, for tests, demos and docs.

A line of the file is a rule: `{"when": "text in the prompt", "text": "..."}` answers every prompt
that contains the text, `match` does the same with a regular expression, and `{"text": "..."}`
without either answers one prompt and is used up. The first rule that matches counts. `refusal` and
`error` replace `text` for a judge that refuses or fails. A prompt that no rule matches is an error,
never an empty answer.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError, field_validator

from flywheel.document import read_text
from flywheel.errors import BadFile
from flywheel.samplers.sampler import Output, Request
from graders.text.strict_json import parse_json
from graders.ungraded import Usage


class Rule(BaseModel):
    """One line of the script."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    when: str | None = None
    match: str | None = None
    text: str = ""
    refusal: str | None = None
    error: str | None = None

    @field_validator("match")
    @classmethod
    def _match_can_be_read(cls, match: str | None) -> str | None:
        import regex

        try:
            regex.compile(match or "")
        except regex.error as error:
            raise ValueError(f"the expression {match!r:.80} cannot be read: {error}") from None
        return match

    def fits(self, prompt: str) -> bool:
        """Whether the rule answers this prompt. An expression that explodes does not fit."""
        if self.when is not None and self.when not in prompt:
            return False
        if self.match is None:
            return True
        import regex

        try:
            return regex.search(self.match, prompt, timeout=1.0) is not None
        except TimeoutError:
            return False


class ScriptedSampler:
    """Answers from rules, in the order of the requests."""

    def __init__(self, rules: Iterable[Rule], name: str = "scripted") -> None:
        self._rules = list(rules)
        self._name = name

    async def sample(self, requests: Sequence[Request]) -> AsyncIterator[tuple[int, Output]]:
        """Answer every request once."""
        for index, request in enumerate(requests):
            yield index, self._answer(request.text())

    def _answer(self, prompt: str) -> Output:
        for position, rule in enumerate(self._rules):
            if not rule.fits(prompt):
                continue
            if rule.when is None and rule.match is None:
                del self._rules[position]
            # Words are counted as tokens: a fake has no tokenizer, and counts must not be zero.
            usage = Usage(len(prompt.split()), len(rule.text.split()))
            return Output(rule.text, self._name, usage, rule.refusal, error=rule.error)
        return Output(model=self._name, error="the script has no answer left for this prompt")


def load_script(path: Path) -> ScriptedSampler:
    """Read a script of rules, one JSON object or string a line. Raises BadFile with the line."""
    adapter = TypeAdapter[Rule | str](Rule | str)
    rules: list[Rule] = []
    for number, line in enumerate(read_text(path).split("\n"), 1):
        if not line.strip():
            continue
        try:
            rule = adapter.validate_python(parse_json(line))
        except ValueError as error:
            column = error.colno if isinstance(error, json.JSONDecodeError) else 1
            story = "not a rule" if isinstance(error, ValidationError) else f"not JSON: {error}"
            raise BadFile(
                f"{path}:{number}:{column}: {story}; wanted"
                ' {"when": "…", "text": "…"} or a string'
            ) from None
        rules.append(Rule(text=rule) if isinstance(rule, str) else rule)
    return ScriptedSampler(rules)
