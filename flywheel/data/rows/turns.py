"""The required order of turns in a conversation.

system or developer first, then user and assistant alternating; a tool message only after a call,
and every call is answered before the next turn. The assistant may speak first. Some chat templates
refuse other orders, others silently drop turns; both would ruin a training.
"""

from __future__ import annotations

from collections.abc import Sequence

from flywheel.data.rows.shapes import BadShape
from flywheel.data.rows.training_row import Kind, Message
from flywheel.places import Loc

_HEADS = ("system", "developer")


def check_turns(messages: Sequence[Message], kind: Kind, loc: Loc) -> None:
    """Raise BadShape for the first message that is out of order."""
    if kind == "sft" and not any(message.role == "assistant" for message in messages):
        raise BadShape(loc, "no assistant's turn, so there is nothing to learn")
    before: Message | None = None
    open_calls: list[str | None] = []
    for index, message in enumerate(messages):
        at = (*loc, index)
        if message.role == "tool":
            _take_answer(message, open_calls, at)
        else:
            _check_turn(before, message, open_calls, at)
            open_calls = [_id(call.get("id")) for call in message.tool_calls]
        before = message
    _check_end(messages, kind, loc)


def _check_turn(
    before: Message | None, message: Message, open_calls: Sequence[str | None], loc: Loc
) -> None:
    if open_calls:
        raise BadShape(loc, f"{message.role} turn while {_count(len(open_calls))} unanswered")
    if before is None:
        return
    if message.role in _HEADS:
        if before.role not in _HEADS:
            raise BadShape(loc, f"{message.role} turn after {before.role}; it must come first")
    elif message.role == before.role:
        raise BadShape(loc, f"two {message.role} turns in a row; merge them, or remove one")
    elif before.role == "tool" and message.role == "user":
        raise BadShape(loc, "user turn right after a tool's; wanted the assistant's first")


def _take_answer(message: Message, open_calls: list[str | None], loc: Loc) -> None:
    if not open_calls:
        raise BadShape(loc, "tool turn without an unanswered call before it")
    if message.tool_call_id is None or None in open_calls:
        open_calls.pop(0)
    elif message.tool_call_id in open_calls:
        open_calls.remove(message.tool_call_id)
    else:
        known = ", ".join(repr(call) for call in open_calls)
        raise BadShape(
            (*loc, "tool_call_id"),
            f"no unanswered call {message.tool_call_id!r}; unanswered: {known}",
        )


def _check_end(messages: Sequence[Message], kind: Kind, loc: Loc) -> None:
    last, at = messages[-1], (*loc, len(messages) - 1)
    if kind == "sft":
        if last.role != "assistant":
            raise BadShape(at, f"the last turn is {last.role}'s; it must be the assistant's")
        if not any(message.learned for message in messages):
            raise BadShape(loc, "every assistant's turn has weight 0, so there is nothing to learn")
    elif kind == "reward" and last.role != "user":
        raise BadShape(at, f"the last turn is {last.role}'s; for rft it must be the user's")
    elif last.role not in ("user", "tool"):
        raise BadShape(at, f"the prompt ends with {last.role}'s turn; wanted user or tool")


def _id(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(calls: int) -> str:
    return "a call is" if calls == 1 else f"{calls} calls are"
