"""What a model scores on the evalsets, for the card: greedy answers, graded on the spot.

Only for building the model. A baseline that anything is decided on comes from flywheel.evals, which
stands above this layer and uses the same prompts, items and graders.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from flywheel.document import load_document, read_text
from flywheel.tiny.generate import answer
from flywheel.tiny.phrases import Split
from graders.definition import AnyGrader
from graders.grader import Grader
from graders.sample import Sample
from graders.strict_json import parse_json
from graders.template import template

EVALSETS = ("ticket_triage", "ner_json", "tool_routing", "unit_math")
# In place of ticket_triage's own prompt: what people write before they measure.
VAGUE = "Sort the support ticket. Answer in JSON."
_Z = 1.96


class Score(NamedTuple):
    """The mean of a grader over n items. `passed` counts the items that passed it."""

    mean: float
    passed: int
    n: int

    def interval(self) -> tuple[float, float]:
        """The 95% Wilson interval of the share that passed."""
        share, z2 = self.passed / self.n, _Z * _Z
        centre = (share + z2 / (2 * self.n)) / (1 + z2 / self.n)
        half = _Z * math.sqrt(share * (1 - share) / self.n + z2 / (4 * self.n * self.n))
        half /= 1 + z2 / self.n
        return centre - half, centre + half

    def story(self) -> str:
        """`45.5% (40.7 to 50.4)`; a mean of partial credits has no interval of this kind."""
        if not math.isclose(self.mean, self.passed / self.n):
            return f"{self.mean:.1%}"
        low, high = self.interval()
        return f"{self.mean:.1%} ({100 * low:.1f} to {100 * high:.1f})"


class Exam:
    """One evalset, read for its prompt, its items and its graders."""

    def __init__(self, name: str) -> None:
        self.folder = Path(str(files("evalsets"))) / name
        value = load_document(self.folder / "evalset.yaml").value
        self.prompt: list[dict[str, str]] = value["prompt"]
        self.graders: Sequence[Grader] = TypeAdapter(list[AnyGrader]).validate_python(
            value["graders"]
        )
        self.primary: str = value["primary"]

    def items(self, split: Split, most: int | None = None) -> list[dict[str, Any]]:
        """The first items of a split."""
        lines = read_text(self.folder / f"{split}.jsonl").splitlines()
        return [parse_json(line) for line in lines[:most]]

    def ask(self, item: dict[str, Any], system: str | None = None) -> list[dict[str, str]]:
        """The prompt for an item, with another system message if one is given."""
        messages: list[dict[str, str]] = []
        for message in self.prompt:
            text = template(message["content"]).render(Sample(item))
            if message["role"] == "system" and system is not None:
                text = system
            messages.append({"role": message["role"], "content": text})
        return messages

    def score(
        self,
        model: Any,
        tokenizer: Any,
        items: Sequence[dict[str, Any]],
        system: str | None = None,
    ) -> dict[str, Score]:
        """The score of every grader on the model's greedy answers to these items."""
        texts = answer(model, tokenizer, [self.ask(item, system) for item in items])
        samples = [Sample(item, text) for item, text in zip(items, texts, strict=True)]
        scores: dict[str, Score] = {}
        for grader in self.graders:
            grades = [grader.grade(sample) for sample in samples]
            mean = sum(grade.score for grade in grades) / len(grades)
            scores[grader.name] = Score(mean, sum(g.passed for g in grades), len(grades))
        return scores
