"""A training row as the checks look at it: its question and its answer, as texts."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from flywheel.data.checks.findings import Findings
from flywheel.data.leakage.normalise import normalise
from flywheel.data.rows.training_row import Message, TrainingRow

_HEADS = ("system", "developer")


@dataclass(frozen=True, slots=True)
class View:
    """A row with what several checks need of it.

    `question` and `answer` are exact. `asked` and `answered` are normalised, without the system
    messages, which are mostly the same in every row; these and the tools are the `setting`.
    """

    row: TrainingRow
    question: str
    answer: str
    asked: str
    answered: str
    setting: str


class Check(ABC):
    """One check: it sees every row, then reports on all of them."""

    @abstractmethod
    def see(self, view: View, found: Findings) -> None:
        """Look at one row."""

    def end(self, path: str, found: Findings) -> Mapping[str, Any]:
        """After the last row: findings over the whole file, and figures for the report."""
        return {}


def view_of(row: TrainingRow) -> View:
    """The row's texts."""
    answers = _said(row.answers)
    if row.kind == "unpaired":
        answers += f"\n{row.label}"
    elif row.kind == "reward":
        # What the graders will compare with; an id differs between rows that are the same.
        known = {key: value for key, value in row.item.items() if key != "id"}
        answers = as_json(known) if known else ""
    spoken = _said(turn for turn in row.prompt if turn.role not in _HEADS)
    setting = [turn.text for turn in row.prompt if turn.role in _HEADS]
    if row.tools:
        setting.append(as_json(row.tools))
    question = row.text if row.kind == "text" else _said(row.prompt)
    asked = _plain(row.text if row.kind == "text" else spoken)
    return View(row, question, answers, asked, _plain(answers), "\n".join(setting))


def as_json(value: Any) -> str:
    """One spelling of a value. What JSON does not know (dates of a table) is written as text."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def said(message: Message) -> str:
    """What a message says, its calls included and its images not."""
    if not message.tool_calls:
        return message.text
    return "\n".join([message.text, *[as_json(call["function"]) for call in message.tool_calls]])


def _said(messages: Iterable[Message]) -> str:
    return "\n".join([f"{turn.role}: {said(turn)}{_shown(turn)}" for turn in messages])


def _shown(message: Message) -> str:
    """A name for each image: the image itself may be megabytes of base64."""
    if isinstance(message.content, str):
        return ""
    urls = [part["image_url"]["url"] for part in message.content if part["type"] == "image_url"]
    digests = [blake2b(url.encode("utf-8", "surrogatepass"), digest_size=8) for url in urls]
    return "".join([f" image {digest.hexdigest()}" for digest in digests])


def _plain(text: str) -> str:
    """Normalised, and the text itself where nothing is left of it: "?" is not "!"."""
    return normalise(text) or text
