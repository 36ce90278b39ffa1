"""The two dialects of an OpenAI-compatible endpoint: a request as JSON, an answer as an Output.

`chat` is /chat/completions, `responses` is /responses. `Request.sampling` goes out as it is, with
these exceptions. Both spellings of max_completion_tokens are known, and it takes the name that
the dialect has. In `responses`, `reasoning_effort` becomes `reasoning`, `seed` and `stop` are
left out because that API has none, and nothing is stored (`store: false`) unless asked.
An answer of any other shape raises Garbage, which names what came.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple, cast

from flywheel.samplers.endpoint.retry import shorten
from flywheel.samplers.sampler import LENGTHS, Output, Request
from graders.text.strict_json import parse_json
from graders.ungraded import Usage

Api = Literal["chat", "responses"]
TOP = 20
# The most tokens of one request that are believed; no context is a hundredth of it.
_MOST_TOKENS = 1_000_000_000
# The provider gave up in mid-answer: OpenRouter and Mistral, vLLM and SGLang, DeepSeek.
_FAILED = ("error", "abort", "insufficient_system_resource")
# The model's context was full before the limit: Mistral.
_CUT = ("length", "model_length")
# What an output holds in fields of its own.
_ELSEWHERE = frozenset(
    {"model", "choices", "output", "error", "role", "content", "tool_calls", "refusal"}
)
_MOST_KEPT = 8_000
_MOST_SHORT = 200
_NOT_IN_RESPONSES = frozenset({"seed", "stop", "reasoning_effort", "logprobs"})


class Garbage(Exception):
    """An answer that is no answer; the message says what came."""


class Dialect(NamedTuple):
    """How one API is spoken: its path, how to ask, and how to read what comes."""

    path: str
    ask: Callable[[Request, str, str], bytes]
    read: Callable[[Mapping[str, Any]], tuple[Output, Any]]


def read_answer(dialect: Dialect, body: bytes) -> tuple[Output, Any]:
    """The output in an answer, and its log-probabilities if there are any. Raises Garbage."""
    try:
        answer: Any = parse_json(body)
    except ValueError:
        came = shorten(body.decode("utf-8", "replace")) or "nothing"
        raise Garbage(f"the answer is not JSON: {came}") from None
    if not isinstance(answer, dict):
        raise Garbage(f"the answer is no object: {shorten(repr(answer))}")
    return read_fields(dialect, cast("dict[str, Any]", answer), body.decode)


def read_fields(
    dialect: Dialect, answer: Mapping[str, Any], show: Callable[[], str]
) -> tuple[Output, Any]:
    """The same, of an answer that is parsed already; `show` is asked for it as text."""
    try:
        _refuse_error(answer)
        return dialect.read(answer)
    except (KeyError, TypeError, AttributeError, IndexError, ValueError):
        raise Garbage(f"the answer has another shape: {shorten(show())}") from None


def _ask_chat(request: Request, model: str, length_name: str) -> bytes:
    sampling, length = _split(request.sampling)
    body: dict[str, Any] = {"model": model, "messages": list(request.messages), **sampling}
    if length is not None:
        body[length_name] = length
    if request.tools:
        body["tools"] = list(request.tools)
    if request.options:
        body |= {"logprobs": True, "top_logprobs": TOP, "temperature": 0, length_name: 1}
    elif request.schema is not None:
        named = {"name": "answer", "schema": request.schema, "strict": True}
        body["response_format"] = {"type": "json_schema", "json_schema": named}
    return _encode(body)


def _ask_responses(request: Request, model: str, length_name: str) -> bytes:
    sampling, length = _split(request.sampling)
    body: dict[str, Any] = {"model": model, "input": [_turn(m) for m in request.messages]}
    body["store"] = False
    body |= {name: value for name, value in sampling.items() if name not in _NOT_IN_RESPONSES}
    if length is not None:
        body["max_output_tokens"] = length
    if effort := sampling.get("reasoning_effort"):
        body["reasoning"] = {"effort": effort}
    if request.tools:
        body["tools"] = [_flat(tool) for tool in request.tools]
    if request.options:
        # 16 is the least that the API takes.
        body |= {"include": ["message.output_text.logprobs"], "top_logprobs": TOP}
        body |= {"temperature": 0, "max_output_tokens": 16}
    elif request.schema is not None:
        shape = {"type": "json_schema", "name": "answer", "schema": request.schema, "strict": True}
        body["text"] = {"format": shape}
    return _encode(body)


def _split(sampling: Mapping[str, Any]) -> tuple[dict[str, Any], int | None]:
    """The parameters without the longest length, and that."""
    rest = {name: value for name, value in sampling.items() if name not in LENGTHS}
    rest = {name: value for name, value in rest.items() if value is not None}
    return rest, next((sampling[name] for name in LENGTHS if sampling.get(name)), None)


def _encode(body: Mapping[str, Any]) -> bytes:
    # Lone surrogates cannot be sent as UTF-8; the escapes of ASCII carry them.
    return json.dumps(body, allow_nan=False).encode("ascii")


def _turn(message: Mapping[str, Any]) -> dict[str, Any]:
    content = message.get("content")
    if isinstance(content, str):
        return dict(message)
    said = "output_text" if message.get("role") == "assistant" else "input_text"
    parts: list[Mapping[str, Any]] = []
    for part in content or ():
        kind = part.get("type")
        if kind == "text":
            parts.append({"type": said, "text": part["text"]})
        elif kind == "image_url":
            image = dict(part["image_url"])
            parts.append({"type": "input_image", "image_url": image.pop("url"), **image})
        else:
            parts.append(part)
    return {**message, "content": parts}


def _flat(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    return {"type": "function", **function} if isinstance(function, Mapping) else tool


def _read_chat(answer: Mapping[str, Any]) -> tuple[Output, Any]:
    choice = answer["choices"][0]
    _refuse_error(choice)
    message: Mapping[str, Any] = choice["message"]
    tools: Sequence[Mapping[str, Any]] = message.get("tool_calls") or ()
    usage = _fields(answer.get("usage"))
    reason = choice.get("finish_reason")
    # A thought that was cut before the answer began, or a filter, may leave no content at all.
    empty = tools or message.get("refusal") or reason in (*_CUT, "content_filter")
    content = message.get("content") if empty else message["content"]
    output = Output(
        _joined(content),
        str(answer.get("model") or ""),
        _usage(usage, ("prompt_tokens", "completion_tokens", "prompt_tokens_details")),
        _refusal(message.get("refusal"), filtered=reason == "content_filter"),
        truncated=reason in _CUT,
        tools=tuple(tools),
        finish_reason=reason if isinstance(reason, str) else None,
        response=_kept(answer, message),
    )
    return output, _fields(choice.get("logprobs")).get("content")


def _read_responses(answer: Mapping[str, Any]) -> tuple[Output, Any]:
    if answer.get("status") == "failed":
        raise Garbage("the answer has the status 'failed' and gives no reason")
    texts: list[str] = []
    refusal: str | None = None
    logprobs: Any = None
    for item in answer["output"]:
        for part in (item.get("content") or ()) if item["type"] == "message" else ():
            if part["type"] == "output_text":
                texts.append(part["text"])
                logprobs = logprobs or part.get("logprobs")
            elif part["type"] == "refusal":
                refusal = part["refusal"]
    reason = _fields(answer.get("incomplete_details")).get("reason")
    usage = _fields(answer.get("usage"))
    calls = tuple(_call(item) for item in answer["output"] if item["type"] == "function_call")
    ended = {"max_output_tokens": "length", None: "tool_calls" if calls else "stop"}
    output = Output(
        "".join(texts),
        str(answer.get("model") or ""),
        _usage(usage, ("input_tokens", "output_tokens", "input_tokens_details")),
        _refusal(refusal, filtered=reason == "content_filter"),
        truncated=reason == "max_output_tokens",
        tools=calls,
        finish_reason=ended.get(reason, str(reason)),
        response=_kept(answer),
    )
    return output, logprobs


def _kept(answer: Mapping[str, Any], message: Mapping[str, Any] | None = None) -> str:
    """What an answer says beside its text, as JSON: its id, its times, the details of its usage.

    `message` adds its own further fields, such as annotations. Of too much only what is short at
    the top stays, with `"cut": true`.
    """
    kept = {name: value for name, value in answer.items() if name not in _ELSEWHERE}
    more = {n: v for n, v in (message or {}).items() if v and n not in _ELSEWHERE}
    try:
        text = json.dumps(kept | ({"message": more} if more else {}))
        if len(text) <= _MOST_KEPT:
            return text
    except RecursionError:
        pass
    short = {
        name: value
        for name, value in kept.items()
        if isinstance(value, int | float) or (isinstance(value, str) and len(value) <= _MOST_SHORT)
    }
    text = json.dumps({**short, "cut": True})
    return text if len(text) <= _MOST_KEPT else '{"cut": true}'


def _refuse_error(fields: Mapping[str, Any]) -> None:
    """Raise Garbage for an answer, or a choice, that tells of a failure under status 200."""
    error, reason = fields.get("error"), fields.get("finish_reason")
    if error or reason in _FAILED:
        said = _fields(error).get("message") or error or f"finish_reason {reason!r}"
        raise Garbage(f"the answer is an error: {shorten(str(said))}")


def _call(item: Mapping[str, Any]) -> Mapping[str, Any]:
    """A function call in the shape of chat completions, so that both dialects read alike."""
    function = {"name": item["name"], "arguments": item["arguments"]}
    return {"id": item.get("call_id", ""), "type": "function", "function": function}


def _joined(content: Any) -> str:
    if content is None or isinstance(content, str):
        return content or ""
    return "".join(str(part["text"]) for part in content if part.get("type") == "text")


def _fields(value: Any) -> Mapping[str, Any]:
    """The object that should stand here, or an empty one."""
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else {}


def _refusal(said: Any, *, filtered: bool) -> str | None:
    return str(said) if said else ("the endpoint filtered the answer" if filtered else None)


def _usage(usage: Mapping[str, Any], names: tuple[str, str, str]) -> Usage:
    """The counts of an answer. One that no answer can have is unknown, which counts as 0."""
    cached = _fields(usage.get(names[2])).get("cached_tokens")
    prompt, completion = _count(usage.get(names[0])), _count(usage.get(names[1]))
    return Usage(prompt, completion, min(_count(cached), prompt))


def _count(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return 0
    return int(value) if 0 <= value <= _MOST_TOKENS and value == int(value) else 0


DIALECTS: dict[Api, Dialect] = {
    "chat": Dialect("/chat/completions", _ask_chat, _read_chat),
    "responses": Dialect("/responses", _ask_responses, _read_responses),
}
