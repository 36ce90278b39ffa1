"""Masks: the tokens of a training row, and which of them carry loss.

Only the assistant's turns carry loss, including their end token, and not those with weight 0. A row
longer than `max_length` is truncated at its end; if its whole answer is cut, it is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.data.rows.training_row import Message, TrainingRow
from flywheel.errors import FlywheelError
from flywheel.levers.training.rows.template import NotTrainable, Part, Template

IGNORED = -100
_SHOWN = 160
# Columns whose last token is the end of an answer, unless it was truncated.
_ENDING = ("input_ids", "completion_ids", "chosen_ids", "rejected_ids")


class NothingToLearn(FlywheelError):
    """No token of the training data carries loss, or every token does."""


@dataclass(frozen=True, slots=True)
class Masked:
    """The tokens of a row. A label is IGNORED for a token without loss."""

    ids: list[int]
    labels: list[int]

    @property
    def learned(self) -> int:
        """The number of tokens with loss."""
        return sum(label != IGNORED for label in self.labels)


def mask_row(row: TrainingRow, template: Template, max_length: int) -> Masked:
    """The tokens of one conversation. Raises NotTrainable with the row's location."""
    parts = _parts(row, row.messages, template)
    return _cut(*template.encode(parts), max_length)


def mask_rows(rows: Iterable[TrainingRow], template: Template, max_length: int) -> list[Masked]:
    """The tokens of every row that has any loss after truncation.

    Raises NothingToLearn, or NotTrainable with the row's location.
    """
    masked = [mask_row(row, template, max_length) for row in rows]
    kept = [row for row in masked if row.learned]
    if not kept:
        raise NothingToLearn(
            f"no token carries loss: no answer begins within max_length ({max_length} tokens);"
            " raise max_length, or shorten the prompts"
        )
    if all(row.learned == len(row.ids) for row in kept):
        raise NothingToLearn(
            "every token carries loss: the answers have no prompts; add a user's turn to the rows,"
            " or use the lever pretrain"
        )
    return kept


def answer_ids(
    row: TrainingRow, answer: Message, template: Template, max_length: int
) -> tuple[list[int], list[int]]:
    """The tokens of a row's prompt and of an answer to it, together at most `max_length`."""
    parts = _parts(row, (*row.prompt, answer), template)
    whole = _cut(*template.encode(parts[-2:] if len(parts) == 2 else _joined(parts)), max_length)
    first = next((i for i, one in enumerate(whole.labels) if one != IGNORED), len(whole.ids))
    return whole.ids[:first], whole.ids[first:]


def describe(dataset: Sequence[Mapping[str, Any]], rows: int, template: Template) -> dict[str, Any]:
    """The content of the event `masks`, which describes the trainer's dataset.

    The first three rows as text with the parts that carry loss, how many rows were truncated, and
    how many of the `rows` were left out because their whole answer was cut. `told` has the lines
    for the user.
    """
    cut = sum(_is_cut(row, template.end_id) for row in dataset)
    shown = [_shown(dataset[i], template) for i in range(min(3, len(dataset)))]
    left_out = max(0, rows - len(dataset))
    lines = [
        f"row {number} learns {row['learned_tokens']} of {row['tokens']} tokens:"
        f" {_short(' ... '.join(row['learned']))}"
        for number, row in enumerate(shown, 1)
    ]
    if cut or left_out:
        lines.append(f"max_length truncates {cut} rows and leaves out {left_out}")
    return {"rows": shown, "cut": cut, "left_out": left_out, "told": lines}


def _short(text: str) -> str:
    """Untrusted text on one line."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 4] + " ...")


def _is_cut(row: Mapping[str, Any], end: int) -> bool:
    """Whether a row was truncated: a whole one ends with the token that ends an answer.

    In a reward model's row, the template may add tokens after it.
    """
    scored = "chosen_ids" in row and "prompt_ids" not in row
    last = [row[name] if scored else row[name][-1:] for name in _ENDING if name in row]
    return any(end not in ids for ids in last)


def _shown(row: Mapping[str, Any], template: Template) -> dict[str, Any]:
    decode = template.tokenizer.decode
    if "labels" in row:
        runs = _runs(row["labels"])
        tokens, learned = len(row["labels"]), sum(len(run) for run in runs)
        text = {"text": decode(row["input_ids"]), "learned": [decode(run) for run in runs]}
    else:
        answers = [row[name] for name in _ENDING if name in row]
        learned = sum(len(answer) for answer in answers)
        prompt = row.get("prompt_ids", [])
        tokens = len(prompt) + learned
        text = {"text": decode(prompt), "learned": [decode(one) for one in answers]}
    return text | {"tokens": tokens, "learned_tokens": learned}


def _parts(row: TrainingRow, messages: Sequence[Message], template: Template) -> list[Part]:
    answers = row.kind != "sft"
    last = len(messages) - 1
    wanted = [
        index == last if answers else message.learned for index, message in enumerate(messages)
    ]
    turns = [{k: v for k, v in m.as_json().items() if k != "weight"} for m in messages]
    try:
        return template.parts(turns, wanted, row.tools)
    except NotTrainable as error:
        raise NotTrainable(f"{row.where}: {error}" if row.where else str(error)) from None


def _joined(parts: Sequence[Part]) -> list[Part]:
    return [Part("".join(part.text for part in parts[:-1]), False), parts[-1]]


def _cut(ids: list[int], learned: list[bool], max_length: int) -> Masked:
    labels = [one if wanted else IGNORED for one, wanted in zip(ids, learned, strict=True)]
    return Masked(ids[:max_length], labels[:max_length])


def _runs(labels: Sequence[int]) -> list[list[int]]:
    """The runs of consecutive tokens that carry loss."""
    runs: list[list[int]] = [[]]
    for label in labels:
        if label != IGNORED:
            runs[-1].append(label)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
