"""The formats of training rows: how each is detected and read.

chat, openai and vision are one format with three names (messages; with weights, tools or calls;
with images). rft also has messages, but ends with the user's turn.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, cast

from flywheel.data.rows.messages import read_message, read_messages, read_sharegpt, read_tools
from flywheel.data.rows.shapes import BadShape, as_label, as_list, as_object, as_text, fields_at
from flywheel.data.rows.training_row import Kind, Message, TrainingRow
from flywheel.data.rows.turns import check_turns
from flywheel.errors import BadOption

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Format:
    """One format. `needs` are its required keys, `uses` its optional ones."""

    name: str
    kind: Kind
    needs: tuple[str, ...]
    uses: tuple[str, ...]
    _read: Callable[[Fields, Format], TrainingRow]

    def read(self, fields: Fields, where: str) -> TrainingRow:
        """Convert fields to a row. Raises BadShape with the location in the row."""
        missing = [key for key in self.needs if fields.get(key) is None]
        if missing:
            have = ", ".join(key for key in fields if fields[key] is not None) or "none"
            raise BadShape((), f"{self.name} needs {', '.join(missing)}; the row has: {have}")
        own = {*self.needs, *self.uses}
        item = {key: value for key, value in fields.items() if key not in own}
        return replace(self._read(fields, self), item=item, where=where)


def _chat(fields: Fields, form: Format) -> TrainingRow:
    messages = read_messages(fields["messages"], ("messages",))
    check_turns(messages, form.kind, ("messages",))
    parallel = fields.get("parallel_tool_calls")
    if parallel is not None and not isinstance(parallel, bool):
        parallel = as_label(parallel, ("parallel_tool_calls",))
    return TrainingRow(
        form.kind, messages, tools=read_tools(fields, ()), parallel_tool_calls=parallel
    )


def _sharegpt(fields: Fields, form: Format) -> TrainingRow:
    messages = read_sharegpt(fields["conversations"], ("conversations",))
    check_turns(messages, form.kind, ("conversations",))
    return TrainingRow(form.kind, _system(fields) + messages, tools=read_tools(fields, ()))


def _alpaca(fields: Fields, form: Format) -> TrainingRow:
    """The input follows the instruction, after an empty line."""
    asked = as_text(fields["instruction"], ("instruction",))
    given = as_text(fields.get("input") or "", ("input",))
    answer = Message("assistant", as_text(fields["output"], ("output",)))
    prompt = Message("user", f"{asked}\n\n{given}" if given.strip() else asked)
    return TrainingRow(form.kind, (*_system(fields), prompt, answer))


def _completion(fields: Fields, form: Format) -> TrainingRow:
    prompt = _prompt(fields["prompt"], ("prompt",))
    completion = _answer(fields["completion"], ("completion",))
    label = as_label(fields["label"], ("label",)) if form.kind == "unpaired" else None
    messages = (*_system(fields), *prompt, completion)
    return TrainingRow(form.kind, messages, label=label, tools=read_tools(fields, ()))


def _openai_dpo(fields: Fields, form: Format) -> TrainingRow:
    given = as_object(fields["input"], ("input",))
    messages = read_messages(fields_at(given, "messages", ("input",)), loc := ("input", "messages"))
    check_turns(messages, form.kind, loc)
    return TrainingRow(
        form.kind,
        messages,
        _answer(fields["preferred_output"], ("preferred_output",)),
        _answer(fields["non_preferred_output"], ("non_preferred_output",)),
        tools=read_tools(given, ("input",)),
        parallel_tool_calls=given.get("parallel_tool_calls"),
    )


def _preference(fields: Fields, form: Format) -> TrainingRow:
    prompt = (*_system(fields), *_prompt(fields["prompt"], ("prompt",)))
    return TrainingRow(
        form.kind,
        prompt,
        _answer(_behind(prompt, fields["chosen"]), ("chosen",)),
        _answer(_behind(prompt, fields["rejected"]), ("rejected",)),
        tools=read_tools(fields, ()),
    )


def _text(fields: Fields, form: Format) -> TrainingRow:
    return TrainingRow(form.kind, text=as_text(fields["text"], ("text",)))


def _system(fields: Fields) -> tuple[Message, ...]:
    text = fields.get("system")
    return (Message("system", as_text(text, ("system",))),) if text else ()


def _prompt(value: Any, loc: tuple[str, ...]) -> tuple[Message, ...]:
    """A prompt: text, or messages without the answer."""
    if not _holds_messages(value):
        return (Message("user", as_text(value, loc)),)
    messages = read_messages(value, loc)
    check_turns(messages, "preference", loc)
    return messages


def _holds_messages(value: Any) -> bool:
    """Whether it is a list, or JSON text of messages; other JSON text may be an answer."""
    return isinstance(value, list) or (
        isinstance(value, str) and value.startswith(('[{"role"', '[{"content"'))
    )


def _behind(prompt: Sequence[Message], value: Any) -> Any:
    """The answer without the prompt, which many files repeat in it."""
    if isinstance(value, list) and len(given := cast("list[Any]", value)) == len(prompt) + 1:
        repeated = read_messages(given[:-1], ())
        if [turn.text for turn in repeated] == [turn.text for turn in prompt]:
            return given[-1:]
    return cast("Any", value)


def _answer(value: Any, loc: tuple[str, ...]) -> Message:
    """An answer: text, or a list with one assistant message."""
    if not _holds_messages(value):
        return Message("assistant", as_text(value, loc))
    messages = as_list(value, loc)
    if len(messages) != 1:
        raise BadShape(loc, f"wanted one assistant message, got {len(messages)}")
    message = read_message(messages[0], (*loc, 0))
    if message.role != "assistant":
        raise BadShape((*loc, 0, "role"), f"wanted assistant, got {message.role!r}")
    return message


_CHAT = ("tools", "functions", "parallel_tool_calls")
# In order of detection: the first format whose keys a row has.
FORMATS: dict[str, Format] = {
    form.name: form
    for form in (
        Format(
            "dpo",
            "preference",
            ("input", "preferred_output", "non_preferred_output"),
            (),
            _openai_dpo,
        ),
        Format(
            "preference",
            "preference",
            ("prompt", "chosen", "rejected"),
            ("system", "tools"),
            _preference,
        ),
        Format(
            "kto", "unpaired", ("prompt", "completion", "label"), ("system", "tools"), _completion
        ),
        Format("chat", "sft", ("messages",), _CHAT, _chat),
        Format("openai", "sft", ("messages",), _CHAT, _chat),
        Format("vision", "sft", ("messages",), _CHAT, _chat),
        Format("rft", "reward", ("messages",), _CHAT, _chat),
        Format("sharegpt", "sft", ("conversations",), ("system", "tools"), _sharegpt),
        Format("completion", "sft", ("prompt", "completion"), ("system", "tools"), _completion),
        Format("alpaca", "sft", ("instruction", "output"), ("input", "system"), _alpaca),
        Format("text", "text", ("text",), (), _text),
    )
}


def format_named(name: str) -> Format:
    """The format with this name. Raises BadOption, which lists them."""
    if name not in FORMATS:
        raise BadOption(f"no format {name!r}; wanted one of {', '.join(FORMATS)}")
    return FORMATS[name]


def looks_like(fields: Fields) -> str | None:
    """The name of the first format whose keys the row has; chat for all rows with messages."""
    for name, form in FORMATS.items():
        if all(fields.get(key) is not None for key in form.needs):
            return name
    return None


def recognise(rows: Sequence[Fields]) -> Format | None:
    """The format of a file, from its first rows; None if the first row has none.

    The majority decides between chat and rft, so that a chat row without its last turn is an error
    rather than another format.
    """
    name = looks_like(rows[0])
    if name != "chat":
        return FORMATS[name] if name else None
    turns = [_turns(row) for row in rows]
    last_roles = [row[-1].get("role") for row in turns if row]
    if 2 * sum(role == "user" for role in last_roles) > len(last_roles):
        return FORMATS["rft"]
    every = [turn for row in turns for turn in row]
    if any(_shows_image(turn.get("content")) for turn in every):
        return FORMATS["vision"]
    if any(turn.get("weight") is not None or turn.get("tool_calls") for turn in every) or any(
        row.get(key) for row in rows for key in _CHAT
    ):
        return FORMATS["openai"]
    return FORMATS["chat"]


def describe_formats() -> str:
    """The formats and their keys, for error messages."""
    names: dict[tuple[str, ...], list[str]] = {}
    for form in FORMATS.values():
        names.setdefault(form.needs, []).append(form.name)
    return "; ".join(f"{', '.join(forms)} ({', '.join(keys)})" for keys, forms in names.items())


def _turns(fields: Fields) -> list[dict[str, Any]]:
    """The messages of a row; empty if they are malformed, which is reported later."""
    try:
        return [as_object(turn, ()) for turn in as_list(fields.get("messages"), ())]
    except BadShape:
        return []


def _shows_image(content: Any) -> bool:
    parts = cast("list[Any]", content) if isinstance(content, list) else []
    return any(isinstance(part, dict) and "image_url" in part for part in parts)
