"""Reads the messages of a training row, in OpenAI's or ShareGPT's format.

The deprecated `function_call` and the role `function` become tool calls and `tool`. Unknown keys
are ignored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast, get_args

from flywheel.data.rows.shapes import BadShape, as_list, as_object, as_text, fields_at, shorten
from flywheel.data.rows.training_row import Message, Role
from flywheel.places import Loc
from graders.text.strict_json import dump_json, parse_json

_ROLES: tuple[Role, ...] = get_args(Role)
_BY_NAME: dict[str, Role] = {**{role: role for role in _ROLES}, "function": "tool"}
_SHAREGPT: dict[str, Role] = {
    "system": "system",
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "assistant": "assistant",
    "model": "assistant",
    "bot": "assistant",
    "function_call": "assistant",
    "tool": "tool",
    "observation": "tool",
    "function_response": "tool",
}


def read_messages(value: Any, loc: Loc) -> tuple[Message, ...]:
    """Read a list of messages. Raises BadShape with the location of the first bad one."""
    turns = as_list(value, loc)
    if not turns:
        raise BadShape(loc, "wanted at least one message, got an empty list")
    return tuple([read_message(turn, (*loc, index)) for index, turn in enumerate(turns)])


def read_message(value: Any, loc: Loc) -> Message:
    """Read one message. Raises BadShape."""
    fields = as_object(value, loc)
    role = _role(fields, "role", _BY_NAME, loc)
    calls = _calls(fields, loc)
    if calls and role != "assistant":
        raise BadShape((*loc, "tool_calls"), f"only an assistant may call tools, not {role!r}")
    content = fields.get("content", fields.get("refusal"))
    if content is None:
        if not calls:
            raise BadShape((*loc, "content"), "this field is missing")
        content = ""
    name, call_id = fields.get("name"), fields.get("tool_call_id")
    return Message(
        role,
        _content(content, role, (*loc, "content")),
        calls,
        None if call_id is None else as_text(call_id, (*loc, "tool_call_id")),
        None if name is None else as_text(name, (*loc, "name")),
        _weight(fields, role, loc),
    )


def read_sharegpt(value: Any, loc: Loc) -> tuple[Message, ...]:
    """Read ShareGPT's `conversations`: turns with `from` and `value`."""
    turns: list[Message] = []
    for index, turn in enumerate(as_list(value, loc)):
        at = (*loc, index)
        fields = as_object(turn, at)
        if "role" in fields and "from" not in fields:
            turns.append(read_message(turn, at))
            continue
        role = _role(fields, "from", _SHAREGPT, at)
        text = as_text(fields_at(fields, "value", at), (*at, "value"))
        calls = _written_calls(text, at) if fields["from"] == "function_call" else ()
        turns.append(Message(role, "" if calls else text, calls, weight=_weight(fields, role, at)))
    if not turns:
        raise BadShape(loc, "wanted at least one message, got an empty list")
    return tuple(turns)


def read_tools(fields: Mapping[str, Any], loc: Loc) -> tuple[Mapping[str, Any], ...]:
    """Read `tools`, or the deprecated `functions`. Raises BadShape."""
    functions = fields.get("functions")
    if functions is not None and fields.get("tools") is None:
        given = as_list(functions, (*loc, "functions"))
        return tuple({"type": "function", "function": function} for function in given)
    tools: list[Mapping[str, Any]] = []
    for index, tool in enumerate(as_list(fields.get("tools") or [], (*loc, "tools"))):
        at = (*loc, "tools", index)
        tool = as_object(tool, at)
        function = as_object(tool.get("function", tool), (*at, "function"))
        as_text(fields_at(function, "name", (*at, "function")), (*at, "function", "name"))
        tools.append({"type": "function", "function": function})
    return tuple(tools)


def _role(fields: Mapping[str, Any], key: str, roles: Mapping[str, Role], loc: Loc) -> Role:
    name = fields_at(fields, key, loc)
    role = roles.get(name) if isinstance(name, str) else None
    if role is None:
        raise BadShape(
            (*loc, key), f"wanted one of {', '.join(dict.fromkeys(roles))}, got {shorten(name)}"
        )
    return role


def _content(value: Any, role: Role, loc: Loc) -> str | tuple[Mapping[str, Any], ...]:
    if isinstance(value, str):
        return value
    if not isinstance(value, list):
        raise BadShape(loc, f"wanted text or a list of parts, got {shorten(value)}")
    parts: list[Mapping[str, Any]] = []
    for index, given in enumerate(as_list(value, loc)):
        at = (*loc, index)
        part = as_object(given, at)
        kind = fields_at(part, "type", at)
        if kind in ("text", "input_text", "output_text", "refusal"):
            text = part.get("text", part.get("refusal"))
            parts.append({"type": "text", "text": as_text(text, (*at, "text"))})
        elif kind in ("image_url", "input_image"):
            if role != "user":
                raise BadShape(at, f"only a user's turn may have images, not {role!r}")
            parts.append({"type": "image_url", "image_url": _image(part, at)})
        else:
            raise BadShape((*at, "type"), f"wanted text or image_url, got {shorten(kind)}")
    return tuple(parts)


def _image(part: Mapping[str, Any], loc: Loc) -> Mapping[str, Any]:
    given = fields_at(part, "image_url", loc)
    image = {"url": given} if isinstance(given, str) else as_object(given, (*loc, "image_url"))
    url = fields_at(image, "url", (*loc, "image_url"))
    if not isinstance(url, str):
        raise BadShape((*loc, "image_url", "url"), f"wanted text, got {shorten(url)}")
    return image


def _weight(fields: Mapping[str, Any], role: Role, loc: Loc) -> int | None:
    weight = fields.get("weight")
    if weight is None:
        return None
    if isinstance(weight, bool) or weight not in (0, 1):
        raise BadShape((*loc, "weight"), f"wanted 0 or 1, got {shorten(weight)}")
    if role != "assistant":
        raise BadShape(
            (*loc, "weight"), f"only an assistant's turn may have a weight, not {role!r}"
        )
    return int(weight)


def _calls(fields: Mapping[str, Any], loc: Loc) -> tuple[Mapping[str, Any], ...]:
    old = fields.get("function_call")
    if old is not None and not fields.get("tool_calls"):
        return (_call({"function": old}, (*loc, "function_call")),)
    given = fields.get("tool_calls")
    if not given:
        return ()
    at = (*loc, "tool_calls")
    return tuple([_call(call, (*at, index)) for index, call in enumerate(as_list(given, at))])


def _call(value: Any, loc: Loc) -> Mapping[str, Any]:
    """Read a tool call; arguments become JSON text."""
    call = as_object(value, loc)
    function = as_object(call.get("function", call), (*loc, "function"))
    name = as_text(fields_at(function, "name", (*loc, "function")), (*loc, "function", "name"))
    given, at = function.get("arguments", {}), (*loc, "function", "arguments")
    arguments = given if isinstance(given, str) else dump_json(given)
    try:
        if not isinstance(parse_json(arguments), dict):
            raise ValueError
    except ValueError:
        raise BadShape(at, f"wanted a JSON object, got {shorten(given)}") from None
    made: dict[str, Any] = {"type": "function", "function": {"name": name, "arguments": arguments}}
    return {"id": call["id"], **made} if "id" in call else made


def _written_calls(text: str, loc: Loc) -> tuple[Mapping[str, Any], ...]:
    """The calls of a ShareGPT turn: one JSON object, or a list of them."""
    try:
        value = parse_json(text)
    except ValueError:
        raise BadShape((*loc, "value"), f"wanted a call as JSON, got {shorten(text)}") from None
    calls = cast("list[Any]", value) if isinstance(value, list) else [value]
    return tuple([_call(call, (*loc, "value")) for call in calls])
