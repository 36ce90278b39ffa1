"""Training rows, the common form of all formats.

A row is a conversation (`messages`), and depending on its kind:

sft         the last message is the answer, by the assistant
preference  two answers to the messages, `chosen` and `rejected`
reward      no answer: graders score the model's own, with the fields in `item`
unpaired    the last message is the answer, with a `label`, good or bad (KTO)
text        no conversation, only `text`
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Role = Literal["system", "developer", "user", "assistant", "tool"]
Kind = Literal["sft", "preference", "reward", "unpaired", "text"]


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `content` is text, or parts as in chat completions; images stay references.

    With `weight` 0 an assistant's turn is context without loss; None means 1.
    """

    role: Role
    content: str | tuple[Mapping[str, Any], ...] = ""
    tool_calls: tuple[Mapping[str, Any], ...] = ()
    tool_call_id: str | None = None
    name: str | None = None
    weight: int | None = None

    @property
    def text(self) -> str:
        """The text without images."""
        if isinstance(self.content, str):
            return self.content
        return "\n".join(part["text"] for part in self.content if part["type"] == "text")

    @property
    def images(self) -> int:
        """The number of images."""
        if isinstance(self.content, str):
            return 0
        return sum(part["type"] == "image_url" for part in self.content)

    @property
    def learned(self) -> bool:
        """Whether the message carries loss."""
        return self.role == "assistant" and self.weight != 0

    def as_json(self) -> dict[str, Any]:
        """The message in the format of chat completions."""
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
    """One row. `item` has the fields outside the format; `where` is file:line."""

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
        """The messages without the answer."""
        return self.messages[:-1] if self.kind in ("sft", "unpaired") else self.messages

    @property
    def answers(self) -> tuple[Message, ...]:
        """The answers to the prompt: one, or chosen and rejected, or none."""
        if self.kind in ("sft", "unpaired"):
            return self.messages[-1:]
        return tuple(answer for answer in (self.chosen, self.rejected) if answer is not None)

    @property
    def turns(self) -> tuple[Message, ...]:
        """All messages of the row, including both answers of a pair."""
        return (*self.prompt, *self.answers)


@dataclass(frozen=True, slots=True)
class BadRow:
    """An invalid row. `where` is file:line, with the column if it is known."""

    where: str
    story: str
