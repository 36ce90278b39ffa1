"""A training row for the checks: its question and answer as text."""

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
    """A row with the texts that several checks use.

    `question` and `answer` are exact. `asked` and `answered` are normalised and without system
    messages, which are usually the same in every row; those and the tools are the `setting`.
    """

    row: TrainingRow
    question: str
    answer: str
    asked: str
    answered: str
    setting: str


class Check(ABC):
    """One check: `see` is called for every row, then `end` once."""

    @abstractmethod
    def see(self, view: View, findings: Findings) -> None:
        """Check one row."""

    def end(self, path: str, findings: Findings) -> Mapping[str, Any]:
        """Add findings about the whole file, and return statistics for the report."""
        return {}


def view_of(row: TrainingRow) -> View:
    """The row's texts."""
    answers = _texts_of(row.answers)
    if row.kind == "unpaired":
        answers += f"\n{row.label}"
    elif row.kind == "reward":
        # The fields that graders use; an id differs even between equal rows.
        known = {key: value for key, value in row.item.items() if key != "id"}
        answers = as_json(known) if known else ""
    dialogue = _texts_of(turn for turn in row.prompt if turn.role not in _HEADS)
    setting = [turn.text for turn in row.prompt if turn.role in _HEADS]
    if row.tools:
        setting.append(as_json(row.tools))
    question = row.text if row.kind == "text" else _texts_of(row.prompt)
    asked = _plain(row.text if row.kind == "text" else dialogue)
    return View(row, question, answers, asked, _plain(answers), "\n".join(setting))


def as_json(value: Any) -> str:
    """Canonical JSON of a value; types that JSON lacks, such as dates, become strings."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)


def message_text(message: Message) -> str:
    """The text of a message with its tool calls, without images."""
    if not message.tool_calls:
        return message.text
    return "\n".join([message.text, *[as_json(call["function"]) for call in message.tool_calls]])


def _texts_of(messages: Iterable[Message]) -> str:
    return "\n".join([f"{turn.role}: {message_text(turn)}{_shown(turn)}" for turn in messages])


def _shown(message: Message) -> str:
    """A digest for each image, since an image may be megabytes of base64."""
    if isinstance(message.content, str):
        return ""
    urls = [part["image_url"]["url"] for part in message.content if part["type"] == "image_url"]
    digests = [blake2b(url.encode("utf-8", "surrogatepass"), digest_size=8) for url in urls]
    return "".join([f" image {digest.hexdigest()}" for digest in digests])


def _plain(text: str) -> str:
    """The normalised text, or the text itself if that is empty: "?" differs from "!"."""
    return normalise(text) or text
