# pyright: standard
"""The model's scores on the evalsets, for its card: greedy answers, graded directly.

Only for building the model. Real baselines come from flywheel.evals, which is above this layer and
uses the same prompts, items and graders.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any, NamedTuple

from pydantic import TypeAdapter

from flywheel.document import load_document, read_text
from flywheel.errors import FlywheelError
from flywheel.stats.intervals import Interval, mean_interval
from flywheel.tiny.desk.desk import order_id
from flywheel.tiny.desk.phrases import Split
from graders.definition import AnyGrader
from graders.grader import Grader
from graders.sample import Sample
from graders.template import template
from graders.text.strict_json import parse_json

EVALSETS = ("ticket_triage", "ner_json", "tool_routing", "unit_math")
# Replaces the prompt of ticket_triage: a typical first draft.
VAGUE = "Sort the support ticket. Answer in JSON."
# Appended to the prompt of ticket_triage: the house rules.
RULES = (
    " VIP customers always get high priority. Account tickets are always high priority."
    " Feedback tickets are always low priority."
)

# The number of lists of codes, and the share that a model must repeat correctly: otherwise it only
# guesses order ids, and no lever can help.
_LISTS, _ENOUGH = 64, 0.8
_BATCH = 128


class NoCopying(FlywheelError):
    """The model did not learn to copy: some seeds need more tokens than others."""


class Score(NamedTuple):
    """A grader's score of each item, and the wording that the item was made from."""

    values: tuple[float, ...]
    wordings: tuple[str, ...]

    @property
    def mean(self) -> float:
        """The mean over all items."""
        return sum(self.values) / len(self.values)

    def interval(self) -> Interval:
        """The 95% interval over items; exact if every value is 0 or 1."""
        return _known(mean_interval(self.values))

    def over_wordings(self) -> Interval:
        """The 95% interval clustered by wording, since items with one wording are correlated."""
        return _known(mean_interval(self.values, self.wordings))


def _known(interval: Interval | None) -> Interval:
    if interval is None:
        raise ValueError("no items were scored")
    return interval


class Exam:
    """The prompt, items and graders of one evalset."""

    def __init__(self, name: str) -> None:
        self.folder = Path(str(files("evalsets"))) / name
        value = load_document(self.folder / "evalset.yaml").value
        self.prompt: list[dict[str, str]] = value["prompt"]
        self.graders: Sequence[Grader] = TypeAdapter(list[AnyGrader]).validate_python(
            value["graders"]
        )
        self.primary: str = value["primary"]

    def items(self, split: Split, most: int | None = None) -> list[dict[str, Any]]:
        """The first `most` items of a split, by default all."""
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
        wordings = tuple(str(item["group"]) for item in items)
        return {
            grader.name: Score(tuple(grader.grade(sample).score for sample in samples), wordings)
            for grader in self.graders
        }


def check_copying(model: Any, tokenizer: Any) -> float:
    """The share of lists of two codes that the model repeats. Raises NoCopying for too few."""
    rng = random.Random("copied")
    lists = [f"{order_id(rng)}, {order_id(rng)}" for _ in range(_LISTS)]
    prompts = [
        [{"role": "system", "content": "Repeat the codes."}, {"role": "user", "content": codes}]
        for codes in lists
    ]
    answers = answer(model, tokenizer, prompts, most_tokens=20)
    share = sum(a == codes for a, codes in zip(answers, lists, strict=True)) / _LISTS
    if share < _ENOUGH:
        raise NoCopying(
            f"the model repeats {share:.0%} of the lists of codes, wanted {_ENOUGH:.0%}; use more"
            " tokens, or another seed"
        )
    return share


def answer(
    model: Any,
    tokenizer: Any,
    prompts: Sequence[Sequence[Mapping[str, str]]],
    most_tokens: int = 64,
) -> list[str]:
    """The model's greedy answer to each prompt, a list of chat messages.

    Prompts are batched by length, to save padding.
    """
    import torch

    texts = [
        tokenizer.apply_chat_template(prompt, tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = sorted(range(len(texts)), key=lambda at: len(texts[at]))
    answers = [""] * len(texts)
    for start in range(0, len(order), _BATCH):
        places = order[start : start + _BATCH]
        batch = tokenizer(
            [texts[at] for at in places],
            return_tensors="pt",
            padding=True,
            return_token_type_ids=False,
        )
        with torch.inference_mode():
            tokens = model.generate(**batch, max_new_tokens=most_tokens, do_sample=False)
        given = tokens[:, batch["input_ids"].shape[1] :]
        for at, text in zip(
            places, tokenizer.batch_decode(given, skip_special_tokens=True), strict=True
        ):
            answers[at] = text
    return answers
