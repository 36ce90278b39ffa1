"""The texts of a training row in any format, for the leakage check.

Lenient: a row in no known format may still leak. Chat (`messages`), ShareGPT, prompt and
completion, and Alpaca are known; for any other row the texts are its whole text, and each string of
at least four words, since shorter ones may be labels.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple, cast

from flywheel.data.rows.shapes import BadShape, as_list

_CONVERSATIONS = ("messages", "conversations", "prompt")
_NO_TEXT = frozenset({"role", "from", "type", "id", "tool_call_id"})
_LEAST_WORDS = 4


class Turn(NamedTuple):
    """One turn. `role` is `user`, `system`, `assistant` or another name in the row."""

    role: str
    text: str


def turns(row: Mapping[str, Any]) -> list[Turn]:
    """The turns of a row, in order; empty for an unknown format."""
    for key in _CONVERSATIONS:
        if conversation := _conversation(row.get(key)):
            return conversation
    if isinstance(row.get("prompt"), str):
        return [Turn("user", row["prompt"])]
    asked = [row[key] for key in ("instruction", "input") if isinstance(row.get(key), str)]
    if asked and "instruction" in row:
        return [Turn("user", text) for text in dict.fromkeys([*asked, "\n".join(asked)])]
    return []


def row_texts(row: Mapping[str, Any]) -> list[str]:
    """The texts of a row that may leak: each user turn, and the whole text."""
    known = turns(row)
    alone = [turn.text for turn in known if turn.role == "user"]
    if not known:
        alone = [text for text in _strings(row) if len(text.split()) >= _LEAST_WORDS]
    return [text for text in dict.fromkeys([*alone, "\n".join(_strings(row))]) if text]


def content_text(content: Any) -> str:
    """The text of a message's content, which is a string or a list of parts."""
    return content if isinstance(content, str) else "\n".join(_strings(content))


def _conversation(value: Any) -> list[Turn]:
    """The turns of a list of messages, or of a list as JSON text."""
    try:
        messages = as_list(value, ())
    except BadShape:
        return []
    conversation: list[Turn] = []
    for message in messages:
        if isinstance(message, dict):
            fields = cast("dict[str, Any]", message)
            role = str(fields.get("role", fields.get("from", "")))
            text = content_text(fields.get("content", fields.get("value")))
            conversation.append(Turn("user" if role == "human" else role, text))
    return conversation


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, Any]", value).items():
            if key not in _NO_TEXT:
                yield from _strings(inner)
    elif isinstance(value, list | tuple):
        for inner in cast("list[Any]", value):
            yield from _strings(inner)
