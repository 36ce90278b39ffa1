"""Training rows: whatever format a file has, each of its rows becomes one of these.

A row is a conversation (`messages`) and what its kind adds to it:

sft         the answer is the last message, an assistant's
preference  two answers to the messages, `chosen` and `rejected`
reward      no answer: graders judge the model's own, and read `item`
unpaired    one answer, the last message, with a `label` that says good or bad (KTO)
text        no conversation: `text`, as it is
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]
Kind = Literal["sft", "preference", "reward", "unpaired", "text"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, or parts as chat completions have them; images stay references.

    `weight` 0 keeps an assistant's turn in the context and out of the loss; None means 1.
    """

    role: Role
    content: str | tuple[Mapping[str, Any], ...] = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    weight: int | None = None

    @property
    def text(self) -> str:
        """What is said, without images."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part["text"] for part in self.content if part["type"] == "text")

    @property
    def images(self) -> int:
        """How many images it shows."""
        if isinstance(self.content, str):
            return 0
        return sum(part["type"] == "image_url" for part in self.content)

    @property
    def learned(self) -> bool:
        """Whether training on the row teaches to say this."""
        return self.role == "assistant" and self.weight != 0

    def as_json(self) -> dict[str, Any]:
        """The message as chat completions have it."""
        content = self.content if isinstance(self.content, str) else list(self.content)
        message: dict[str, Any] = {"role": self.role, "content": content}
        if self.tool_calls:
            message["tool_calls"] = list(self.tool_calls)
            message["content"] = content or None
        optional = {"tool_call_id": self.tool_call_id, "name": self.name, "weight": self.weight}
        message.update((key, value) for key, value in optional.items() if value is not None)
        return message


@dataclass(frozen=True, slots=True)
class TrainingRow:
    """One row. `item` holds the fields beside those of the format; `where` is file:line."""

    kind: Kind
    messages: tuple[Message, ...] = ()
    chosen: Message | None = None
    rejected: Message | None = None
    label: bool | None = None
    tools: tuple[Mapping[str, Any], ...] = ()
    parallel_tool_calls: bool | None = None
    item: Mapping[str, Any] = field(default_factory=dict[str, Any])
    text: str = ""
    where: str = ""

    @property
    def prompt(self) -> tuple[Message, ...]:
        """The messages that are answered: all but the answer."""
        return self.messages[:-1] if self.kind in ("sft", "unpaired") else self.messages

    @property
    def answers(self) -> tuple[Message, ...]:
        """The answers to the prompt: one, or chosen and rejected, or none."""
        if self.kind in ("sft", "unpaired"):
            return self.messages[-1:]
        return tuple(answer for answer in (self.chosen, self.rejected) if answer is not None)

    @property
    def turns(self) -> tuple[Message, ...]:
        """Every message of the row, both answers of a pair included."""
        return (*self.prompt, *self.answers)


@dataclass(frozen=True, slots=True)
class BadRow:
    """A row that is none. `where` is file:line, with the column where it is known."""

    where: str
    story: str
