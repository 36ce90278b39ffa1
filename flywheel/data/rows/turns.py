"""Whose turn it is: the order that a conversation must have before anything learns from it.

system or developer first, then user and assistant by turns; a tool speaks only when it was called,
and every call is answered before anyone else speaks. The assistant may open the conversation.
Some chat templates refuse other orders, others drop turns in silence: both cost a training job.
"""

from __future__ import annotations

from collections.abc import Sequence

from flywheel.data.rows.shapes import BadShape
from flywheel.data.rows.training_row import Kind, Message
from flywheel.places import Loc

_HEADS = ("system", "developer")


def check_turns(messages: Sequence[Message], kind: Kind, loc: Loc) -> None:
    """Raise BadShape at the first message that is out of turn."""
    if kind == "sft" and not any(message.role == "assistant" for message in messages):
        raise BadShape(loc, "it has no assistant's turn, so there is nothing to learn")
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
        raise BadShape(
            loc, f"{message.role} speaks while {_count(len(open_calls))} without a tool's answer"
        )
    if before is None:
        return
    if message.role in _HEADS:
        if before.role not in _HEADS:
            raise BadShape(loc, f"{message.role} stands behind {before.role}; it comes first")
    elif message.role == before.role:
        raise BadShape(loc, f"two turns of {message.role} in a row; join them, or drop one")
    elif before.role == "tool" and message.role == "user":
        raise BadShape(loc, "user speaks, but the assistant has not used the tool's answer")


def _take_answer(message: Message, open_calls: list[str | None], loc: Loc) -> None:
    if not open_calls:
        raise BadShape(loc, "a tool answers, but there is no call without an answer before it")
    if message.tool_call_id is None or None in open_calls:
        open_calls.pop(0)
    elif message.tool_call_id in open_calls:
        open_calls.remove(message.tool_call_id)
    else:
        known = ", ".join(repr(call) for call in open_calls)
        raise BadShape(
            (*loc, "tool_call_id"),
            f"no call {message.tool_call_id!r} waits for an answer; waiting: {known}",
        )


def _check_end(messages: Sequence[Message], kind: Kind, loc: Loc) -> None:
    last, at = messages[-1], (*loc, len(messages) - 1)
    if kind == "sft":
        if last.role != "assistant":
            raise BadShape(at, f"the last turn is {last.role}'s; it has to be the assistant's")
        if not any(message.learned for message in messages):
            raise BadShape(loc, "every assistant's turn has weight 0, so there is nothing to learn")
    elif kind == "reward" and last.role != "user":
        raise BadShape(at, f"the last turn is {last.role}'s; for rft it has to be the user's")
    elif last.role not in ("user", "tool"):
        raise BadShape(at, f"the prompt ends in a turn of {last.role}; wanted user or tool")


def _id(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _count(calls: int) -> str:
    return "a call is" if calls == 1 else f"{calls} calls are"
