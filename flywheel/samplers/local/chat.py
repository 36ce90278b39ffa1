# pyright: standard
"""Messages as the text that a local model reads, by the chat template that came with it.

Templates differ, and this makes up for it: where one refuses or drops the system message (Gemma),
it is put before the first user message; where one wants turns to alternate, neighbours of one role
are joined. `developer` counts as system.

A model without a template gets the plain form: one message alone as it is; more of them as
paragraphs `System: …`, `User: …`, `Assistant: …`, with `Assistant:` at the end.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from graders.text.strict_json import dump_json, parse_json

_PROBE = "the system says 4711"
_Turn = dict[str, Any]


class NoPrompt(Exception):
    """These messages cannot be made a prompt of this model; the message says why."""


class Chat:
    """The template of one tokenizer, and what it can do."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.templated = bool(tokenizer.chat_template)
        self._takes_system = self.templated and self._try_system()

    def prompt(
        self,
        messages: Sequence[Mapping[str, Any]],
        tools: Sequence[Mapping[str, Any]] = (),
        extra: Mapping[str, Any] | None = None,
    ) -> str:
        """The text up to where the answer begins. Raises NoPrompt.

        `extra` goes to the template as it is, such as `enable_thinking`.
        """
        turns = [_turn(message) for message in messages]
        if not self.templated:
            if tools:
                raise NoPrompt("the model has no chat template, so it cannot be given tools")
            return _plain(turns)
        return self._text(turns, tools, {"add_generation_prompt": True, **(extra or {})})

    def conversation(
        self, messages: Sequence[Mapping[str, Any]], tools: Sequence[Mapping[str, Any]] = ()
    ) -> str:
        """The whole text of messages that end with an answer, with no other turn begun.

        Raises NoPrompt. Without a template the answer stands behind its prompt, and then the token
        that ends a text, if there is one.
        """
        if not self.templated:
            said = _turn(messages[-1])["content"]
            return f"{self.prompt(messages[:-1], tools)}{said}{self._tokenizer.eos_token or ''}"
        turns = [_turn(message) for message in messages]
        return self._text(turns, tools, {"add_generation_prompt": False})

    def _text(
        self, turns: list[_Turn], tools: Sequence[Mapping[str, Any]], extra: Mapping[str, Any]
    ) -> str:
        if tools and "tools" not in str(self._tokenizer.chat_template):
            raise NoPrompt("the model's chat template knows no tools")
        if not self._takes_system:
            turns = _without_system(turns)
        try:
            return self._render(turns, tools, extra)
        except _template_errors() as error:
            joined = _joined(turns)
            if joined == turns:
                raise NoPrompt(f"the model's chat template refuses: {error}") from None
        try:
            return self._render(joined, tools, extra)
        except _template_errors() as error:
            raise NoPrompt(f"the model's chat template refuses: {error}") from None

    def _render(
        self,
        turns: Sequence[_Turn],
        tools: Sequence[Mapping[str, Any]],
        extra: Mapping[str, Any],
    ) -> str:
        return self._tokenizer.apply_chat_template(
            list(turns), tools=list(tools) or None, tokenize=False, **extra
        )

    def _try_system(self) -> bool:
        probe = [{"role": "system", "content": _PROBE}, {"role": "user", "content": "x"}]
        try:
            return _PROBE in self._render(probe, (), {"add_generation_prompt": True})
        except _template_errors():
            return False


def _template_errors() -> tuple[type[Exception], ...]:
    from jinja2 import TemplateError

    return (TemplateError, TypeError, ValueError, KeyError)


def _turn(message: Mapping[str, Any]) -> _Turn:
    content = message.get("content")
    role = message.get("role")
    if not isinstance(content, str):
        texts: list[str] = []
        for part in content or ():
            if part.get("type") not in ("text", "input_text", "output_text"):
                raise NoPrompt(f"a local model reads text only, not {part.get('type')!r}")
            texts.append(part["text"])
        content = "\n".join(texts)
    return {**message, "role": "system" if role == "developer" else role, "content": content}


def _without_system(turns: Sequence[_Turn]) -> list[_Turn]:
    """The system's words in front of the first user message."""
    system = "\n\n".join(turn["content"] for turn in turns if turn["role"] == "system")
    rest = [dict(turn) for turn in turns if turn["role"] != "system"]
    if not system:
        return rest
    for turn in rest:
        if turn["role"] == "user":
            turn["content"] = f"{system}\n\n{turn['content']}"
            return rest
    return [{"role": "user", "content": system}, *rest]


def _joined(turns: Sequence[_Turn]) -> list[_Turn]:
    """Neighbours of one role as one turn."""
    joined: list[_Turn] = []
    for turn in turns:
        if joined and joined[-1]["role"] == turn["role"]:
            text = f"{joined[-1]['content']}\n\n{turn['content']}"
            joined[-1] = {**joined[-1], "content": text}
        else:
            joined.append(dict(turn))
    return joined


def _plain(turns: Sequence[_Turn]) -> str:
    if len(turns) == 1:
        return turns[0]["content"]
    said = [f"{str(turn['role']).capitalize()}: {turn['content']}" for turn in turns]
    return "\n\n".join([*said, "Assistant:"])


def tool_calls(text: str) -> tuple[Mapping[str, Any], ...]:
    """The calls in an answer in the shape of chat completions: the `<tool_call>{…}</tool_call>` of
    the Hermes and Qwen families. Other families write calls in other ways; theirs stay text.
    """
    calls: list[Mapping[str, Any]] = []
    for number, found in enumerate(re.findall(r"<tool_call>\s*(.*?)\s*</tool_call>", text, re.S)):
        try:
            call = parse_json(found)
            function = {"name": call["name"], "arguments": dump_json(call.get("arguments", {}))}
        except (ValueError, TypeError, KeyError, AttributeError):
            continue
        calls.append({"id": f"call_{number}", "type": "function", "function": function})
    return tuple(calls)
