"""Masks: the tokens of a training row, and which of them carry loss.

Only what the assistant says carries loss, with the token that ends its turn; turns of weight 0 do
not. A row that is longer than allowed loses its end; one that loses all its answer is left out.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from flywheel.data.rows.training_row import Message, TrainingRow
from flywheel.errors import FlywheelError
from flywheel.levers.training.rows.template import NotTrainable, Part, Template

IGNORED = -100
# Columns whose last token is that which ends an answer, where nothing was cut.
_SHOWN = 160
_ENDING = ("input_ids", "completion_ids", "chosen_ids", "rejected_ids")


class NothingToLearn(FlywheelError):
    """No token of the training data carries loss, or each one does."""


@dataclass(frozen=True, slots=True)
class Masked:
    """The tokens of a row. `labels` are IGNORED where there is no loss."""

    ids: list[int]
    labels: list[int]

    @property
    def learned(self) -> int:
        """How many tokens carry loss."""
        return sum(label != IGNORED for label in self.labels)


def mask_row(row: TrainingRow, template: Template, max_length: int) -> Masked:
    """The tokens of one conversation. Raises NotTrainable with the row's place."""
    parts = _parts(row, row.messages, template)
    return _cut(*template.encode(parts), max_length)


def mask_rows(rows: Iterable[TrainingRow], template: Template, max_length: int) -> list[Masked]:
    """The tokens of every row of whose answer something is left.

    Raises NothingToLearn, or NotTrainable with the row's place.
    """
    found = [mask_row(row, template, max_length) for row in rows]
    kept = [row for row in found if row.learned]
    if not kept:
        raise NothingToLearn(
            f"no token carries loss: no answer begins within max_length {max_length} tokens; raise"
            " max_length, or shorten the prompts"
        )
    if all(row.learned == len(row.ids) for row in kept):
        raise NothingToLearn(
            "every token carries loss: nothing stands before the answers; give the rows a user's"
            " turn, or train by the lever pretrain"
        )
    return kept


def answer_ids(
    row: TrainingRow, answer: Message, template: Template, max_length: int
) -> tuple[list[int], list[int]]:
    """The tokens of a row's prompt, and those of an answer to it, cut to `max_length` together."""
    parts = _parts(row, (*row.prompt, answer), template)
    found = _cut(*template.encode(parts[-2:] if len(parts) == 2 else _joined(parts)), max_length)
    first = next((i for i, one in enumerate(found.labels) if one != IGNORED), len(found.ids))
    return found.ids[:first], found.ids[first:]


def told(dataset: Sequence[Mapping[str, Any]], rows: int, template: Template) -> dict[str, Any]:
    """What the event `masks` says of the rows as the trainer has them.

    The first three as text with what carries loss, how many were cut, and how many of the `rows`
    were left out because nothing of their answer was left. `told` are lines for people.
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
        lines.append(f"{cut} rows are cut at max_length, {left_out} are left out by it")
    return {"rows": shown, "cut": cut, "left_out": left_out, "told": lines}


def _short(text: str) -> str:
    """Text that may hold anything, on one line."""
    return repr(text if len(text) <= _SHOWN else text[: _SHOWN - 4] + " ...")


def _is_cut(row: Mapping[str, Any], end: int) -> bool:
    """What is whole ends with the token that ends an answer.

    What a reward model reads may go on behind it, as its template writes it.
    """
    reads = "chosen_ids" in row and "prompt_ids" not in row
    last = [row[name] if reads else row[name][-1:] for name in _ENDING if name in row]
    return any(end not in found for found in last)


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
    said = [{k: v for k, v in m.as_json().items() if k != "weight"} for m in messages]
    try:
        return template.parts(said, wanted, row.tools)
    except NotTrainable as error:
        raise NotTrainable(f"{row.where}: {error}" if row.where else str(error)) from None


def _joined(parts: Sequence[Part]) -> list[Part]:
    return [Part("".join(part.text for part in parts[:-1]), False), parts[-1]]


def _cut(ids: list[int], learned: list[bool], max_length: int) -> Masked:
    labels = [one if wanted else IGNORED for one, wanted in zip(ids, learned, strict=True)]
    return Masked(ids[:max_length], labels[:max_length])


def _runs(labels: Sequence[int]) -> list[list[int]]:
    """The stretches of tokens that carry loss."""
    runs: list[list[int]] = [[]]
    for label in labels:
        if label != IGNORED:
            runs[-1].append(label)
        elif runs[-1]:
            runs.append([])
    return [run for run in runs if run]
